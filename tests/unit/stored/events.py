"""The events of triggers, and what a task passes to the process that resumes it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk.execution_time.xcom import XCom

from airflow_provider_dataops.core.clock import SystemClock
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from tests.unit.operators.stage import SLOTS_TAKEN, Attempt, Hook, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The time at which tasks defer, in seconds since the epoch.
NOW = 1_800_000_000.0
MESSAGE = "HTTP 503: maintenance"


def snapshot(state: RunState) -> RunSnapshot:
    """Return a run with a value in each field."""
    return RunSnapshot(
        run_id="run-1",
        state=state,
        raw_state=state.upper(),
        started_at="2026-11-20T10:00:00.000Z",
        finished_at="2026-11-20T10:05:00.000Z",
        message="why",
        details={"job_id": "run-1", "outputs": [{"name": "a", "rows": 3}], "warnings": None},
    )


def run_events() -> dict[str, Any]:
    """Return an event for each final state of a run, and one for each other ending of a wait."""
    ended = {f"finished {state}": RunEvent.finished(snapshot(state)) for state in RunState if state.is_final}
    others = {
        str(ending): RunEvent(ending=ending, run_id="run-1", message=MESSAGE, permanent=True)
        for ending in Ending
        if ending is not Ending.FINISHED
    }
    return {name: event.as_json() for name, event in (ended | others).items()}


def condition_events() -> dict[str, Any]:
    """Return an event for each ending of a wait for a condition."""
    met = ConditionEvent(ending=Ending.FINISHED, value={"count": 3, "ids": ["a", "b"]})
    others = [
        ConditionEvent(ending=ending, message=MESSAGE, permanent=True)
        for ending in (Ending.TIMEOUT, Ending.UNREACHABLE)
    ]
    return {str(event.ending): event.as_json() for event in (met, *others)}


def run_operator() -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", deferrable=True, timeout=3600)


def run_sensor() -> TamrJobSensor:
    return TamrJobSensor(task_id="t", job_id="j-1", deferrable=True)


@contextmanager
def staged(tenant: Tenant) -> Iterator[None]:
    """Let tasks use a Tamr tenant in memory, and a clock that stands still, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        for cls in (TamrLoadSourceOperator, TamrJobSensor):
            patch.setattr(cls, "make_hook", lambda self: Hook(tenant, lambda _: None))
        patch.setattr(XCom, "_set_xcom_in_db", lambda **row: None)
        patch.setattr(SystemClock, "wall", lambda self: NOW)
        patch.setattr(SystemClock, "random", lambda self: 0.5)
        yield


def deferral(task: Any, tenant: Tenant) -> dict[str, Any]:
    """Run a task until it defers. Return the method that resumes it, and the arguments of this method."""
    with staged(tenant), pytest.raises(TaskDeferred) as caught:
        # Airflow logs a warning if something other than its task runner calls ``execute``.
        (task._execute if isinstance(task, TamrJobSensor) else task.act)(Attempt().context())
    return {"next_method": caught.value.method_name, "next_kwargs": caught.value.kwargs or {}}


def deferrals() -> dict[str, Any]:
    """Return how Airflow resumes a deferred task.

    The operators of all platforms defer in the same two places, and all sensors in one.
    """
    tenant = Tenant()
    return {
        "operator waits for its run": deferral(run_operator(), tenant),
        "operator waits for a slot": deferral(run_operator(), Tenant(submit_errors=[SLOTS_TAKEN])),
        "sensor": deferral(run_sensor(), tenant),
    }
