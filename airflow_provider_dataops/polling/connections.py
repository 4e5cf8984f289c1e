"""The objects that all triggers of a connection share: session, login, limits of requests, and pollers."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.adapters.secrets import aregister_secret
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.http import Request
from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.errors import ApiError
from airflow_provider_dataops.polling.deadline_timers import DeadlineTimers
from airflow_provider_dataops.polling.joint_task import JointTask
from airflow_provider_dataops.polling.lanes import Lane, Lanes
from airflow_provider_dataops.transport.aio import AsyncDriver
from airflow_provider_dataops.transport.gate import RequestGate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Hashable

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.metrics import Poll
    from airflow_provider_dataops.polling.poller import Poller

T = TypeVar("T")

#: A connection stays open for this many seconds after its last trigger has ended.
LINGER = 30.0
#: If a connection cannot be opened, it is opened once more after this many seconds.
OPEN_AGAIN = 2.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class SharedConnection:
    """Sends the requests of all triggers with the same base URL, credentials and TLS settings.

    Each event loop has its own shared connections.

    :param driver: sends the requests.
    :param gate: decides when the next request may be sent, for instance after a refusal.
    :param deadlines: the deadlines of the triggers that wait for a run.
    :param reopened: an event. It is set when the waiting requests must check the gate again.
    :param pollers: the pollers, by group.
    :param users: how many triggers use the connection.
    :param waits: how many of these triggers wait for a run.
    :param closing: the timer that closes the connection after its last trigger has ended.
    :param life: a generator. When this generator is closed, it closes the driver.
    """

    driver: AsyncDriver
    gate: RequestGate = field(default_factory=RequestGate)
    deadlines: DeadlineTimers = field(default_factory=DeadlineTimers)
    reopened: asyncio.Event = field(default_factory=asyncio.Event)
    pollers: dict[str, Poller] = field(default_factory=dict)
    users: int = 0
    waits: int = 0
    closing: asyncio.TimerHandle | None = None
    life: AsyncGenerator[None] = field(init=False)
    _lanes: Lanes = field(init=False)

    def __post_init__(self) -> None:
        """Create the lanes. Each lane is a place for one request at a time."""
        self.gate.refusals.is_accepted = not self.api.locks_out
        self._lanes = Lanes(self.api.settings.options.max_concurrent_requests, self.api.risks_lockout)

    @property
    def api(self) -> Api:
        """The platform and its settings."""
        return self.driver.api

    @property
    def most_requests(self) -> int:
        """How many requests of the connection may be under way at a time."""
        return self._lanes.limit

    async def turn(self, group: Hashable) -> Lane:
        """Wait until a request of this group may be sent. Return its lane, for :meth:`send`.

        :param group: the group of the request. Groups take turns, so no group blocks another.
        """
        return await self._lanes.turn(group)

    async def ask(self, exchange: Exchange[T], group: Hashable, operation: Poll) -> T:
        """Wait for a lane. Then send the requests of one call, and return the call's result.

        :param operation: what the call reads, for metrics.
        :raises ApiError: if a request failed. The caller decides when to try again.
        """
        return await self.send(exchange, await self.turn(group), operation)

    async def send(self, exchange: Exchange[T], lane: Lane, operation: Poll) -> T:
        """Send the requests of one call as soon as the gate allows it. Return the call's result.

        :param lane: the call's lane. It is free at the end.
        :param operation: what the call reads, for metrics.
        :raises ApiError: if a request failed. The caller decides when to try again.
        """
        try:
            sent_at = await self._admitted(exchange)
            lane.give_up_later()
            try:
                value = await self.driver.run(metrics.polled(exchange, self.api.platform, operation))
            except ApiError as error:
                now = self.driver.clock.monotonic()
                self.gate.failed(error, sent_at, now)
                # If these credentials are not sent again, the waiting requests can fail now.
                self.reopened.set()
                raise
            self.gate.succeeded(sent_at)
            self.reopened.set()
            return value
        finally:
            lane.release()

    async def _admitted(self, exchange: Exchange[Any]) -> float:
        """Wait until a request may be sent, and return the present time.

        :raises ApiError: if the credentials were rejected and must not be sent again.
        """
        while True:
            now = self.driver.clock.monotonic()
            if (refusal := self.gate.refusal(now)) is not None:
                raise _as_answer_to(exchange, refusal)
            was_open = self.gate.breaker.is_open
            if (wait := self.gate.wait(now)) <= 0:
                if self.gate.breaker.is_open and not was_open:
                    metrics.count(Counter.BREAKER_OPEN, self.api.platform)
                return now
            self.reopened.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.reopened.wait()


def _as_answer_to(exchange: Exchange[Any], refusal: ApiError) -> ApiError:
    """Return the error for a request that is not sent because the credentials were rejected before."""
    with closing(exchange):
        step = next(exchange, None)
    if isinstance(step, Request):
        refusal.operation, refusal.method, refusal.path = step.operation, step.method, step.path
    return refusal.again_as(
        type(refusal), f"not sent, because the credentials were rejected before: {refusal.message}"
    )


_Key = tuple[int, type["Api"], str]
_connections: dict[_Key, SharedConnection] = {}
#: The connections that are being opened.
_opening: dict[_Key, JointTask[SharedConnection]] = {}


async def join(api: Api) -> SharedConnection:
    """Return the connection that all triggers with the same settings share on this event loop.

    Call :func:`leave` at the end. The first trigger opens the connection. It is closed :data:`LINGER` seconds
    after the last trigger has left.

    :raises ConnectionSettingsError: if the certificates cannot be used.
    """
    key = _key(api)
    while (connection := _connections.get(key)) is None:
        if key not in _opening:
            _opening[key] = JointTask(_open(key, api), f"open connection {api.settings.conn_id}")
            _opening[key].task.add_done_callback(lambda _: _opening.pop(key, None))
        await _opening[key].result()
    connection.users += 1
    if connection.closing is not None:
        connection.closing.cancel()
        connection.closing = None
    return connection


async def _open(key: _Key, api: Api) -> SharedConnection:
    driver = AsyncDriver(api, register_secret=aregister_secret, clock=SYSTEM_CLOCK)
    try:
        await driver.open()
    except Exception as error:
        # Thousands of triggers may wait. The cause may be brief, such as a certificate that someone replaces.
        log.warning("The session of connection %s could not be opened: %r", api.settings.conn_id, error)
        await asyncio.sleep(OPEN_AGAIN)
        await driver.open()
    connection = SharedConnection(driver)
    connection.life = _live(key, connection)
    await anext(connection.life)
    _connections[key] = connection
    # The triggers that wait for the connection may all have been cancelled meanwhile.
    _close_later(connection)
    return connection


def leave(connection: SharedConnection) -> None:
    """Do not use a connection any more. Close it later if this was its last trigger."""
    connection.users -= 1
    if connection.users == 0:
        _close_later(connection)


def _close_later(connection: SharedConnection) -> None:
    # Use an empty context, because the context of the last trigger would keep that trigger's logger alive.
    connection.closing = asyncio.get_running_loop().call_later(
        LINGER, _close, _key(connection.api), connection, context=contextvars.Context()
    )


def _key(api: Api) -> _Key:
    return id(asyncio.get_running_loop()), type(api), api.settings.account_key


async def _live(key: _Key, connection: SharedConnection) -> AsyncGenerator[None]:
    """Close the connection when this generator is closed: by a timer, or at the end of the event loop.

    When an event loop ends, it closes its asynchronous generators but does not run the remaining timers. This
    happens in ``dag.test()``, which uses a new event loop for each deferral.
    """
    try:
        yield
    finally:
        if _connections.get(key) is connection:
            _connections.pop(key)
        await connection.driver.close()


_closings: set[asyncio.Task[None]] = set()


def _close(key: _Key, connection: SharedConnection) -> None:
    # Remove the connection first, so that the next trigger opens a new one.
    _connections.pop(key, None)
    task = asyncio.ensure_future(connection.life.aclose())
    _closings.add(task)
    task.add_done_callback(_closings.discard)
