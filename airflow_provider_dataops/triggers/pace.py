"""Start thousands of triggers one after the other, so that the event loop stays free for all others."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from weakref import WeakKeyDictionary

#: Two triggers start at least this many seconds apart. A start takes about half of this time.
PACE = 0.0008


class _Starts:
    """The triggers of an event loop that have yet to start."""

    def __init__(self) -> None:
        self._next_start = 0.0
        # A future for each trigger and one timer for all of them: a sleep of its own would be six objects.
        self._waiting: deque[asyncio.Future[None]] = deque()

    def add(self, start: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiting and loop.time() >= self._next_start:
            self._next_start = loop.time() + PACE
            start.set_result(None)
            return
        self._waiting.append(start)
        if len(self._waiting) == 1:
            self._set_timer()

    def _set_timer(self) -> None:
        # Use an empty context, because the context of the present trigger would keep its logger alive.
        loop = asyncio.get_running_loop()
        loop.call_at(self._next_start, self._start_next, context=contextvars.Context())

    def _start_next(self) -> None:
        while self._waiting:
            start = self._waiting.popleft()
            if not start.done():
                # After a delay, each turn of the event loop starts one trigger, until the delay is made up.
                self._next_start += PACE
                start.set_result(None)
                break
        if self._waiting:
            self._set_timer()


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
