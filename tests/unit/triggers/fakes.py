"""A platform, a connection and a watch in memory, on the time of the running loop."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.core.watch import RunWatch
from airflow_provider_dataops.errors import ApiError, ServerError
from airflow_provider_dataops.polling.connections import SharedConnection
from airflow_provider_dataops.triggers.base import RunTrigger
from tests.loops import LoopClock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

#: Tests set it to find out in which context code runs.
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class FakeApi(Api):
    platform = "Fake"


def api(**settings: Any) -> FakeApi:
    """Return a platform whose session needs no certificates."""
    values = {"conn_id": "c", "base_url": "https://fake.invalid", "verify_ssl": False, **settings}
    return FakeApi(Settings(**values))


@dataclass(frozen=True)
class SentRequest:
    """One request: its time, its context, its runs, and whether it is a sweep of all runs."""

    at: float
    sweep: bool
    run_ids: frozenset[str]
    who: str


@dataclass
class FakePlatform:
    """Runs, and the requests for their states.

    :param failing: returns the error for a request, or ``None``.
    :param takes: how many seconds a response takes.
    """

    states: dict[str, RunState] = field(default_factory=dict)
    failing: Callable[[SentRequest], Exception | None] = lambda _: None
    takes: float = 0.0
    requests: list[SentRequest] = field(default_factory=list)
    most_at_once: int = 0
    _open: int = 0

    async def answer(self, sweep: bool, run_ids: frozenset[str]) -> dict[str, RunSnapshot]:
        request = SentRequest(asyncio.get_running_loop().time(), sweep, run_ids, WHO.get())
        self.requests.append(request)
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        await asyncio.sleep(self.takes)
        self._open -= 1
        error = self.failing(request)
        if error is not None:
            raise error
        return {
            run_id: RunSnapshot(run_id=run_id, state=self.states.get(run_id, RunState.RUNNING))
            for run_id in run_ids
        }

    @property
    def times(self) -> list[float]:
        """The times of the requests."""
        return [request.at for request in self.requests]


@dataclass
class FakeDriver:
    """Runs the exchanges of :class:`FakeWatch`. They yield the arguments of :meth:`FakePlatform.answer`."""

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
    sweeps: ClassVar[bool] = True
    group: str = "group"

    def sweep(
        self, api: Any, watches: Mapping[str, Any], cache: Any = None
    ) -> Generator[Any, Any, dict[str, RunSnapshot]]:
        snapshots: dict[str, RunSnapshot] = yield True, frozenset(watches)
        return snapshots

    def look(self, api: Any) -> Generator[Any, Any, RunSnapshot]:
        snapshots: dict[str, RunSnapshot] = yield False, frozenset({self.run_id})
        return snapshots[self.run_id]


class SingleWatch(FakeWatch):
    """A watch on a platform without lists."""

    sweeps = False


class LockingApi(FakeApi):
    locks_out = True


def connection(platform: FakePlatform, *, locks_out: bool = False, **settings: Any) -> SharedConnection:
    """Return a connection to a platform in memory. Call this on the loop that uses the connection."""
    fake = api(**settings)
    driver = FakeDriver(platform, LockingApi(fake.settings) if locks_out else fake)
    return SharedConnection(driver)  # type: ignore[arg-type]


class FakeRunTrigger(FakeWatch, RunTrigger):
    """A trigger for the platform in memory."""

    conn_type = "tamr"


class SingleRunTrigger(FakeRunTrigger):
    """A trigger on a platform without lists."""

    sweeps = False


def trigger(run_id: str = "r-1", *, deadline: float = 1e12, poll_interval: float = 30.0) -> FakeRunTrigger:
    return FakeRunTrigger(conn_id="c", run_id=run_id, deadline=deadline, poll_interval=poll_interval)


def outage(until: float, *, retry_after: float | None = None) -> Callable[[SentRequest], Exception | None]:
    """Return a function that answers requests with 503 until a point in time."""
    return lambda request: (
        ServerError("down", status=503, retry_after=retry_after) if request.at < until else None
    )
