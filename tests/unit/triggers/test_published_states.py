"""What a trigger publishes for the page *Remote runs*, and that no event waits for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.polling import publisher
from airflow_provider_dataops.polling.publisher import PER_SECOND
from tests.loops import EPOCH, run_virtual
from tests.unit.triggers.bench import Bench, condition
from tests.unit.triggers.fakes import outage, trigger

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 600


class Written:
    """What the triggers have stored, in order."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.values: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.takes = 0.028

    async def store(self, ti: Any, key: str, value: dict[str, Any]) -> None:
        self.times.append(asyncio.get_running_loop().time())
        self.values.append(value)
        await asyncio.sleep(self.takes)
        if self.error is not None:
            raise self.error

    @property
    def states(self) -> list[str]:
        return [value["state"] for value in self.values]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    fake = Written()
    monkeypatch.setattr(publisher, "astore_xcom", fake.store)
    return fake


def of_a_task(waiting: Any, number: int = 0) -> Any:
    """Give a trigger the task instance that the triggerer gives it."""
    waiting.task_instance = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=number)
    return waiting


def all_change(bench: Bench) -> dict[str, tuple[float, str]]:
    """Let thousands of runs change at once, first their state and later to their end. Return all events."""
    names = [f"r-{number}" for number in range(MANY)]
    bench.platform.states = dict.fromkeys(names, RunState.PENDING)
    events: dict[str, tuple[float, str]] = {}

    async def wait(name: str, number: int) -> None:
        waiting = of_a_task(trigger(name), number)
        waiting.published_state = "pending"
        async for event in waiting.run():
            events[name] = asyncio.get_running_loop().time(), event.payload["snapshot"]["state"]

    async def main() -> None:
        waits = [asyncio.ensure_future(wait(name, number)) for number, name in enumerate(names)]
        await asyncio.sleep(60.0)
        bench.platform.states = dict.fromkeys(names, RunState.RUNNING)
        await asyncio.sleep(40.0)
        bench.platform.states = dict.fromkeys(names, RunState.SUCCEEDED)
        await asyncio.gather(*waits)

    run_virtual(main())
    return events


def test_thousands_of_changes_at_once_are_stored_slowly_and_delay_no_event(
    bench: Bench, written: Written
) -> None:
    events = all_change(bench)
    assert len(events) == MANY
    times = written.times
    assert all(later - at >= 1.0 for at, later in zip(times, times[PER_SECOND:], strict=False))
    # The publisher was busy all the time from the first change to the last event.
    busy = max(at for at, _ in events.values()) - times[0]
    assert 30.0 < busy < 60.0
    assert len(times) > busy * PER_SECOND * 0.8
    bench.options = Options(publish_progress=False)
    bench.connection = None
    assert all_change(bench) == events
    assert written.times == times


def test_the_end_of_a_run_is_stored_before_the_event_if_the_publisher_has_time(
    bench: Bench, written: Written
) -> None:
    async def end() -> None:
        await asyncio.sleep(100.0)
        bench.platform.states["r-1"] = RunState.SUCCEEDED

    at, _ = bench.wait_for(of_a_task(trigger()), end)
    assert written.states == ["running", "succeeded"]
    assert [value["ended"] for value in written.values] == [False, True]
    assert written.times[-1] <= at


def test_a_state_that_the_task_has_published_is_not_stored_again(bench: Bench, written: Written) -> None:
    waiting = of_a_task(trigger(deadline=EPOCH + 3_600.0))
    waiting.published_state = "running"
    bench.wait_for(waiting)
    assert written.values == []


def test_of_an_outage_the_first_failure_and_the_end_are_stored(bench: Bench, written: Written) -> None:
    waiting = of_a_task(trigger(deadline=EPOCH + 1_200.0))
    waiting.published_state = "running"
    bench.platform.failing = outage(until=600.0)
    bench.wait_for(waiting)
    first, last = written.values
    assert (first["state"], first["error"]) == (None, "down")
    assert first["failing_since"] == pytest.approx(written.times[0] + EPOCH)
    assert (last["state"], last["failing_since"], last["error"]) == ("running", None, None)
    assert written.times[1] >= 600.0


def test_of_a_condition_only_failures_are_stored(bench: Bench, written: Written) -> None:
    bench.platform.failing = lambda request: (
        ServerError("down", status=503) if 300.0 < request.at < 600.0 else None
    )
    bench.wait_for(of_a_task(condition(after=20)))
    assert [value["error"] for value in written.values] == ["down", None]
    assert written.values[1]["seen_at"] is not None


def test_the_wait_continues_if_airflow_does_not_store_a_state(bench: Bench, written: Written) -> None:
    written.error = RuntimeError("the supervisor does not know this message")

    async def end() -> None:
        await asyncio.sleep(100.0)
        bench.platform.states["r-1"] = RunState.SUCCEEDED

    at, event = bench.wait_for_run(of_a_task(trigger()), end)
    assert 100.0 <= at < 111.0
    assert event.snapshot is not None
    assert (written.states[0], written.states[-1]) == ("running", "succeeded")


@pytest.mark.parametrize("make", [trigger, condition])
def test_a_cleared_task_publishes_nothing_more(
    bench: Bench, written: Written, make: Callable[[], Any]
) -> None:
    """The XCom would appear in the next try of the task."""
    written.takes = 50.0
    bench.platform.failing = outage(until=1e9)

    async def main() -> None:
        waits = []
        for waiting in (trigger("r-1"), make()):
            waits.append(asyncio.ensure_future(anext(of_a_task(waiting).run())))
            await asyncio.sleep(10.0)
        assert len(publisher._publishers[asyncio.get_running_loop()]._waiting) == 1
        waits[1].cancel()
        await asyncio.wait([waits[1]])
        await asyncio.sleep(200.0)
        waits[0].cancel()

    run_virtual(main())
    assert len(written.values) == 1


def test_the_option_turns_it_off(bench: Bench, written: Written) -> None:
    bench.options = Options(publish_progress=False)
    bench.platform.failing = outage(until=300.0)
    for make in (trigger, condition):
        bench.connection = None
        bench.wait_for(of_a_task(make(deadline=EPOCH + 600.0)))
    assert written.values == []
