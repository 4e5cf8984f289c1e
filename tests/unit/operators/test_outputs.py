"""The values that a task also stores as separate XComs. A DAG can use ``task.output["job_id"]``."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator, TamrStopJobOperator
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from tests.unit.operators.stage import Attempt, Hook, Tenant, deferral, event
from tests.unit.operators.tamr_loads import operator
from tests.unit.task_classes import task_classes

RESULT = {"run_id": "j-1", "job_id": "j-1", "state": "succeeded", "history": []}


def pushed(result: Any, **arguments: Any) -> dict[str, Any]:
    """Return the XComs that a task stores in addition to this result."""
    attempt = Attempt()
    task: Any = TamrLoadSourceOperator(task_id="load", source_id="s", **arguments)
    task.act = lambda _: result
    assert task.execute(attempt.context()) == result
    return attempt.xcoms


def test_the_next_task_can_take_the_id_of_the_run() -> None:
    with DAG("d", schedule=None):
        load: Any = TamrLoadSourceOperator(task_id="load", source_id="s")
        TamrStopJobOperator(task_id="stop", job_id=load.output["job_id"])
    assert load.output["job_id"].key == "job_id"
    assert pushed(RESULT) == {"job_id": "j-1"}


def test_a_task_that_waited_in_the_triggerer_stores_the_id_too(tenant: Tenant) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    operator().execute_complete(attempt.context(), event(tenant))
    assert attempt.xcoms["job_id"] == "j-1"


def test_a_task_whose_trigger_is_gone_stores_the_id_too(tenant: Tenant) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    operator().resume_execution("__fail__", {"error": "Trigger timeout"}, attempt.context())
    assert attempt.xcoms["job_id"] == "j-1"


def test_a_sensor_stores_the_id_too(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TamrJobSensor, "make_hook", lambda _: Hook(tenant, lambda _: None))
    deferral(operator(deferrable=True), Attempt())
    tenant.end()
    at_once, resumed = Attempt(), Attempt()
    TamrJobSensor(task_id="t", job_id="j-1").execute(at_once.context())
    TamrJobSensor(task_id="t", job_id="j-1").execute_complete(resumed.context(), event(tenant))
    assert at_once.xcoms["job_id"] == resumed.xcoms["job_id"] == "j-1"


def test_a_task_without_xcoms_stores_none() -> None:
    assert pushed(RESULT, do_xcom_push=False) == {}


def test_airflow_stores_all_values_of_multiple_outputs_itself() -> None:
    assert pushed(RESULT, multiple_outputs=True) == {}


@pytest.mark.parametrize("result", [None, "text", [RESULT]])
def test_a_result_without_keys_stores_none(result: Any) -> None:
    assert pushed(result) == {}


@pytest.mark.parametrize("cls", task_classes(), ids=lambda cls: cls.__name__)
def test_the_docstring_lists_the_one_or_two_output_keys(cls: Any) -> None:
    returns = (inspect.getdoc(cls) or "").partition("Returns")[2]
    if "``run_id``" in returns or "``object_id``" in returns:
        assert 1 <= len(cls.output_keys) <= 2
        assert all(f"``{key}``" in returns for key in cls.output_keys)
