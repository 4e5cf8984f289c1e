"""Poll once for all event triggers with the same key, and store marks after Airflow has stored the events.

Airflow 3.3 and later import this module in the triggerer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

    from airflow_provider_dataops.polling.feeds import FeedSnapshot

    Commit = Callable[[], Awaitable[None]]

#: A mark is stored this many seconds after Airflow has confirmed the events. If the last DAG of an asset is
#: paused at this moment, Airflow 3.3.2 confirms an event without storing it. Within this time, Airflow also
#: cancels the trigger. Then the mark is not stored, and the event fires again when a DAG is unpaused.
SETTLE = 5.0

log = logging.getLogger(__name__)


class FeedProducer(SharedStreamProducer):
    """Gives the snapshots of a feed to Airflow, and stores the marks of the triggers.

    :param snapshots: polls for ever.
    """

    def __init__(self, snapshots: AsyncGenerator[FeedSnapshot]) -> None:
        self._snapshots = snapshots
        self._closing = asyncio.Event()
        #: The marks to store and when, in the order in which Airflow has confirmed their events.
        self._settling: deque[tuple[float, list[Commit]]] = deque()
        self._storing: asyncio.Task[None] | None = None

    async def open_stream(self) -> AsyncIterator[tuple[FeedSnapshot, FeedSnapshot]]:
        """Yield each snapshot twice: for the triggers, and for :meth:`advance`."""
        try:
            async with aclosing(self._snapshots) as snapshots:
                async for snapshot in snapshots:
                    yield snapshot, snapshot
        finally:
            self._closing.set()

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Store the marks of the triggers. Airflow has confirmed that all events of the batch are stored.

        This method raises no error, because an error would end the poll of all triggers. A mark that was not
        stored now is stored after the next event.
        """
        commits = [
            commit
            for item in batch
            # A trigger that Airflow has ended by force must not store its mark.
            if not item.outcome.failed
            for commit in item.broker_payload.commits
        ]
        if not commits or self._closing.is_set():
            return
        # Return at once. Airflow calls this method for one batch after the other, so a batch that waited here
        # would delay the marks of the next ones.
        self._settling.append((asyncio.get_running_loop().time() + SETTLE, commits))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_settled(), name="storing event positions")

    async def _store_settled(self) -> None:
        while self._settling:
            due, commits = self._settling.popleft()
            if await self._closes_within(due - asyncio.get_running_loop().time()):
                return
            await _store(commits)

    async def _closes_within(self, seconds: float) -> bool:
        """Wait. Return whether the last trigger of the poll has ended meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()


async def _store(commits: Sequence[Commit]) -> None:
    for commit in commits:
        try:
            await commit()
        except Exception as error:
            log.warning(
                "The position of an event trigger could not be stored: %r. It is stored with the next event; "
                "after a restart of the triggerer, some events may fire twice",
                error,
            )
