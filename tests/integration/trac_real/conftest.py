"""TRAC's own runtimes, and models that they have really imported.

The fixtures:

`trac_runtime`   a `TracRuntime`, once for each version in devtools/trac. `run(body)` takes the body of a
                 submit-job request, and runs the job to its end. `rows(selector)` reads an output. A body
                 that a gateway would refuse raises `RequestRefusedError`. `errors(messages)` checks any
                 JSON against TRAC's own declaration of the message.
`trac_models`    selectors of the imported models, by class name. All are in module `loans`, path `MODEL_PATH`
                 of repository `MODEL_REPOSITORY`, and written in Python:
                 LoanBook     rows INTEGER -> loans(loan_id, balance)
                 ScaledLoans  factor FLOAT, loans -> scaled(loan_id, balance); raises when factor < 0
                 Echo         one parameter of each type -> values(parameter, value), with Python's repr
`loans`          selector of a dataset of three loans that LoanBook made: balances 100.5, 201 and 301.5

A test is skipped only if a runtime cannot be installed. Then the reason for the skip names the runtime.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devtools.trac.runtime import (
    MODEL_REPOSITORY,
    FinishedJob,
    RuntimeUnavailableError,
    TracRuntime,
    install,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL_PATH = "src"


def import_model(runtime: TracRuntime, model_class: str, /, **more: Any) -> FinishedJob:
    details = {
        "language": "python",
        "repository": MODEL_REPOSITORY,
        "path": MODEL_PATH,
        "entryPoint": model_class,
        "version": "v1",
    }
    return runtime.run({"job": {"jobType": "IMPORT_MODEL", "importModel": details | more}})


def run_model(runtime: TracRuntime, model: Mapping[str, Any], **details: Any) -> FinishedJob:
    return runtime.run({"job": {"jobType": "RUN_MODEL", "runModel": {"model": model, **details}}})


@pytest.fixture(scope="session", params=versions())
def trac_runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TracRuntime:
    try:
        python = install(request.param)
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
    return TracRuntime(
        python,
        request.param,
        home=tmp_path_factory.mktemp("trac"),
        models=Path(__file__).with_name("models"),
    )


@pytest.fixture(scope="session")
def trac_models(trac_runtime: TracRuntime) -> dict[str, dict[str, Any]]:
    selectors = {}
    for name in ("LoanBook", "ScaledLoans", "Echo"):
        job = import_model(trac_runtime, f"loans.{name}")
        assert (job.status, job.message) == ("SUCCEEDED", "")
        assert job.model is not None
        selectors[name] = job.model
    return selectors


@pytest.fixture(scope="session")
def loans(trac_runtime: TracRuntime, trac_models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    rows = {"type": {"basicType": "INTEGER"}, "integerValue": "3"}
    job = run_model(trac_runtime, trac_models["LoanBook"], parameters={"rows": rows})
    assert (job.status, job.message) == ("SUCCEEDED", "")
    return job.outputs["loans"]
