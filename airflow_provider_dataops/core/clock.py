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

    def monotonic(self) -> float:
        """Return ``time.monotonic()``."""
        return time.monotonic()

    def wall(self) -> float:
        """Return ``time.time()``."""
        return time.time()

    def random(self) -> float:
        """Return ``random.random()``."""
        return random.random()  # noqa: S311 - jitter is no secret


SYSTEM_CLOCK = SystemClock()
