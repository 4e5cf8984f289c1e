"""The settings of each Airflow connection, which are read once for all triggers that use the connection."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, Self
from weakref import WeakKeyDictionary

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.polling.joint_task import JointTask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from airflow_provider_dataops.core.api import Api

#: While triggers use a connection, it is read again after this many seconds. Triggers also use a connection
#: that was read less than this many seconds ago.
READ_AGAIN = 55.0
#: After a refusal of the credentials, a connection is read again, unless an earlier refusal has caused a read
#: less than this many seconds ago. So a few reads are enough for all triggers whose requests were refused.
READ_RECENTLY = 1.0
#: If Airflow does not return a connection that was never read, it is read once more after this many seconds.
FIRST_READ_AGAIN = 5.0

log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Wants to know when the settings of an Airflow connection change."""

    def settings_changed(self) -> None:
        """Act on a read that has returned other credentials, or another URL, TLS or proxy setting."""


class _Expiry:
    """Lets a timeout expire when the settings change."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit

    def settings_changed(self) -> None:
        if not self._limit.expired():
            self._limit.reschedule(0.0)


class Account:
    """The settings of one Airflow connection, shared by all its triggers on one event loop.

    Each trigger uses it in a ``with`` statement, or from :meth:`join` to :meth:`leave`. The last one makes
    the event loop forget it.

    :param conn_type: the type of the Airflow connection.
    :param conn_id: the Airflow connection.
    :param read: reads the connection, masks its secrets in the logs, and returns its platform.
    """

    def __init__(self, conn_type: str, conn_id: str, read: Callable[[], Awaitable[Api]]) -> None:
        self._key = conn_type, conn_id
        self._conn_id = conn_id
        self._read = read
        self._api: Api | None = None
        self._read_at = 0.0
        self._read_after_refusal = -math.inf
        self._reading: JointTask[Api] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watchers: set[Watcher] = set()
        self._users = 0

    def __enter__(self) -> Self:
        """Use the account until the end of the ``with`` statement."""
        self.join()
        return self

    def __exit__(self, *_: object) -> None:
        """Call :meth:`leave`."""
        self.leave()

    def join(self) -> None:
        """Use the account until :meth:`leave`."""
        self._users += 1

    def leave(self) -> None:
        """Do not use the account any more. If this was its last trigger, forget it."""
        self._users -= 1
        if not self._users:
            self._stop()
            accounts = _accounts.get(asyncio.get_running_loop(), {})
            if accounts.get(self._key) is self:
                del accounts[self._key]

    async def api(self, *, after_refusal: bool = False) -> Api:
        """Return the platform with its settings. Read the connection if it was not read lately.

        If Airflow does not return the connection, return the settings of an earlier read.

        :param after_refusal: whether the platform has just refused the credentials of the earlier read.
        :raises Exception: what the read raised.
        """
        now = SYSTEM_CLOCK.monotonic()
        if after_refusal:
            is_fresh = now - self._read_after_refusal < READ_RECENTLY
            self._read_after_refusal = self._read_after_refusal if is_fresh else now
        else:
            is_fresh = now - self._read_at < READ_AGAIN
        if self._api is not None and is_fresh and self._reading is None:
            return self._api
        try:
            return await self._read_once().result()
        except DataOpsError:
            # A field of the connection is wrong.
            raise
        except Exception:
            if self._api is None or after_refusal:
                raise
            return self._api

    def is_current(self, api: Api) -> bool:
        """Return whether requests still use the same credentials, URL, TLS and proxy settings as ``api``."""
        return self._api is None or self._api.settings.account_key == api.settings.account_key

    def watch(self, watcher: Watcher) -> None:
        """Tell an object when a read returns other credentials, or another URL, TLS or proxy setting."""
        self._watchers.add(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Do not tell the object any more."""
        self._watchers.discard(watcher)

    @contextmanager
    def ends_at_change(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Let a timeout expire as soon as a read returns other settings.

        A request may wait for a long time for its turn. With the old settings, it is of no use.
        """
        expiry = _Expiry(limit)
        self.watch(expiry)
        try:
            yield
        finally:
            self.unwatch(expiry)

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds, or until a read returns other settings."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds) as limit:
                with self.ends_at_change(limit):
                    await asyncio.Event().wait()

    def _read_once(self) -> JointTask[Api]:
        """Return the read that is under way, or start one."""
        if self._reading is None:
            self._reading = JointTask(self._renew(), f"read connection {self._conn_id}")
            self._reading.task.add_done_callback(self._ended)
        return self._reading

    async def _renew(self) -> Api:
        try:
            api = await self._read()
        except DataOpsError:
            raise
        except Exception as error:
            if self._api is not None:
                raise
            # Thousands of triggers may wait for their first read, for instance while Airflow starts again.
            log.warning("Connection %s could not be read: %r", self._conn_id, error)
            await asyncio.sleep(FIRST_READ_AGAIN)
            api = await self._read()
        before, self._api, self._read_at = self._api, api, SYSTEM_CLOCK.monotonic()
        if before is not None and before.settings.account_key != api.settings.account_key:
            log.info("The settings of connection %s have changed", self._conn_id)
            for watcher in list(self._watchers):
                watcher.settings_changed()
        return api

    def _ended(self, task: asyncio.Task[Api]) -> None:
        self._reading = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self._read_after_refusal = -math.inf
        if error is not None and self._api is not None:
            log.warning(
                "Connection %s could not be read again: %r. Its triggers use the settings of %.0f s ago",
                self._conn_id,
                error,
                SYSTEM_CLOCK.monotonic() - self._read_at,
            )
        self._schedule()

    def _schedule(self) -> None:
        """Read the connection again later, as long as triggers use it."""
        self._stop()
        if self._users:
            self._timer = asyncio.get_running_loop().call_later(
                READ_AGAIN, self._read_once, context=contextvars.Context()
            )

    def _stop(self) -> None:
        """Do not read the connection again."""
        if self._timer is not None:
            self._timer.cancel()


_accounts: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Account]] = WeakKeyDictionary()


def account_of(conn_type: str, conn_id: str, read: Callable[[], Awaitable[Api]]) -> Account:
    """Return the account that all triggers of a connection share on this event loop.

    :param read: reads the connection. The account uses the function of its first trigger.
    """
    accounts = _accounts.setdefault(asyncio.get_running_loop(), {})
    key = (conn_type, conn_id)
    if key not in accounts:
        accounts[key] = Account(conn_type, conn_id, read)
    return accounts[key]
