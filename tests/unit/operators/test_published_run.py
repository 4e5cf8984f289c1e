"""What an operator publishes when it has started or found its run."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant
from airflow_provider_dataops.errors import RunFailedError, ServerError
from airflow_provider_dataops.lifecycle.published import PublishedWait
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch
from tests.unit.operators.stage import PAST, Attempt, Hook, StateStore, deferral
from tests.unit.operators.tamr_loads import operator
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant, Time

WATCH = "dataops_watch"


def published(task: TamrLoadSourceOperator, store: StateStore, **attempt: Any) -> dict[str, Any]:
    """Run a process of a task, and return what it has published with its only write of that key."""
    store.writes.clear()
    with suppress(TaskDeferred):
        task.act(Attempt(store=store, **attempt).context())
    assert store.writes.count(WATCH) == 1
    value: dict[str, Any] = store.rows[WATCH]
    read = PublishedWait.read(value)
    assert read is not None
    assert read.as_json() == value
    return value


def test_a_deferred_task_publishes_its_run_with_the_state_of_the_first_request(
    tenant: Tenant, clock: Time
) -> None:
    store = StateStore()
    value = published(operator(deferrable=True, timeout=3_600, poll_interval=45), store)
    assert {name: v for name, v in value.items() if not name.endswith("_at") and name != "deadline"} == {
        "format": 1,
        "platform": "tamr",
        "title": "Tamr",
        "noun": "job",
        "conn_id": "tamr_default",
        "run_id": "j-1",
        "condition": None,
        "url": "https://my-tenant.tamr.cloud/",
        "reattached": False,
        "adopted": None,
        "poll_interval": 45.0,
        "mode": "deferred",
        "state": "running",
        "raw_state": "RUNNING",
    }
    now = time.time()
    assert now - 60 < value["started_at"] <= value["attached_at"] == value["seen_at"] <= now
    assert value["deadline"] == pytest.approx(now + 3_600, abs=60)
    # The record was stored before, and is not stored again.
    assert store.writes == ["dataops_run", "dataops_run", WATCH]


def test_the_trigger_gets_the_published_state(tenant: Tenant) -> None:
    assert deferral(operator(deferrable=True), Attempt()).trigger.published_state == "RUNNING"
    assert deferral(operator(deferrable=True), Attempt(store=None)).trigger.published_state is None


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("wait_for_completion", [True, False])
def test_a_task_on_a_worker_publishes_its_run(
    tenant: Tenant, clock: Time, durable: bool, wait_for_completion: bool
) -> None:
    clock.on_sleep.append(tenant.end)
    task = operator(deferrable=False, durable=durable, wait_for_completion=wait_for_completion)
    value = published(task, StateStore())
    assert (value["run_id"], value["mode"], value["state"]) == ("j-1", "worker", "running")


def test_a_deferrable_task_whose_run_has_ended_publishes_its_end(tenant: Tenant) -> None:
    tenant.status = {"state": "DONE"}
    value = published(operator(deferrable=True), StateStore())
    assert (value["run_id"], value["mode"], value["state"]) == ("j-1", "worker", "succeeded")


def test_the_state_is_unknown_if_the_first_request_failed(tenant: Tenant) -> None:
    tenant.status_errors = [ServerError("down", status=503)]
    value = published(operator(deferrable=True), StateStore())
    assert (value["mode"], value["state"], value["raw_state"], value["seen_at"]) == (
        "deferred",
        None,
        None,
        None,
    )


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_retry_publishes_the_run_of_the_earlier_try(tenant: Tenant, clock: Time, deferrable: bool) -> None:
    store = StateStore()
    first = published(operator(deferrable=True), store)
    clock.slept = 600.0
    clock.on_sleep.append(tenant.end)
    value = published(operator(deferrable=deferrable), store, try_number=2)
    assert (value["run_id"], value["reattached"], value["state"]) == ("j-1", True, "running")
    # The record does not contain the time of the submission, but Tamr reports since when the job has run.
    assert value["started_at"] == instant(PAST)
    assert value["attached_at"] >= first["attached_at"] + 600.0
    assert value["mode"] == ("deferred" if deferrable else "worker")


def test_an_adopted_run_was_submitted_by_this_try(tenant: Tenant, clock: Time) -> None:
    tenant.lost = 1
    value = published(operator(deferrable=True), StateStore())
    assert (value["adopted"], value["reattached"]) == ("guessed", False)
    assert value["started_at"] == pytest.approx(value["attached_at"] - 30, abs=5)


def test_a_run_without_an_id_has_none(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(self: TamrJobLaunch, token: str) -> Any:
        yield from self.api.list_jobs(max_pages=1)
        return RunSnapshot(run_id=f"untracked-{token}", state=RunState.UNTRACKED, raw_state="accepted")

    monkeypatch.setattr(TamrJobLaunch, "submit", submit)
    value = published(operator(wait_for_completion=False), StateStore())
    assert (value["run_id"], value["state"]) == (None, "untracked")


def test_a_run_that_failed_was_published_before_the_task_fails(tenant: Tenant) -> None:
    tenant.status = {"state": "DONE", "error": {"reason": "X"}}
    store = StateStore()
    with pytest.raises(RunFailedError):
        operator(deferrable=True).act(Attempt(store=store).context())
    assert store.rows[WATCH]["state"] == "failed"


def test_the_option_leaves_out_the_state(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    api = tamr(options=Options(publish_progress=False))
    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda self: Hook(tenant, self.pause, api))
    store = StateStore()
    deferred = deferral(operator(deferrable=True), Attempt(store=store))
    assert (store.rows[WATCH]["run_id"], store.rows[WATCH]["state"]) == ("j-1", None)
    assert deferred.trigger.published_state is None


class Refusing(StateStore):
    """A store that does not accept what is published, for instance because a newer try has begun."""

    def set(self, key: str, value: Any) -> None:
        if key == WATCH:
            raise RuntimeError("404 Task instance not found")
        super().set(key, value)


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_task_continues_if_airflow_does_not_store_it(
    tenant: Tenant, clock: Time, capsys: pytest.CaptureFixture[str], deferrable: bool
) -> None:
    attempt = Attempt(store=Refusing())
    task = operator(deferrable=deferrable)
    if deferrable:
        # The trigger publishes the first state that it sees, because the page knows none.
        assert deferral(task, attempt).trigger.published_state is None
    else:
        clock.on_sleep.append(tenant.end)
        assert task.act(attempt.context())["state"] == "succeeded"
    log = capsys.readouterr().out
    assert "what the page Remote runs shows" in log
    assert "404 Task instance not found" in log
    assert tenant.stops() == []


def test_airflow_before_3_3_publishes_nothing(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    deferral(operator(deferrable=True), Attempt(store=None))
    assert "Remote runs" not in capsys.readouterr().out
