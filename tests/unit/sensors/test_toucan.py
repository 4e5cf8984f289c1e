"""What the Toucan sensor asks, and what it makes of the answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_dataops.errors import RunFailedError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.sensors.toucan import ToucanOperationSensor
from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger
from tests.unit.fakes import reply
from tests.unit.operators.stage import Attempt, Hook
from tests.unit.platforms.apis import toucan

CONTEXT = Attempt().context()


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Put an operation behind the sensor, and return what is told of it; every request is kept in it."""
    told: dict[str, Any] = {"status": "running"}
    asked: list[str] = []

    def answer(request: Any) -> Any:
        asked.append(request.path)
        return reply(body=told)

    backend: Any = SimpleNamespace(answer=answer)
    monkeypatch.setattr(ToucanOperationSensor, "make_hook", lambda _: Hook(backend, lambda _: None, toucan()))
    monkeypatch.setattr(ToucanOperationSensor, "asked_for", asked, raising=False)
    return told


def sensor(**arguments: Any) -> ToucanOperationSensor:
    return ToucanOperationSensor(**{"task_id": "t", "operation_id": "op-1", **arguments})


def test_it_waits_for_the_end(state: dict[str, Any]) -> None:
    task: Any = sensor(small_app="other")
    assert task.poke(CONTEXT) is False
    state["status"] = "successful"
    assert task.poke(CONTEXT).xcom_value == {
        "operation_id": "op-1",
        "small_app": "other",
        "run_id": "op-1",
        "state": "succeeded",
        "url": "https://demo.toucantoco.com/other",
        "started_at": None,
        "finished_at": None,
    }
    assert task.asked_for == ["/other/operations/state/op-1"] * 2


def test_a_failure_is_told(state: dict[str, Any]) -> None:
    state.update(status="failed", why="broken")
    with pytest.raises(RunFailedError, match=r"Toucan operation op-1 ended failed: .*broken"):
        sensor().poke(CONTEXT)


def test_it_waits_in_the_triggerer(state: dict[str, Any]) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(deferrable=True, poke_interval=20).execute(CONTEXT)
    trigger = caught.value.trigger
    assert isinstance(trigger, ToucanOperationTrigger)
    assert (trigger.run_id, trigger.small_app, trigger.poll_interval) == ("op-1", "app", 20.0)


@pytest.mark.parametrize("arguments", [{"operation_id": ""}, {"operation_id": None}, {"toucan_conn_id": " "}])
def test_arguments_that_make_no_sense_are_refused(state: dict[str, Any], arguments: dict[str, Any]) -> None:
    task: Any = sensor(**arguments)
    with pytest.raises(PermanentError, match=next(iter(arguments))):
        task.execute(CONTEXT)
    assert task.asked_for == []
