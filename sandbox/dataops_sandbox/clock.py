from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydantic import Field

from dataops_sandbox.rules import Rules, validate_options

Clock = Callable[[], float]


class Step(Rules):
    """How many seconds a test moves the time forward: from 0 to ten years."""

    seconds: float = Field(ge=0, le=3650 * 86_400)


class ManualClock:
    """A clock that stands still until a test moves it.

    Pass it as ``Sandbox(clock=ManualClock())``. For runs, tokens and the durations of faults, time then
    passes only when a test calls :meth:`advance`. The delay of a ``slow`` fault is still in real seconds.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Return how many seconds a test has moved the clock so far."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds``.

        :raises ValueError: if ``seconds`` is not a number from 0 to ten years
        """
        self._now += validate_options(Step, {"seconds": seconds}).seconds


class Timeline:
    """Converts instants of a clock to calendar times.

    All times of the sandbox come from here. So a time in a response (``createdAt``, ``Date``) always
    agrees with the state in that response.

    :param clock: returns seconds since any fixed point; the value must never decrease
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._started_at = clock()
        self._started = datetime.now(UTC)
        self.skipped = 0.0
        """How many seconds tests have moved the timeline ahead of its clock. Clients' clocks do not move."""

    def now(self) -> float:
        """Return the current instant, in seconds."""
        return self._clock() + self.skipped

    def advance(self, seconds: float) -> None:
        """Move the timeline forward by ``seconds``.

        :raises ValueError: if ``seconds`` is negative, or all moves together exceed ten years
        """
        validate_options(Step, {"seconds": seconds})
        self.skipped = validate_options(Step, {"seconds": self.skipped + seconds}).seconds

    def wall(self, instant: float) -> datetime:
        """Return the calendar time of an instant, rounded down to milliseconds, as the platforms show it."""
        moment = self._started + timedelta(seconds=instant - self._started_at)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def stamp(self, instant: float) -> str:
        """Return an instant as RFC 3339 in UTC with milliseconds, e.g. ``2026-01-31T07:05:09.120Z``."""
        return self.wall(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")
