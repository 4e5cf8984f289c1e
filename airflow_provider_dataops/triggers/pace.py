"""Start thousands of triggers one after the other, so that the event loop stays free for all others."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from weakref import WeakKeyDictionary

#: Two triggers start at least this many seconds apart. A start takes about half of this time.
PACE = 0.0008


class _Starts:
    """The triggers of an event loop that have yet to start.

    They wait for a future each, and one task sleeps for all of them: a sleep of its own would be six objects.
    """

    def __init__(self) -> None:
        self._next_start = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, start: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        if self._task is None and loop.time() >= self._next_start:
            self._next_start = loop.time() + PACE
            start.set_result(None)
            return
        self._waiting.append(start)
        if self._task is None:
            self._begin()

    def _begin(self) -> None:
        # Use an empty context, because the context of the present trigger would keep its logger alive.
        self._task = asyncio.get_running_loop().create_task(
            self._start_all(), name="start triggers", context=contextvars.Context()
        )
        self._task.add_done_callback(self._ended)

    async def _start_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if self._waiting[0].done():
                # The trigger was cancelled.
                self._waiting.popleft()
                continue
            await asyncio.sleep(self._next_start - loop.time())
            start = self._waiting.popleft()
            if not start.done():
                # After a delay, each turn of the loop starts one trigger, until the delay is made up.
                self._next_start += PACE
                start.set_result(None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            # The event loop ends. It is the key of this object, and the futures keep references to it.
            self._waiting.clear()
        elif self._waiting:
            # A trigger has come since the task took the last one.
            self._begin()


_starts: WeakKeyDictionary[asyncio.AbstractEventLoop, _Starts] = WeakKeyDictionary()


def turn() -> asyncio.Future[None]:
    """Return a future that is done as soon as this trigger may start.

    After a restart, Airflow starts all triggers at once. Together, their first steps would block the event
    loop for seconds.
    """
    loop = asyncio.get_running_loop()
    start = loop.create_future()
    if loop not in _starts:
        _starts[loop] = _Starts()
    _starts[loop].add(start)
    return start
