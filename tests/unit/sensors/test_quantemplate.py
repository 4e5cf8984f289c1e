"""A certain execution, or the next one after a run number."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_dataops.errors import RunCancelledError
from airflow_provider_dataops.sensors.quantemplate import QuantemplateExecutionSensor
from airflow_provider_dataops.triggers.quantemplate import (
    QuantemplateExecutionTrigger,
    QuantemplateNextExecutionTrigger,
)
from tests.unit.operators.stage import PAST, Attempt, Hook, Pipeline
from tests.unit.platforms.apis import quantemplate

CONTEXT = Attempt().context()
FORMS: dict[str, dict[str, Any]] = {
    "a certain one": {"execution_id": "e-1"},
    "the next one": {"after_run_number": 0},
    "the next one, rendered": {"after_run_number": "0"},
}


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Put a pipeline with one running execution behind the sensor."""
    running = {"id": "e-1", "runNumber": 1, "status": "Started", "createdAt": PAST}
    there = Pipeline({"p-1": [running]})
    monkeypatch.setattr(
        QuantemplateExecutionSensor, "make_hook", lambda _: Hook(there, lambda _: None, quantemplate())
    )
    return there


def sensor(form: str, **arguments: Any) -> QuantemplateExecutionSensor:
    return QuantemplateExecutionSensor(task_id="t", pipeline_id="p-1", **FORMS[form], **arguments)


@pytest.mark.parametrize("form", FORMS)
def test_its_end_is_waited_for(pipeline: Pipeline, form: str) -> None:
    assert sensor(form).poke(CONTEXT) is False
    pipeline.end()
    told = sensor(form).poke(CONTEXT)
    assert isinstance(told, PokeReturnValue)
    assert (told.xcom_value["run_id"], told.xcom_value["run_number"]) == ("e-1", 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("word", ["Canceled", "Cancelled"])
def test_one_that_was_cancelled_is_no_success(pipeline: Pipeline, form: str, word: str) -> None:
    pipeline.end(word)
    with pytest.raises(RunCancelledError, match="e-1"):
        sensor(form).poke(CONTEXT)


@pytest.mark.parametrize("form", FORMS)
def test_the_triggerer_waits_for_the_same(pipeline: Pipeline, form: str) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(form, deferrable=True).execute(CONTEXT)
    trigger = caught.value.trigger
    if form == "a certain one":
        assert isinstance(trigger, QuantemplateExecutionTrigger)
        assert trigger.run_id == "e-1"
    else:
        assert isinstance(trigger, QuantemplateNextExecutionTrigger)
        assert trigger.after_run_number == 0


@pytest.mark.parametrize("form", FORMS)
def test_all_ways_return_the_same(pipeline: Pipeline, form: str) -> None:
    pipeline.end()
    polled = sensor(form).execute(CONTEXT)
    found_at_once = sensor(form, deferrable=True).execute(CONTEXT)
    hook = Hook(pipeline, lambda _: None, quantemplate())
    snapshot = hook.run(hook.api.get_execution("c-1", "p-1", "e-1")).snapshot("p-1", "c-1").as_json()
    told = {"ending": "finished", "message": "", "permanent": False}
    event = (
        {**told, "run_id": "e-1", "snapshot": snapshot}
        if form == "a certain one"
        else {**told, "value": snapshot}
    )
    assert sensor(form).execute_complete(CONTEXT, event) == polled == found_at_once


def test_the_next_one_may_not_have_begun(pipeline: Pipeline) -> None:
    assert (
        QuantemplateExecutionSensor(task_id="t", pipeline_id="p-1", after_run_number=1).poke(CONTEXT) is False
    )
