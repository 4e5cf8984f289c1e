"""A run that was found without a token may belong to someone else. The task never stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import NotFoundError, RunTimeoutError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, StateStore, Tenant, Time, deferral, event

if TYPE_CHECKING:
    from tests.unit.operators.stage import StateStore as Store

TIMEOUT = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}


@pytest.fixture(params=["state store", "XCom alone"])
def attempt(request: pytest.FixtureRequest, tenant: Tenant) -> Attempt:
    """Return a try whose submission gets no response, with and without a state store."""
    tenant.lost = 1
    store: Store | None = StateStore() if request.param == "state store" else None
    return Attempt(store=store)


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **{"deferrable": True, **arguments})


def test_the_task_waits_for_a_guessed_run_after_the_settle_time(
    tenant: Tenant, attempt: Attempt, clock: Time
) -> None:
    deferred = deferral(operator(), attempt)
    assert (deferred.trigger.run_id, deferred.trigger.cancel_on_kill) == ("j-1", False)
    assert clock.slept == pytest.approx(30, abs=1)
    tenant.end()
    assert operator().execute_complete(attempt.context(), event(tenant))["run_id"] == "j-1"
    assert tenant.submissions() == 1


def test_a_guessed_run_counts_as_known_because_a_list_has_shown_it(tenant: Tenant, attempt: Attempt) -> None:
    def forget(line: str) -> None:
        if line == "GET /j-1":
            raise NotFoundError("unknown", status=404)

    tenant.on_request = forget
    # A run that was never shown would be lost after a minute, and a retry would start a second one.
    assert deferral(operator(), attempt).trigger.known


def test_a_timeout_does_not_stop_a_guessed_run(tenant: Tenant, attempt: Attempt) -> None:
    deferral(operator(), attempt)
    with pytest.raises(RunTimeoutError):
        operator().execute_complete(attempt.context(), TIMEOUT)
    with pytest.raises(RunTimeoutError):
        operator().resume_execution("__fail__", {"error": "Trigger timeout"}, attempt.context())
    assert tenant.stops() == []


def test_a_guessed_run_is_not_stopped_after_its_trigger_crashed(tenant: Tenant, attempt: Attempt) -> None:
    deferred = deferral(operator(), attempt)
    crashed = {"error": "Trigger failure"}
    for _ in range(3):
        task = operator()
        with pytest.raises(type(deferred)) as caught:
            task.resume_execution("__fail__", crashed, attempt.context())
        assert caught.value.trigger.cancel_on_kill is False
    with pytest.raises(Exception, match="crashed 4 times"):
        operator().resume_execution("__fail__", crashed, attempt.context())
    assert tenant.stops() == []


def test_a_kill_does_not_stop_a_guessed_run(
    tenant: Tenant, attempt: Attempt, kill_driver: Any, clock: Time
) -> None:
    task = operator(deferrable=False)
    # Once the settle time is over, the task waits for the run.
    clock.on_sleep.append(lambda: task.on_kill() if task.attempt and task.attempt.is_waiting else None)
    with pytest.raises(SystemExit, match="j-1"):
        task.act(attempt.context())
    assert tenant.stops() == []
