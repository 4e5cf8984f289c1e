from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydantic import Field

from dataops_sandbox.rules import Rules, checked

Clock = Callable[[], float]


class Step(Rules):
    """How far time can be moved at once: forward, by up to ten years."""

    seconds: float = Field(ge=0, le=3650 * 86_400)


class ManualClock:
    """A clock that stands still until a test moves it.

    Pass it as ``Sandbox(clock=ManualClock())``: runs, token lives and fault windows then pass by
    :meth:`advance` alone. Delays that a client must really feel (``slow``) stay real.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Give the seconds since the clock was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self._now += checked(Step, {"seconds": seconds}).seconds


class Timeline:
    """Instants of a clock, and the calendar time that each of them stands for.

    Both come from one source, so that a time in an answer (``createdAt``, ``Date``) never
    contradicts the state in it, whoever drives the clock.

    :param clock: seconds from any fixed point, never going back
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._started_at = clock()
        self._started = datetime.now(UTC)
        self.skipped = 0.0
        """Seconds by which the timeline is ahead of its clock. A client's own clock knows nothing of them."""

    def now(self) -> float:
        """Give the present instant."""
        return self._clock() + self.skipped

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once.

        :raises ValueError: if that is no number from 0 on, or more than ten years in all
        """
        checked(Step, {"seconds": seconds})
        self.skipped = checked(Step, {"seconds": self.skipped + seconds}).seconds

    def wall(self, instant: float) -> datetime:
        """Give the calendar time of an instant, cut to milliseconds as the platforms print it."""
        moment = self._started + timedelta(seconds=instant - self._started_at)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def stamp(self, instant: float) -> str:
        """Give an instant as RFC 3339 in UTC with milliseconds, e.g. ``2026-01-31T07:05:09.120Z``."""
        return self.wall(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")
