"""The poll that event triggers share, in Airflow's own manager of shared streams."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome, SharedStreamManager

from airflow_provider_dataops.lifecycle.marks import NumberMark
from airflow_provider_dataops.triggers import streams
from airflow_provider_dataops.triggers.streams import SETTLE, FeedProducer
from tests.loops import run_virtual
from tests.unit.triggers.feeds import FakeEventTrigger, FakeStore, snapshot, trigger

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from airflow_provider_dataops.polling.feeds import FeedSnapshot

STORED = {1: NumberMark(highest=1).as_json(), 2: NumberMark(highest=2).as_json()}


class Triggerer:
    """Runs event triggers as Airflow's triggerer does, and confirms their events when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.polls: asyncio.Queue[FeedSnapshot] = asyncio.Queue()
        self.events: list[str] = []
        self._unconfirmed: list[int] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._manager = SharedStreamManager(_now=lambda: asyncio.get_running_loop().time())

        async def snapshots(_: Any) -> AsyncGenerator[FeedSnapshot]:
            while True:
                yield await self.polls.get()

        monkeypatch.setattr(FakeEventTrigger, "snapshots", snapshots)

    def start(self, number: int, started: FakeEventTrigger) -> None:
        self._tasks[number] = asyncio.create_task(self._run(number, started))

    async def _run(self, number: int, started: FakeEventTrigger) -> None:
        key = started.shared_stream_key()
        assert key is not None
        stream = self._manager.subscribe(trigger_id=number, trigger=started, key=key)
        try:
            async for event in started.filter_shared_stream(stream):
                seq = self._manager.bind_pending_event(trigger_id=number, key=key)
                assert seq is not None
                self._unconfirmed.append(seq)
                self.events.append(event.payload["run_id"])
        finally:
            await self._manager.unsubscribe(number, key)
            await started.cleanup()

    async def poll(self, *ended: int, **more: Any) -> None:
        """Let the shared poll return a list, and the triggers handle it."""
        self.polls.put_nowait(snapshot(*ended, **more))
        await asyncio.sleep(0.01)

    async def confirm(self) -> None:
        """Report to the triggers that Airflow has stored all events."""
        self._manager.confirm_persisted(self._unconfirmed)
        self._unconfirmed.clear()
        await asyncio.sleep(0.01)

    async def stop(self, number: int) -> None:
        """End a trigger, because its DAG was paused or the triggerer stops."""
        self._tasks[number].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks.pop(number)

    async def close(self) -> None:
        for number in list(self._tasks):
            await self.stop(number)


@pytest.fixture
def triggerer(monkeypatch: pytest.MonkeyPatch) -> Triggerer:
    return Triggerer(monkeypatch)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def test_a_mark_is_stored_some_seconds_after_the_event(triggerer: Triggerer, store: FakeStore) -> None:
    async def main() -> None:
        triggerer.start(1, trigger(store))
        await triggerer.poll(1)
        await triggerer.poll(1, 2)
        assert triggerer.events == ["r-2"]
        await asyncio.sleep(100.0)
        assert store.marks() == [STORED[1]]
        await triggerer.confirm()
        await asyncio.sleep(SETTLE - 1.0)
        assert store.marks() == [STORED[1]]
        await asyncio.sleep(1.1)
        assert store.marks() == [STORED[2]]
        await triggerer.close()

    run_virtual(main())


def test_the_marks_of_events_that_follow_quickly_do_not_wait_for_one_another(
    triggerer: Triggerer, store: FakeStore
) -> None:
    async def main() -> None:
        triggerer.start(1, trigger(store))
        await triggerer.poll(1)
        for number in range(2, 6):
            await triggerer.poll(*range(1, number + 1))
            await triggerer.confirm()
            await asyncio.sleep(1.0)
        assert store.marks() == [STORED[1]]
        await asyncio.sleep(SETTLE - 0.5)
        assert store.marks() == [NumberMark(highest=5).as_json()]
        await triggerer.close()

    run_virtual(main())


