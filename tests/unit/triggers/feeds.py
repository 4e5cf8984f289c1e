"""An event trigger, its platform and Airflow's store for its mark, all in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.feed import Ended, Listing, RunFeed
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.lifecycle.marks import NumberMark
from airflow_provider_dataops.polling.feeds import FeedSnapshot
from airflow_provider_dataops.triggers.events import EventTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


class FakeFeed(RunFeed):
    """Runs with numbers. A poll yields the arguments of ``FakePlatform.answer``."""

    tamr_conn_id: str = "c"
    pipeline: str = "p"

    conn_type = "tamr"

    def poll(self, api: Any, before: Listing | None) -> Any:
        snapshots = yield True, frozenset({"r-1", "r-2"})
        ended = [run for run in snapshots.values() if run.state.is_final]
        return listing(
            *(int(run.run_id[2:]) for run in ended), number_of_polls=1 + getattr(before, "memory", 0)
        )


class FakeEventTrigger(FakeFeed, EventTrigger):
    """An event trigger for the platform in memory."""

    mark_class = NumberMark


def listing(
    *ended: int, failed: tuple[int, ...] = (), still_open: tuple[int, ...] = (), number_of_polls: int = 1
) -> Listing:
    """Return a list of runs, by their numbers."""
    states = dict.fromkeys(ended, RunState.SUCCEEDED) | dict.fromkeys(failed, RunState.FAILED)
    runs = {f"r-{n}": _ended(n, state) for n, state in states.items()}
    return Listing(ended=runs, open_numbers=frozenset(still_open), memory=number_of_polls)


def _ended(number: int, state: RunState) -> Ended:
    payload = {"run_id": f"r-{number}", "state": str(state)}
    return Ended(
        run_id=f"r-{number}", payload=lambda: payload, state=state, number=number, ended_at=float(number)
    )


def snapshot(*ended: int, scope: str = "here", **more: Any) -> FeedSnapshot:
    return FeedSnapshot(listing(*ended, **more), scope)


class FakeStore:
    """Airflow's asset state store: the assets of one trigger, with their values by key."""

    def __init__(self, *assets: str) -> None:
        self.values: dict[str, dict[str, Any]] = {asset: {} for asset in assets or ("asset",)}
        self.error: Exception | None = None
        self.writes = 0

    def accessors(self) -> Any:
        """Return what Airflow sets as ``asset_state_store``."""
        accessors = type("Accessors", (), {})()
        accessors._by_name = {asset: _Accessor(self, asset) for asset in self.values}
        return accessors

    async def write(self, asset: str, key: str, value: Any) -> None:
        """Store a value, as Airflow does when a trigger calls ``aset``."""
        if self.error is not None:
            raise self.error
        self.writes += 1
        self.values[asset][key] = value

    def marks(self, asset: str = "asset") -> list[Any]:
        """Return the stored marks of an asset."""
        return list(self.values[asset].values())


class _Accessor:
    def __init__(self, store: FakeStore, asset: str) -> None:
        self._store, self._asset = store, asset

    async def aget(self, key: str) -> Any:
        if self._store.error is not None:
            raise self._store.error
        return self._store.values[self._asset].get(key)

    async def aset(self, key: str, value: Any) -> None:
        await self._store.write(self._asset, key, value)


def trigger(store: FakeStore | None = None, **arguments: Any) -> FakeEventTrigger:
    """Return a trigger as the triggerer starts it."""
    started = FakeEventTrigger(**arguments)
    started.asset_state_store = None if store is None else store.accessors()
    return started


async def fired(started: FakeEventTrigger, snapshots: Iterable[FeedSnapshot]) -> list[list[str]]:
    """Give snapshots to a trigger, and return the ids of the runs that each of them fires."""
    events: list[list[str]] = []

    async def stream() -> AsyncIterator[FeedSnapshot]:
        for one in snapshots:
            events.append([])
            yield one

    async for event in started.filter_shared_stream(stream()):
        events[-1].append(event.payload["run_id"])
    return events


async def commit(*snapshots: FeedSnapshot) -> None:
    """Store what the triggers want to store after their events."""
    for one in snapshots:
        for store in one.commits:
            await store()
