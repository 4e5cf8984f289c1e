"""Time as an argument, so that nothing that waits needs to be waited for in a test."""

from __future__ import annotations

import random
import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time and one source of chance."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back; for durations within this process."""

    def wall(self) -> float:
        """Return seconds since the epoch; for instants that another process reads."""

    def random(self) -> float:
        """Return a number from 0 up to 1, for jitter."""


class SystemClock:
    """The machine's own time."""

    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
    random = staticmethod(random.random)


SYSTEM_CLOCK = SystemClock()
