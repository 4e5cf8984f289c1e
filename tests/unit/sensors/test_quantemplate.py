"""The sensor waits for a given execution, or for the next one after a run number."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import PokeReturnValue

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
    "a given one": {"execution_id": "e-1"},
    "the next one": {"after_run_number": 0},
    "the next one, rendered": {"after_run_number": "0"},
}


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Let the sensor send its requests to a pipeline with one running execution."""
    running = {"id": "e-1", "runNumber": 1, "status": "Started", "createdAt": PAST}
    fake = Pipeline({"p-1": [running]})
    monkeypatch.setattr(
        QuantemplateExecutionSensor, "make_hook", lambda _: Hook(fake, lambda _: None, quantemplate())
    )
    return fake


def sensor(form: str, **arguments: Any) -> QuantemplateExecutionSensor:
    return QuantemplateExecutionSensor(task_id="t", pipeline_id="p-1", **FORMS[form], **arguments)


@pytest.mark.parametrize("form", FORMS)
def test_the_sensor_waits_for_the_end(pipeline: Pipeline, form: str) -> None:
    assert sensor(form).poke(CONTEXT) is False
    pipeline.end()
    result = sensor(form).poke(CONTEXT)
    assert isinstance(result, PokeReturnValue)
    assert isinstance(result.xcom_value, dict)
    assert (result.xcom_value["run_id"], result.xcom_value["run_number"]) == ("e-1", 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("word", ["Canceled", "Cancelled"])
def test_a_cancelled_execution_fails_the_sensor(pipeline: Pipeline, form: str, word: str) -> None:
    pipeline.end(word)
    with pytest.raises(RunCancelledError, match="e-1"):
        sensor(form).poke(CONTEXT)


@pytest.mark.parametrize("form", FORMS)
def test_the_trigger_waits_for_the_same_execution(pipeline: Pipeline, form: str) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(form, deferrable=True).execute(CONTEXT)
    trigger = caught.value.trigger
    if form == "a given one":
        assert isinstance(trigger, QuantemplateExecutionTrigger)
        assert trigger.run_id == "e-1"
    else:
        assert isinstance(trigger, QuantemplateNextExecutionTrigger)
        assert trigger.after_run_number == 0


@pytest.mark.parametrize("form", FORMS)
def test_all_modes_return_the_same_result(pipeline: Pipeline, form: str) -> None:
    pipeline.end()
    polled = sensor(form).execute(CONTEXT)
    found_at_once = sensor(form, deferrable=True).execute(CONTEXT)
    hook = Hook(pipeline, lambda _: None, quantemplate())
    snapshot = hook.run(hook.api.get_execution("c-1", "p-1", "e-1")).snapshot("p-1", "c-1").as_json()
    common = {"ending": "finished", "message": "", "permanent": False}
    event = (
        {**common, "run_id": "e-1", "snapshot": snapshot}
        if form == "a given one"
        else {**common, "value": snapshot}
    )
    assert sensor(form).execute_complete(CONTEXT, event) == polled == found_at_once


def test_the_next_execution_may_not_have_started(pipeline: Pipeline) -> None:
    assert (
        QuantemplateExecutionSensor(task_id="t", pipeline_id="p-1", after_run_number=1).poke(CONTEXT) is False
    )
