"""Start thousands of triggers one after the other, so that the event loop stays free for all others."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

#: Two triggers start at least this many seconds apart. A start takes about half of this time.
PACE = 0.0008

_next_start: WeakKeyDictionary[asyncio.AbstractEventLoop, float] = WeakKeyDictionary()


async def turn() -> None:
    """Wait until this trigger may start.

    After a restart, Airflow starts all triggers at once. Together, their first steps would block the event
    loop for seconds.
    """
    loop = asyncio.get_running_loop()
    now = loop.time()
    start = max(now, _next_start.get(loop, now))
    _next_start[loop] = start + PACE
    if start > now:
        await asyncio.sleep(start - now)
