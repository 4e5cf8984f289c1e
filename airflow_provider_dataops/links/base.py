"""The link from a task in Airflow's UI to its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class RunLink(BaseOperatorLink):
    """The link to the run that a task started or waits for.

    The operator pushes the URL to XCom as soon as it is known. Airflow calls :meth:`get_link` at the end of
    each try, and stores the result. So the link comes from memory or from XCom, and costs no request.
    """

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL; empty if no run is known."""
        known = getattr(operator, "run_url", None)
        if known is not None:
            return str(known)
        from airflow.providers.common.compat.sdk import XCom

        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")
