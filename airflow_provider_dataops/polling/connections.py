"""What triggers of one connection share in the triggerer: a session, a login, a gate and the pollers."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from airflow_provider_dataops.adapters.secrets import aregister_secret
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.errors import ApiError
from airflow_provider_dataops.transport.aio import AsyncDriver
from airflow_provider_dataops.transport.gate import RequestGate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.polling.poller import Poller

T = TypeVar("T")

#: Requests of one connection that are under way at the same time: fewer than the refusals that lock an
#: account on any of the platforms.
PARALLEL = 4
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
    _lanes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL), init=False)

    @property
    def api(self) -> Api:
        """The platform."""
        return self.driver.api

    async def ask(self, exchange: Exchange[T]) -> T:
        """Run an exchange once it may be sent.

        :raises ApiError: if it failed; the caller decides when to ask again.
        """
        async with self._lanes:
            return await self._ask(exchange)

    async def _ask(self, exchange: Exchange[T]) -> T:
        clock = self.driver.clock
        while (wait := self.gate.wait(clock.monotonic())) > 0:
            self.reopened.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.reopened.wait()
        if (refusal := self.gate.refusal(clock.monotonic())) is not None:
            exchange.close()
            raise refusal
        try:
            value = await self.driver.run(exchange)
        except ApiError as error:
            self.gate.failed(error, clock.monotonic())
            raise
        self.gate.succeeded()
        self.reopened.set()
        return value


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
