"""What triggers of one connection share in the triggerer: a session, a login, a gate and the pollers."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from airflow_provider_dataops.adapters.secrets import aregister_secret
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.http import Request
from airflow_provider_dataops.errors import ApiError
from airflow_provider_dataops.polling.lanes import Lanes
from airflow_provider_dataops.transport.aio import AsyncDriver
from airflow_provider_dataops.transport.gate import RequestGate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Hashable

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.polling.poller import Poller

T = TypeVar("T")

#: A session is kept this long after the last trigger left it, in seconds.
LINGER = 30.0


@dataclass(eq=False)
class SharedConnection:
    """One base URL with one set of credentials and TLS settings, on one event loop."""

    driver: AsyncDriver
    gate: RequestGate = field(default_factory=RequestGate)
    reopened: asyncio.Event = field(default_factory=asyncio.Event)
    pollers: dict[str, Poller] = field(default_factory=dict)
    users: int = 0
    closing: asyncio.TimerHandle | None = None
    life: AsyncGenerator[None] = field(init=False)
    _lanes: Lanes = field(init=False)

    def __post_init__(self) -> None:
        """Make the lanes."""
        self._lanes = Lanes(is_trusted=not self.api.locks_out)

    @property
    def api(self) -> Api:
        """The platform."""
        return self.driver.api

    async def ask(self, exchange: Exchange[T], group: Hashable) -> T:
        """Run an exchange once it may be sent.

        :param group: whose turn it takes: the requests of one group do not keep those of another waiting.
        :raises ApiError: if it failed; the caller decides when to ask again.
        """
        async with self._lanes.lane(group) as lane:
            sent_at = await self._admitted(exchange)
            lane.give_up_later()
            return await self._run(exchange, sent_at)

    async def _admitted(self, exchange: Exchange[Any]) -> float:
        """Wait until a request may be sent, and return when that was.

        :raises ApiError: the refusal of the credentials, if they are not to be sent again.
        """
        while True:
            now = self.driver.clock.monotonic()
            if (refusal := self.gate.refusal(now)) is not None:
                raise _as_answer_to(exchange, refusal)
            if (wait := self.gate.wait(now)) <= 0:
                return now
            self.reopened.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.reopened.wait()

    async def _run(self, exchange: Exchange[T], sent_at: float) -> T:
        try:
            value = await self.driver.run(exchange)
        except ApiError as error:
            now = self.driver.clock.monotonic()
            self.gate.failed(error, sent_at, now)
            if self.gate.refusal(now) is not None:
                # Nobody has to wait for what is known.
                self.reopened.set()
            raise
        self.gate.succeeded(sent_at)
        self.reopened.set()
        return value


def _as_answer_to(exchange: Exchange[Any], refusal: ApiError) -> ApiError:
    """Return the refusal of another request as the reason why the one of an exchange is not sent."""
    with closing(exchange):
        step = next(exchange, None)
    if isinstance(step, Request):
        refusal.operation, refusal.method, refusal.path = step.operation, step.method, step.path
    return refusal.again_as(
        type(refusal), f"not sent, since the credentials were refused before: {refusal.message}"
    )


_Key = tuple[int, type["Api"], str]
_connections: dict[_Key, SharedConnection] = {}
#: A lock exists as long as a trigger holds it or waits for it.
_opening: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()


@asynccontextmanager
async def shared(api: Api) -> AsyncIterator[SharedConnection]:
    """Use the connection that all triggers with the same settings share on this event loop."""
    key = (id(asyncio.get_running_loop()), type(api), api.settings.account_key)
    connection = await _joined(key, api)
    try:
        yield connection
    finally:
        connection.users -= 1
        if connection.users == 0:
            # Without the context of the trigger that happens to leave last: its logger would be kept alive.
            connection.closing = asyncio.get_running_loop().call_later(
                LINGER, _close, key, connection, context=contextvars.Context()
            )


async def _joined(key: _Key, api: Api) -> SharedConnection:
    async with _opening.setdefault(key, asyncio.Lock()):
        connection = _connections.get(key)
        if connection is None:
            driver = AsyncDriver(api, register_secret=aregister_secret, clock=SYSTEM_CLOCK)
            await driver.open()
            connection = _connections[key] = SharedConnection(driver)
            connection.life = _live(key, connection)
            await anext(connection.life)
    connection.users += 1
    if connection.closing is not None:
        connection.closing.cancel()
        connection.closing = None
    return connection


async def _live(key: _Key, connection: SharedConnection) -> AsyncGenerator[None]:
    """Close the connection when this is closed: at the end of its time, or by the loop at its own end.

    A loop closes its asynchronous generators; of timers it does not run those that are left. ``dag.test()``
    has a loop for each deferral.
    """
    try:
        yield
    finally:
        if _connections.get(key) is connection:
            _connections.pop(key)
        await connection.driver.close()


_closings: set[asyncio.Task[None]] = set()


def _close(key: _Key, connection: SharedConnection) -> None:
    # Removed before it is closed: the next trigger opens a new connection.
    _connections.pop(key, None)
    task = asyncio.ensure_future(connection.life.aclose())
    _closings.add(task)
    task.add_done_callback(_closings.discard)
