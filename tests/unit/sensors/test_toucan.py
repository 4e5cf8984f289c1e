"""What the Toucan sensor sends, and how it handles the responses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

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
    """Let the sensor send its requests to a backend, and return the response for its operation."""
    payload: dict[str, Any] = {"status": "running"}
    paths: list[str] = []

    def answer(request: Any) -> Any:
        paths.append(request.path)
        return reply(body=payload)

    backend: Any = SimpleNamespace(answer=answer)
    monkeypatch.setattr(ToucanOperationSensor, "make_hook", lambda _: Hook(backend, lambda _: None, toucan()))
    monkeypatch.setattr(ToucanOperationSensor, "paths", paths, raising=False)
    return payload


def sensor(**arguments: Any) -> ToucanOperationSensor:
    return ToucanOperationSensor(**{"task_id": "t", "operation_id": "op-1", **arguments})


def test_the_sensor_waits_for_the_end(state: dict[str, Any]) -> None:
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
    assert task.paths == ["/other/operations/state/op-1"] * 2


def test_a_failed_operation_fails_the_sensor(state: dict[str, Any]) -> None:
    state.update(status="failed", why="broken")
    with pytest.raises(RunFailedError, match=r"Toucan operation op-1 ended failed: .*broken"):
        sensor().poke(CONTEXT)


def test_the_trigger_waits_for_the_operation(state: dict[str, Any]) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(deferrable=True, poke_interval=20).execute(CONTEXT)
    trigger = caught.value.trigger
    assert isinstance(trigger, ToucanOperationTrigger)
    assert (trigger.run_id, trigger.small_app, trigger.poll_interval) == ("op-1", "app", 20.0)


@pytest.mark.parametrize("arguments", [{"operation_id": ""}, {"operation_id": None}, {"toucan_conn_id": " "}])
def test_invalid_arguments_fail_before_a_request_is_sent(
    state: dict[str, Any], arguments: dict[str, Any]
) -> None:
    task: Any = sensor(**arguments)
    with pytest.raises(PermanentError, match=next(iter(arguments))):
        task.execute(CONTEXT)
    assert task.paths == []