@pytest.mark.parametrize("confirmed", [False, True], ids=["before", "after"])
def test_a_stop_before_the_mark_repeats_the_event(
    triggerer: Triggerer, store: FakeStore, confirmed: bool
) -> None:
    """Airflow 3.3.2 confirms an event of a paused DAG without storing it, so a confirmation is not enough."""

    async def main() -> None:
        triggerer.start(1, trigger(store))
        await triggerer.poll(1)
        await triggerer.poll(1, 2)
        if confirmed:
            await triggerer.confirm()
        before = asyncio.get_running_loop().time()
        await triggerer.stop(1)
        # A stop that waited for the settle time would delay each deployment.
        assert asyncio.get_running_loop().time() - before < 1.0
        await asyncio.sleep(2 * SETTLE)
        assert store.marks() == [STORED[1]]
        triggerer.start(2, trigger(store))
        await triggerer.poll(1, 2)
        assert triggerer.events == ["r-2", "r-2"]
        await triggerer.close()

    run_virtual(main())


def test_a_stop_of_one_trigger_does_not_store_its_mark_with_the_others(triggerer: Triggerer) -> None:
    paused, other = FakeStore(), FakeStore()

    async def main() -> None:
        triggerer.start(1, trigger(paused))
        triggerer.start(2, trigger(other, states=["succeeded", "failed"]))
        await triggerer.poll(1)
        await triggerer.poll(1, 2)
        await triggerer.confirm()
        await triggerer.stop(1)
        await asyncio.sleep(2 * SETTLE)
        assert (paused.marks(), other.marks()) == ([STORED[1]], [STORED[2]])
        await triggerer.close()

    run_virtual(main())


def test_a_trigger_that_joins_later_gets_what_ended_before(triggerer: Triggerer) -> None:
    early, late = FakeStore(), FakeStore()

    async def main() -> None:
        triggerer.start(1, trigger(late, states=["failed"]))
        await triggerer.poll(1)
        await triggerer.stop(1)
        triggerer.start(2, trigger(early))
        await triggerer.poll(1, failed=(2,))
        triggerer.start(3, trigger(late, states=["failed"]))
        await asyncio.sleep(0.01)
        await triggerer.poll(1, failed=(2,))
        assert triggerer.events == ["r-2"]
        await triggerer.close()

    run_virtual(main())


def test_an_error_of_the_store_ends_nothing(
    triggerer: Triggerer, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        triggerer.start(1, trigger(store))
        await triggerer.poll(1)
        await triggerer.poll(1, 2)
        store.error = RuntimeError("no response")
        await triggerer.confirm()
        await asyncio.sleep(SETTLE + 1.0)
        store.error = None
        await triggerer.poll(1, 2)
        # The next snapshot offers the mark again, although it has no event.
        await asyncio.sleep(SETTLE + 1.0)
        assert store.marks() == [STORED[2]]
        assert triggerer.events == ["r-2"]
        await triggerer.close()

    run_virtual(main())
    assert "could not be stored: RuntimeError('no response')" in caplog.text


def test_a_stop_does_not_wait_for_an_answer_of_airflow(
    triggerer: Triggerer, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A triggerer that stops no longer reads the answers of its supervisor."""

    async def main() -> None:
        triggerer.start(1, trigger(store))
        await triggerer.poll(1)
        await triggerer.poll(1, 2)
        monkeypatch.setattr(store, "write", _never)
        await triggerer.confirm()
        await asyncio.sleep(SETTLE + 1.0)
        before = asyncio.get_running_loop().time()
        await triggerer.stop(1)
        assert asyncio.get_running_loop().time() - before < 1.0

    run_virtual(main())


async def _never(*_: Any) -> None:
    await asyncio.sleep(1e6)


def test_a_trigger_that_airflow_has_ended_by_force_stores_nothing() -> None:
    stored: list[str] = []

    async def main() -> None:
        good, bad = snapshot(1), snapshot(1)
        for one, name in ((good, "good"), (bad, "bad")):
            one.commits.append(lambda name=name: _append(stored, name))  # type: ignore[misc]
        batch = [
            AdvanceItem(good, AdvanceOutcome(acked=2, failed=0)),
            AdvanceItem(bad, AdvanceOutcome(acked=1, failed=1)),
        ]

        async def nothing() -> AsyncGenerator[FeedSnapshot]:
            return
            yield

        await FeedProducer(nothing()).advance(batch)
        await asyncio.sleep(SETTLE + 0.1)

    run_virtual(main())
    assert stored == ["good"]


async def _append(names: list[str], name: str) -> None:
    names.append(name)


def test_the_settle_time_is_short_enough_for_airflow() -> None:
    """Airflow ends a trigger whose events wait for longer than 300 s."""
    assert 3.0 <= streams.SETTLE < 30.0
