"""A task with the present release resumes after a wait that began in a triggerer with an earlier release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    DataOpsError,
    OutageError,
    RunCancelledError,
    RunFailedError,
    RunLostError,
    RunTimeoutError,
    UntrackedRunError,
)
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from tests.unit.operators.stage import Attempt, Tenant, event
from tests.unit.stored.events import MESSAGE, run_operator, run_sensor, snapshot, staged
from tests.unit.stored.folders import folders, samples

if TYPE_CHECKING:
    from pathlib import Path

#: The error that each event must cause.
ERRORS: dict[str, type[DataOpsError] | None] = {
    "finished succeeded": None,
    "finished failed": RunFailedError,
    "finished cancelled": RunCancelledError,
    "finished untracked": UntrackedRunError,
    "timeout": RunTimeoutError,
    "lost": RunLostError,
    "unreachable": OutageError,
}
RUN_EVENTS, CONDITION_EVENTS = (
    [
        pytest.param(name, payload, id=f"{folder.name} {name}")
        for folder in folders()
        for name, payload in samples(folder)[kind].items()
    ]
    for kind in ("run_events", "condition_events")
)
FOLDERS = [pytest.param(folder, id=folder.name) for folder in folders()]


@pytest.mark.parametrize(("name", "payload"), RUN_EVENTS)
def test_the_event_of_a_run_is_read(name: str, payload: dict[str, Any]) -> None:
    read = RunEvent.from_json(payload)
    ending, _, state = name.partition(" ")
    assert (read.run_id, read.ending) == ("run-1", Ending(ending))
    if state:
        assert read.snapshot == snapshot(RunState(state))
    else:
        assert (read.message, read.permanent) == (MESSAGE, True)
    error = read.failure(platform="Tamr", noun="job", url="https://x", limit="timeout=60 s")
    expected = ERRORS[name]
    assert error is None if expected is None else type(error) is expected


@pytest.mark.parametrize(("name", "payload"), CONDITION_EVENTS)
def test_the_event_of_a_condition_is_read(name: str, payload: dict[str, Any]) -> None:
    read = ConditionEvent.from_json(payload)
    assert read.ending is Ending(name)
    if read.ending is Ending.FINISHED:
        assert read.value == {"count": 3, "ids": ["a", "b"]}
    else:
        assert (read.message, read.permanent) == (MESSAGE, True)


def resume(task: Any, deferral: dict[str, Any], payload: Any) -> Any:
    """Resume a task with the event of its trigger, as Airflow does."""
    kwargs = {**deferral["next_kwargs"], "event": payload}
    return task.resume_execution(deferral["next_method"], kwargs, Attempt().context())


@pytest.fixture
def tenant() -> Tenant:
    """Return a tenant whose job has ended."""
    ended = Tenant()
    with staged(ended), pytest.raises(TaskDeferred):
        run_operator().act(Attempt().context())
    ended.end()
    return ended


@pytest.mark.parametrize("folder", FOLDERS)
class TestResume:
    def test_after_the_wait_for_a_run(self, folder: Path, tenant: Tenant) -> None:
        deferral = samples(folder)["deferrals"]["operator waits for its run"]
        sent = list(tenant.sent)
        with staged(tenant):
            payload = event(tenant)
            result = resume(run_operator(), deferral, payload)
        assert (result["run_id"], result["state"]) == ("j-1", "succeeded")
        assert result["url"] == deferral["next_kwargs"]["handover"]["url"]
        assert tenant.sent[len(sent) :] == ["GET /j-1"], "only the helper that makes the event reads the job"

    def test_after_the_wait_for_a_slot(self, folder: Path) -> None:
        deferral = samples(folder)["deferrals"]["operator waits for a slot"]
        pause = samples(folder)["triggers"]["airflow_provider_dataops.triggers.base.PauseTrigger"]
        free = Tenant()
        with staged(free), pytest.raises(TaskDeferred) as caught:
            resume(run_operator(), deferral, pause["payload"])
        assert free.submissions() == 1
        assert caught.value.trigger.deadline == pause["payload"]["deadline"]

    def test_of_a_sensor(self, folder: Path, tenant: Tenant) -> None:
        deferral = samples(folder)["deferrals"]["sensor"]
        with staged(tenant):
            result = resume(run_sensor(), deferral, event(tenant))
        assert (result["run_id"], result["state"]) == ("j-1", "succeeded")
