"""Publish the states of all waits of a triggerer, slowly enough that the triggerer has time for its work.

Each XCom that a trigger stores takes the triggerer's main process 28 ms, and other requests wait meanwhile.
So one publisher stores the XComs of all triggers of an event loop, one after the other. No wait waits for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_dataops.adapters.xcom import IS_ASYNC, astore_xcom
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.lifecycle.published import PROGRESS_KEY, PublishedState

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_dataops.lifecycle.progress import WaitProgress

#: The publisher stores at most this many XComs a second.
PER_SECOND = 5

log = logging.getLogger(__name__)


class Publisher:
    """Stores the present state of each trigger that has something to publish.

    The value is made when it is stored. So a trigger whose state changes several times until then costs one
    XCom, and a trigger whose state has changed back costs none.
    """

    def __init__(self) -> None:
        # A plain dict takes longer and longer to find its first entry after many entries were removed.
        self._waiting: OrderedDict[BaseTrigger, WaitProgress] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False

    def add(self, trigger: BaseTrigger, progress: WaitProgress) -> None:
        """Publish the state of a trigger soon."""
        self._waiting[trigger] = progress
        if self._task is None:
            # Use an empty context. Otherwise the publisher would write into the log of the trigger's task.
            self._task = asyncio.get_running_loop().create_task(
                self._publish(), name="publisher of states", context=contextvars.Context()
            )

    def remove(self, trigger: BaseTrigger) -> None:
        """Do not publish the state of a trigger any more, because its wait has ended."""
        self._waiting.pop(trigger, None)

    async def _publish(self) -> None:
        try:
            while self._waiting:
                trigger, progress = self._waiting.popitem(last=False)
                if progress.news != progress.published:
                    await self._store(trigger, progress)
                    await asyncio.sleep(1.0 / PER_SECOND)
        finally:
            # The task keeps a reference to the event loop, and the loop is the key of this publisher.
            self._task = None

    async def _store(self, trigger: BaseTrigger, progress: WaitProgress) -> None:
        before, progress.published = progress.published, progress.news
        try:
            state = PublishedState.of(progress, SYSTEM_CLOCK)
            await astore_xcom(trigger.task_instance, PROGRESS_KEY, state.as_json())
        except Exception as error:
            if not self._is_failing:
                log.warning(
                    "Airflow did not store the state of a run for the page Remote runs. The waits are not "
                    "affected. Further failures are not logged until a state is stored: %r",
                    error,
                )
            self._is_failing = True
            # The next response to the trigger publishes the state again.
            progress.published = before
        else:
            self._is_failing = False


_publishers: WeakKeyDictionary[asyncio.AbstractEventLoop, Publisher] = WeakKeyDictionary()


def publish(trigger: BaseTrigger, progress: WaitProgress) -> None:
    """Publish the state of a trigger soon if it has changed since it was published last.

    A trigger calls this after each response that it gets. It takes almost no time if nothing has changed.
    """
    if progress.news == progress.published or trigger.task_instance is None or not IS_ASYNC:
        return
    loop = asyncio.get_running_loop()
    if loop not in _publishers:
        _publishers[loop] = Publisher()
    _publishers[loop].add(trigger, progress)


def forget(trigger: BaseTrigger) -> None:
    """Do not publish the state of a trigger any more, because its wait has ended."""
    for publisher in _publishers.values():
        publisher.remove(trigger)
