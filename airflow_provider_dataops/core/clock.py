"""Time and random numbers. Code takes a clock as an argument, so that tests need not wait."""

from __future__ import annotations

import random
import time
from typing import Protocol


class Clock(Protocol):
    """Returns the time and random numbers."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back. Use it for durations within this process."""

    def wall(self) -> float:
        """Return seconds since the epoch. Use it for times that another process reads."""

    def random(self) -> float:
        """Return a random number from 0 to below 1, for jitter."""


class SystemClock:
    """The clocks and the random numbers of Python's standard library."""

    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
    random = staticmethod(random.random)


SYSTEM_CLOCK = SystemClock()
