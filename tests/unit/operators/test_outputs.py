"""The values that a task also stores as separate XComs. A DAG can use ``task.output["job_id"]``."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator, TamrStopJobOperator
from airflow_provider_dataops.registry import PLATFORMS
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.base import DataOpsTask
from tests.unit.operators.stage import Attempt

RESULT = {"run_id": "j-1", "job_id": "j-1", "state": "succeeded", "history": []}


def pushed(result: Any, **arguments: Any) -> dict[str, Any]:
    """Return the XComs that a task stores in addition to this result."""
    attempt = Attempt()
    task = TamrLoadSourceOperator(task_id="load", source_id="s", **arguments)
    task.post_execute(attempt.context(), result)
    return attempt.xcoms


def test_the_next_task_can_take_the_id_of_the_run() -> None:
    with DAG("d", schedule=None):
        load: Any = TamrLoadSourceOperator(task_id="load", source_id="s")
        TamrStopJobOperator(task_id="stop", job_id=load.output["job_id"])
    assert load.output["job_id"].key == "job_id"
    assert pushed(RESULT) == {"job_id": "j-1"}


def test_a_task_without_xcoms_stores_none() -> None:
    assert pushed(RESULT, do_xcom_push=False) == {}


def test_airflow_stores_all_values_of_multiple_outputs_itself() -> None:
    assert pushed(RESULT, multiple_outputs=True) == {}


@pytest.mark.parametrize("result", [None, "text", [RESULT]])
def test_a_result_without_keys_stores_none(result: Any) -> None:
    assert pushed(result) == {}


def classes() -> list[type[DataOpsTask]]:
    modules = [
        import_module(f"airflow_provider_dataops.{kind}.{platform}")
        for platform in PLATFORMS
        for kind in ("operators", "sensors")
    ]
    found = [value for module in modules for value in vars(module).values() if inspect.isclass(value)]
    return [cls for cls in found if issubclass(cls, DataOpsTask) and cls is not DataOpsSensor]


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_the_docstring_lists_the_one_or_two_output_keys(cls: Any) -> None:
    returns = (inspect.getdoc(cls) or "").partition("Returns")[2]
    if "``run_id``" in returns or "``object_id``" in returns:
        assert 1 <= len(cls.output_keys) <= 2
        assert all(f"``{key}``" in returns for key in cls.output_keys)
