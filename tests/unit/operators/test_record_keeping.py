"""What a task stores while it waits on a worker. ``test_generations`` tests the record."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.tasks import publication
from tests.unit.operators.stage import Attempt
from tests.unit.operators.tamr_loads import operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.operators.stage import Tenant, Time


class Stored:
    """The states that a worker has published, with the second of the wait in which it did."""

    def __init__(self, clock: Time) -> None:
        self._clock = clock
        self.values: list[tuple[float, dict[str, Any]]] = []
        self.on_store: Callable[[], None] = lambda: None

    def store(self, ti: Any, key: str, value: dict[str, Any]) -> None:
        assert (ti.task_id, key) == ("t", "dataops_progress")
        self.values.append((self._clock.slept, value))
        self.on_store()

    @property
    def states(self) -> list[tuple[str | None, str | None]]:
        return [(value["raw_state"], value["error"]) for _, value in self.values]


@pytest.fixture
def stored(clock: Time, monkeypatch: pytest.MonkeyPatch) -> Stored:
    fake = Stored(clock)
    monkeypatch.setattr(publication, "store_xcom", fake.store)
    return fake


def at(clock: Time, second: float, act: Callable[[], Any]) -> None:
    """Call a function once, when the task has waited for some seconds."""
    waiting = [act]
    clock.on_sleep.append(lambda: waiting.pop()() if waiting and clock.slept >= second else None)


def change(tenant: Tenant, state: str) -> Callable[[], None]:
    return lambda: tenant.jobs["j-1"]["status"].update(state=state)


def test_a_waiting_worker_publishes_a_change_of_the_state(
    tenant: Tenant, clock: Time, stored: Stored
) -> None:
    tenant.status = {"state": "PENDING"}
    at(clock, 60, change(tenant, "RUNNING"))
    at(clock, 300, tenant.end)
    operator(deferrable=False).act(Attempt().context())
    [(second, value)] = stored.values
    assert 60 <= second < 75
    assert (value["state"], value["raw_state"], value["ended"]) == ("running", "RUNNING", False)


def test_a_short_run_costs_no_request(tenant: Tenant, clock: Time, stored: Stored) -> None:
    tenant.status = {"state": "PENDING"}
    at(clock, 1, change(tenant, "RUNNING"))
    at(clock, 8, tenant.end)
    operator(deferrable=False).act(Attempt().context())
    assert stored.values == []


def test_changes_are_published_ten_seconds_apart_and_the_last_state_wins(
    tenant: Tenant, clock: Time, stored: Stored
) -> None:
    tenant.status = {"state": "PENDING"}
    states = ["RUNNING", "CANCELING"] * 12
    for number, state in enumerate(states):
        at(clock, 3.0 * number, change(tenant, state))
    at(clock, 200, tenant.end)
    operator(deferrable=False, poll_interval=1).act(Attempt().context())
    times = [second for second, _ in stored.values]
    assert len(times) > 3
    assert all(later - before >= 9.5 for before, later in pairwise(times))
    assert stored.states[-1][0] == states[-1]


def test_an_outage_is_published_with_its_end(tenant: Tenant, clock: Time, stored: Stored) -> None:
    errors = [ServerError(f"down {number}", status=503) for number in range(5)]
    at(clock, 60, lambda: tenant.status_errors.extend(errors))
    at(clock, 300, tenant.end)
    operator(deferrable=False).act(Attempt().context())
    assert stored.states == [("RUNNING", "down 0"), ("RUNNING", None)]


def test_an_error_of_airflow_does_not_end_the_wait(
    tenant: Tenant, clock: Time, stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("503")

    stored.on_store = fail
    at(clock, 60, change(tenant, "CANCELING"))
    at(clock, 300, tenant.end)
    assert operator(deferrable=False).act(Attempt().context())["state"] == "succeeded"
    assert len(stored.values) == 1
    assert capsys.readouterr().out.count("what the page Remote runs shows") == 1


def test_a_kill_while_the_state_is_stored_stops_the_run_after_it(
    tenant: Tenant, clock: Time, stored: Stored, kill_driver: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The interrupted request may hang. Airflow then kills the process, and the retry waits for the run."""
    task = operator(deferrable=False)

    def kill() -> None:
        task.on_kill()
        assert tenant.stops() == []

    stored.on_store = kill
    at(clock, 60, change(tenant, "CANCELING"))
    with pytest.raises(SystemExit, match="j-1"):
        task.act(Attempt().context())
    assert tenant.stops() == ["POST /j-1:stop"]
    assert "killed during a request to Airflow" in capsys.readouterr().out


def test_airflow_before_3_3_publishes_nothing(tenant: Tenant, clock: Time, stored: Stored) -> None:
    at(clock, 60, change(tenant, "CANCELING"))
    at(clock, 300, tenant.end)
    operator(deferrable=False).act(Attempt(store=None).context())
    assert stored.values == []
