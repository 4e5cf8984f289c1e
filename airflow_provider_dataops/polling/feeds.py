"""List the runs of a feed again and again, for the event triggers that share this work."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_seconds
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.metrics import Poll
from airflow_provider_dataops.core.retry import is_passing
from airflow_provider_dataops.errors import ApiError, DataOpsError, UnroutedError
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress, failure_pause
from airflow_provider_dataops.polling.accounts import account_of
from airflow_provider_dataops.polling.connections import join, leave

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.feed import Feed, Listing
    from airflow_provider_dataops.polling.accounts import Account
    from airflow_provider_dataops.polling.connections import SharedConnection

#: After an error that a person must mend, the next request comes after this many seconds. The person may mend
#: it at any time, for instance share a pipeline with the API user.
REFUSED_PAUSE = 300.0
#: If the connection cannot be read or has a wrong field, it is read again after this many seconds.
UNUSABLE_PAUSE = 60.0
_AGAIN = f"the event trigger tries again in {UNUSABLE_PAUSE:.0f} s"

log = logging.getLogger(__name__)


@dataclass(eq=False)
class FeedSnapshot:
    """What a poll has found. All event triggers of a feed get the same object.

    :param scope: the URL and further values from the connection; the ids in the listing belong to it.
    :param commits: what the triggers want to store as soon as Airflow has stored their events.
    """

    listing: Listing
    scope: str
    commits: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


async def snapshots(feed: Feed, read: Callable[[], Awaitable[Api]]) -> AsyncGenerator[FeedSnapshot]:
    """Yield a snapshot after each poll. This generator never ends and raises no error: it logs all errors.

    :param read: reads the connection, and returns its platform.
    """
    while (error := _mistake(feed)) is not None:
        # Nothing mends this but a change of the DAG, which makes another trigger.
        log.error("%s; the event trigger cannot start", error)
        await asyncio.sleep(REFUSED_PAUSE)
    reader = _Reader(feed)
    with account_of(feed.conn_type, feed.conn_id, read) as account:
        try:
            while True:
                snapshot, pause = await reader.next(account)
                if snapshot is not None:
                    yield snapshot
                await account.sleep(pause)
        finally:
            reader.close()


def _mistake(feed: Feed) -> Exception | None:
    """Return what is wrong with the arguments; ``None`` if they are valid."""
    try:
        feed.check()
    except Exception as error:
        return error
    return None


class _Reader:
    """Polls a feed, and remembers what the next poll needs."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._progress = WaitProgress(
            SYSTEM_CLOCK.monotonic(),
            kind=f"The event trigger of connection {feed.conn_id}",
            outage_budget=math.inf,
            chance=SYSTEM_CLOCK.random(),
        )
        self._connection: SharedConnection | None = None
        self._before: Listing | None = None
        self._followed: tuple[str, str] | None = None
        self._logged = ""

    async def next(self, account: Account) -> tuple[FeedSnapshot | None, float]:
        """Poll once. Return the snapshot, or ``None`` after an error, and the pause until the next poll."""
        try:
            api, connection = await self._connected(account)
        except Exception as error:
            # Airflow raises many kinds of exceptions if it cannot read the connection.
            log.error("Connection %s cannot be used: %r; %s", self._feed.conn_id, error, _AGAIN)
            return None, UNUSABLE_PAUSE
        try:
            return await self._poll(account, api, connection)
        except DataOpsError as error:
            # The connection lacks a value that the trigger needs, or names a file that does not exist.
            log.error("%s; %s", error, _AGAIN)
        except Exception:
            log.exception("The event trigger of connection %s failed; %s", self._feed.conn_id, _AGAIN)
        return None, UNUSABLE_PAUSE

    def close(self) -> None:
        """Leave the connection that other triggers may use, too."""
        if self._connection is not None:
            leave(self._connection)
            self._connection = None

    async def _connected(self, account: Account) -> tuple[Api, SharedConnection]:
        """Return the platform with the present settings, and the connection.

        The connection stays open between two polls, with its token and its circuit breaker. Another Airflow
        connection with the same credentials may share it. So its settings may have other default ids.
        """
        is_refused = self._progress.refusals > 0
        api = await account.api(after_refusal=is_refused)
        if self._connection is None or is_refused or not account.is_current(self._connection.api):
            joined = await join(api)
            self.close()
            self._connection = joined
        return api, self._connection

    async def _poll(
        self, account: Account, api: Api, connection: SharedConnection
    ) -> tuple[FeedSnapshot | None, float]:
        chance, scope = SYSTEM_CLOCK.random(), self._feed.scope(api)
        if self._followed != (api.settings.account_key, scope):
            # Another URL, account or tenant may have other runs with the same ids.
            self._before, self._followed = None, (api.settings.account_key, scope)
        limit = asyncio.timeout(None)
        try:
            polling = self._feed.poll(api, self._before)
            async with limit:
                with account.ends_at_change(limit):
                    if not account.is_current(connection.api):
                        return None, 0.0
                    listing = await connection.ask(polling, id(self._feed), Poll.EVENTS)
        except TimeoutError:
            if not limit.expired():
                raise
            # The settings have changed.
            return None, 0.0
        except ApiError as error:
            now = SYSTEM_CLOCK.monotonic()
            verdict = self._progress.failed(error, now)
            pause = failure_pause(self._progress.failures, error, chance)
            if not (is_passing(error) or isinstance(error, UnroutedError) or verdict is Verdict.RECONNECT):
                pause = max(pause, REFUSED_PAUSE)
            pause = max(pause, connection.gate.opens_in(now))
            self._progress.log_failure(Verdict.WAIT, now, pause, log)
            return None, pause
        self._progress.answered(SYSTEM_CLOCK.monotonic(), log)
        self._log_unreadable(listing.error)
        self._before = listing
        interval = require_seconds("poll_interval", self._feed.poll_interval)
        return FeedSnapshot(listing, scope), interval * (0.95 + 0.1 * chance)

    def _log_unreadable(self, error: ApiError | None) -> None:
        """Log why some runs could not be read, unless the log already contains this."""
        text = "" if error is None else str(error)
        if text and text != self._logged:
            log.warning("%s; the event trigger goes on with the runs that it could read", text)
        self._logged = text
