"""How the states of all waits of a triggerer are published: few at a time, and in no wait's way."""

from __future__ import annotations

import asyncio
import gc
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.lifecycle.progress import WaitProgress
from airflow_provider_dataops.polling import publisher
from airflow_provider_dataops.polling.publisher import PER_SECOND, forget, publish
from tests.loops import LoopClock, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("task")


class Trigger:
    """A trigger of a task instance, with what it knows about its run."""

    def __init__(self, number: int = 0) -> None:
        self.task_instance = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=number)
        self.progress = WaitProgress(0.0, f"j-{number}")

    def sees(self, raw_state: str, state: RunState = RunState.RUNNING) -> None:
        snapshot = RunSnapshot(run_id=self.progress.run_id, state=state, raw_state=raw_state)
        self.progress.ending(snapshot, LoopClock().monotonic(), None, LOG)
        publish(self, self.progress)  # type: ignore[arg-type]


class Airflow:
    """The XComs that triggers have stored, with the time of each."""

    def __init__(self) -> None:
        self.stored: list[tuple[float, int, dict[str, Any]]] = []
        self.takes = 0.028
        self.error: Exception | None = None
        self.requests = 0

    async def store(self, ti: Any, key: str, value: dict[str, Any]) -> None:
        assert key == "dataops_progress"
        self.requests += 1
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        self.stored.append((at, ti.map_index, value))

    @property
    def states(self) -> list[tuple[int, str]]:
        return [(number, value["raw_state"]) for _, number, value in self.stored]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, loop_clock: LoopClock) -> Airflow:
    fake = Airflow()
    monkeypatch.setattr(publisher, "astore_xcom", fake.store)
    return fake


def play(*acts: tuple[float, Callable[[], None]], until: float = 1_000.0) -> None:
    """Call functions at their times on a loop with virtual time."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for at, act in acts:
            loop.call_at(at, act)
        await asyncio.sleep(until)

    run_virtual(main())


def test_a_state_is_stored_once(airflow: Airflow) -> None:
    trigger = Trigger()
    play(*((float(second), lambda: trigger.sees("RUNNING")) for second in range(20)))
    [(at, _, value)] = airflow.stored
    assert at == 0.0
    assert (value["state"], value["raw_state"], value["ended"]) == ("running", "RUNNING", False)


def test_the_last_state_wins_and_at_most_five_are_stored_a_second(airflow: Airflow) -> None:
    triggers = [Trigger(number) for number in range(60)]

    def all_see(raw_state: str) -> None:
        for trigger in triggers:
            trigger.sees(raw_state)

    play((0.0, lambda: all_see("QUEUED")), (1.0, lambda: all_see("RUNNING")))
    times = [at for at, _, _ in airflow.stored]
    assert all(later - at >= 1.0 for at, later in zip(times, times[PER_SECOND:], strict=False))
    # The first few had the old state already, so they were stored twice.
    assert 60 < len(airflow.stored) <= 60 + PER_SECOND
    assert dict(airflow.states) == dict.fromkeys(range(60), "RUNNING")


def test_a_state_that_has_changed_back_is_not_stored(airflow: Airflow) -> None:
    first, second = Trigger(1), Trigger(2)
    airflow.takes = 5.0
    play(
        (0.0, lambda: second.sees("A")),
        (10.0, lambda: first.sees("A")),
        (11.0, lambda: second.sees("B")),
        (12.0, lambda: second.sees("A")),
    )
    assert airflow.states == [(2, "A"), (1, "A")]


def test_a_change_while_the_state_is_being_stored_is_stored_after_it(airflow: Airflow) -> None:
    trigger = Trigger()
    airflow.takes = 5.0
    play((0.0, lambda: trigger.sees("A")), (1.0, lambda: trigger.sees("B")))
    assert airflow.states == [(0, "A"), (0, "B")]


def test_the_state_of_a_trigger_that_has_ended_is_not_stored(airflow: Airflow) -> None:
    first, second = Trigger(1), Trigger(2)
    airflow.takes = 5.0
    play(
        (0.0, lambda: first.sees("A")),
        (1.0, lambda: second.sees("A")),
        (2.0, lambda: forget(second)),  # type: ignore[arg-type]
        (3.0, lambda: forget(first)),  # type: ignore[arg-type]
    )
    assert airflow.states == [(1, "A")]


def test_an_error_is_logged_once_until_a_state_is_stored(
    airflow: Airflow, caplog: pytest.LogCaptureFixture
) -> None:
    trigger = Trigger()

    def fails(error: Exception | None) -> None:
        airflow.error = error

    play(
        (0.0, lambda: fails(RuntimeError("404 first"))),
        *((1.0 + second, lambda s=second: trigger.sees(f"A{s}")) for second in range(5)),
        (10.0, lambda: fails(None)),
        (11.0, lambda: trigger.sees("B")),
        (12.0, lambda: fails(RuntimeError("404 second"))),
        (13.0, lambda: trigger.sees("C")),
        (20.0, lambda: fails(None)),
        (21.0, lambda: trigger.sees("D")),
    )
    assert airflow.requests == 8
    assert airflow.states == [(0, "B"), (0, "D")]
    lines = [r.getMessage() for r in caplog.records if r.name == publisher.__name__]
    assert [line.rpartition("RuntimeError")[2] for line in lines] == ["('404 first')", "('404 second')"]
    assert all("The waits are not affected" in line for line in lines)


def test_a_state_that_was_not_stored_is_stored_after_the_next_response(airflow: Airflow) -> None:
    trigger = Trigger()
    airflow.error = RuntimeError("503")
    play(
        (0.0, lambda: trigger.sees("A")),
        (1.0, lambda: setattr(airflow, "error", None)),
        (2.0, lambda: trigger.sees("A")),
    )
    assert airflow.states == [(0, "A")]


def test_nothing_remains_when_the_event_loop_ends(airflow: Airflow) -> None:
    airflow.takes = 100.0
    trigger, waiting = Trigger(1), Trigger(2)
    play((0.0, lambda: trigger.sees("A")), (1.0, lambda: waiting.sees("A")), until=2.0)
    gc.collect()
    assert airflow.stored == []
    assert len(publisher._publishers) == 0


def test_the_publisher_writes_into_no_tasks_log(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.triggers.fakes import WHO

    who: list[str] = []

    async def store(*_: object) -> None:
        who.append(WHO.get())

    monkeypatch.setattr(publisher, "astore_xcom", store)

    def see() -> None:
        WHO.set("a trigger")
        Trigger().sees("A")

    play((0.0, see))
    assert who == ["nobody"]


class TestNothingIsPublished:
    def test_without_a_task_instance(self, airflow: Airflow) -> None:
        """For instance in ``airflow dags test``, where the trigger runs in the process of the task."""
        trigger = Trigger()
        trigger.task_instance = None  # type: ignore[assignment]
        play((0.0, lambda: trigger.sees("A")))
        assert airflow.requests == 0

    def test_by_an_airflow_before_3_3(self, airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(publisher, "IS_ASYNC", False)
        trigger = Trigger()
        play((0.0, lambda: trigger.sees("A")))
        assert airflow.requests == 0
