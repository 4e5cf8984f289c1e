"""A run that was found again without a token may be somebody else's: it is waited for, and never stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import RunTimeoutError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, StateStore, Tenant, Time, deferral, event

if TYPE_CHECKING:
    from tests.unit.operators.stage import StateStore as Store

TIMEOUT = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}


@pytest.fixture(params=["state store", "XCom alone"])
def attempt(request: pytest.FixtureRequest, tenant: Tenant) -> Attempt:
    """Return a try whose submission gets no answer, with each kind of memory."""
    tenant.lost = 1
    store: Store | None = StateStore() if request.param == "state store" else None
    return Attempt(store=store)


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **{"deferrable": True, **arguments})


def test_it_is_waited_for_once_the_listing_has_settled(tenant: Tenant, attempt: Attempt, clock: Time) -> None:
    deferred = deferral(operator(), attempt)
    assert (deferred.trigger.run_id, deferred.trigger.cancel_on_kill) == ("j-1", False)
    assert clock.slept == pytest.approx(30, abs=1)
    tenant.end()
    assert operator().execute_complete(attempt.context(), event(tenant))["run_id"] == "j-1"
    assert tenant.submissions() == 1


def test_it_is_not_stopped_when_the_time_is_over(tenant: Tenant, attempt: Attempt) -> None:
    deferral(operator(), attempt)
    with pytest.raises(RunTimeoutError):
        operator().execute_complete(attempt.context(), TIMEOUT)
    with pytest.raises(RunTimeoutError):
        operator().resume_execution("__fail__", {"error": "Trigger timeout"}, attempt.context())
    assert tenant.stops() == []


def test_it_is_still_a_guess_after_its_trigger_crashed(tenant: Tenant, attempt: Attempt) -> None:
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


def test_it_is_not_stopped_by_a_kill(tenant: Tenant, attempt: Attempt, quick: Any, clock: Time) -> None:
    task = operator(deferrable=False)
    # Once the settle time is over, the task waits for the run.
    clock.on_sleep.append(lambda: task.on_kill() if task.attempt and task.attempt.is_waiting else None)
    with pytest.raises(SystemExit, match="j-1"):
        task.act(attempt.context())
    assert tenant.stops() == []
