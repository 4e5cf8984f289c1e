"""Models for TRAC's own runtime, which imports and runs them in its own virtual environment."""

from __future__ import annotations

from typing import Any

import pandas
import tracdap.rt.api as trac

LOANS = (
    trac.define_field("loan_id", trac.INTEGER, label="Loan", business_key=True),
    trac.define_field("balance", trac.FLOAT, label="Balance"),
)


class LoanBook(trac.TracModel):
    """Creates loans, so that other models have an input dataset."""

    def define_parameters(self) -> Any:
        return trac.define_parameters(trac.define_parameter("rows", trac.INTEGER, label="How many loans"))

    def define_inputs(self) -> Any:
        return {}

    def define_outputs(self) -> Any:
        return {"loans": trac.define_output_table(*LOANS)}

    def run_model(self, ctx: Any) -> None:
        ids = list(range(1, ctx.get_parameter("rows") + 1))
        ctx.put_pandas_table("loans", pandas.DataFrame({"loan_id": ids, "balance": [100.5 * n for n in ids]}))


class ScaledLoans(trac.TracModel):
    """Multiplies the balances of loans by a factor."""

    def define_parameters(self) -> Any:
        return trac.define_parameters(trac.define_parameter("factor", trac.FLOAT, label="Factor"))

    def define_inputs(self) -> Any:
        return {"loans": trac.define_input_table(*LOANS)}

    def define_outputs(self) -> Any:
        return {"scaled": trac.define_output_table(*LOANS)}

    def run_model(self, ctx: Any) -> None:
        factor = ctx.get_parameter("factor")
        if factor < 0:
            raise ValueError("factor must not be negative")
        loans = ctx.get_pandas_table("loans")
        loans["balance"] *= factor
        ctx.put_pandas_table("scaled", loans)


class Echo(trac.TracModel):
    """Returns the Python value of a parameter of each type, as text."""

    def define_parameters(self) -> Any:
        array = trac.TypeDescriptor(
            trac.BasicType.ARRAY, arrayType=trac.TypeDescriptor(trac.BasicType.STRING)
        )
        mapping = trac.TypeDescriptor(trac.BasicType.MAP, mapType=trac.TypeDescriptor(trac.BasicType.INTEGER))
        return trac.define_parameters(
            trac.define_parameter("flag", trac.BOOLEAN, label="A boolean"),
            trac.define_parameter("count", trac.INTEGER, label="An integer"),
            trac.define_parameter("ratio", trac.FLOAT, label="A float"),
            trac.define_parameter("name", trac.STRING, label="A string"),
            trac.define_parameter("amount", trac.DECIMAL, label="A decimal"),
            trac.define_parameter("day", trac.DATE, label="A date"),
            trac.define_parameter("moment", trac.DATETIME, label="A datetime"),
            trac.define_parameter("regions", array, label="An array"),
            trac.define_parameter("weights", mapping, label="A map"),
        )

    def define_inputs(self) -> Any:
        return {}

    def define_outputs(self) -> Any:
        return {
            "values": trac.define_output_table(
                trac.define_field("parameter", trac.STRING, label="Name", business_key=True),
                trac.define_field("value", trac.STRING, label="Python's repr of the value"),
            )
        }

    def run_model(self, ctx: Any) -> None:
        values = {name: repr(ctx.get_parameter(name)) for name in self.define_parameters()}
        ctx.put_pandas_table("values", pandas.DataFrame(values.items(), columns=["parameter", "value"]))
