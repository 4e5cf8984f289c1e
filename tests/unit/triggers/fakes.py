"""A platform, a connection and a watch that exist in memory, on the running loop's time."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.core.watch import RunWatch
from airflow_provider_dataops.errors import ApiError, ServerError
from airflow_provider_dataops.polling.connections import SharedConnection
from airflow_provider_dataops.triggers.base import RunTrigger
from tests.loops import LoopClock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

#: Set by tests to tell in whose context something runs.
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class FakeApi(Api):
    platform = "Fake"


def api(**settings: Any) -> FakeApi:
    """Return a platform whose session needs no certificates."""
    told = {"conn_id": "c", "base_url": "https://fake.invalid", "verify_ssl": False, **settings}
    return FakeApi(Settings(**told))


@dataclass(frozen=True)
class Asked:
    """One request: when, in whose context, and for which runs; a sweep or a look."""

    at: float
    sweep: bool
    run_ids: frozenset[str]
    who: str


@dataclass
class FakePlatform:
    """Runs, and what is asked about them.

    :param failing: tells for each request the error to answer with, or ``None``.
    """

    states: dict[str, RunState] = field(default_factory=dict)
    failing: Callable[[Asked], Exception | None] = lambda _: None
    takes: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    _open: int = 0

    async def answer(self, sweep: bool, run_ids: frozenset[str]) -> dict[str, RunSnapshot]:
        asked = Asked(asyncio.get_running_loop().time(), sweep, run_ids, WHO.get())
        self.asked.append(asked)
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        await asyncio.sleep(self.takes)
        self._open -= 1
        error = self.failing(asked)
        if error is not None:
            raise error
        return {
            run_id: RunSnapshot(run_id=run_id, state=self.states.get(run_id, RunState.RUNNING))
            for run_id in run_ids
        }

    @property
    def times(self) -> list[float]:
        """When requests came."""
        return [asked.at for asked in self.asked]


@dataclass
class FakeDriver:
    """Runs the exchanges of :class:`FakeWatch`, which yield what the platform is to answer."""

    platform: FakePlatform
    api: Api = field(default_factory=api)
    clock: LoopClock = field(default_factory=LoopClock)

    async def run(self, exchange: Any, policy: object = None) -> Any:
        step = next(exchange)
        try:
            try:
                value = await self.platform.answer(*step)
            except ApiError as error:
                exchange.throw(error)
            else:
                exchange.send(value)
        except StopIteration as done:
            return done.value
        raise AssertionError("the fake's exchanges have one step")

    async def close(self) -> None:
        pass


class FakeWatch(RunWatch):
    run_id: str = "r"
    sweeps: bool = True
    group: str = "group"

    def sweep(self, api: Any, keys: frozenset[str]) -> Generator[Any, Any, dict[str, RunSnapshot]]:
        return (yield True, keys)

    def look(self, api: Any) -> Generator[Any, Any, RunSnapshot]:
        return (yield False, frozenset({self.run_id}))[self.run_id]


class LockingApi(FakeApi):
    locks_out = True


def connection(platform: FakePlatform, *, locks_out: bool = False) -> SharedConnection:
    """Return a connection to a platform in memory; make it on the loop that uses it."""
    driver = FakeDriver(platform, LockingApi(api().settings) if locks_out else api())
    return SharedConnection(driver)  # type: ignore[arg-type]


class FakeRunTrigger(FakeWatch, RunTrigger):
    """A trigger whose platform the test puts in its place."""

    conn_type = "tamr"


def trigger(run_id: str = "r-1", *, deadline: float = 1e12, poll_interval: float = 30.0) -> FakeRunTrigger:
    return FakeRunTrigger(conn_id="c", run_id=run_id, deadline=deadline, poll_interval=poll_interval)


def outage(until: float, *, retry_after: float | None = None) -> Callable[[Asked], Exception | None]:
    """Return an answer of 503 until an instant."""
    return lambda asked: (
        ServerError("down", status=503, retry_after=retry_after) if asked.at < until else None
    )
