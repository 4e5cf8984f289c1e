"""When a request is sent again, and how long is waited before that. Arithmetic alone, no sleeping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import Reply, http_date
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    MalformedReplyError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnroutedError,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock

#: A server may ask to be left alone for this long at the most, in seconds.
RETRY_AFTER_CAP = 15 * 60.0
#: Refused credentials that may lock the account are sent once more after this many seconds: a lock counts
#: the refusals of a minute.
REFUSAL_PAUSE = 90.0


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How failures of one request are borne.

    :param budget: seconds without progress, all attempts and pauses together, beyond which no further
        attempt begins; see :class:`Standstill`.
    :param base: the first pause is drawn from 0 to this many seconds, each further one from twice as much.
    :param cap: the most that is drawn from, in seconds.
    :param deadline: no further attempt begins after this instant, seconds since the epoch.
    """

    budget: float = 120.0
    base: float = 1.0
    cap: float = 30.0
    deadline: float = math.inf

    def pause(self, error: ApiError, *, attempt: int, elapsed: float, chance: float) -> float | None:
        """Return the seconds to wait before the next attempt, ``None`` if there is none.

        :param attempt: how many attempts were made.
        :param elapsed: seconds without progress since the first one began.
        :param chance: a number from 0 up to 1.
        """
        wait = backoff(attempt, base=self.base, cap=self.cap, chance=chance)
        if error.retry_after is not None:
            # The server's word is obeyed in full; jitter comes on top, so that not all come back at once.
            wait = error.retry_after + chance * self.base
        return wait if elapsed + wait <= self.budget else None


class Standstill:
    """The seconds for which a request made no progress, over all its attempts and the pauses between them.

    Only a transfer of a file makes progress: while it moves the file further than every attempt before it.
    So the minutes until a transfer breaks do not use up the budget. A repeat starts at the file's first byte.
    If it breaks before it comes further, all its time counts. The pauses always count: the repeats also end
    if a server takes a little more each time.

    :param clock: measures the seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = 0.0
        self._since = clock.monotonic()
        self._furthest = 0

    def next_attempt(self) -> None:
        """Note that an attempt begins now."""
        self._before, self._since = self.seconds(), self._clock.monotonic()

    def reached(self, position: int) -> None:
        """Note that a transfer has moved the file up to this byte."""
        if position > self._furthest:
            self._furthest, self._since = position, self._clock.monotonic()

    def seconds(self) -> float:
        """Return how long there was no progress until now."""
        return self._before + self._clock.monotonic() - self._since


#: One attempt and no more: where a poll fails, the waiting itself is the retry.
ONCE = RetryPolicy(budget=-1.0)


def backoff(attempt: int, *, base: float, cap: float, chance: float) -> float:
    """Return an exponential pause with full jitter (from 0 to the ceiling), in seconds."""
    ceiling = min(cap, base * 2.0 ** min(attempt - 1, 32))
    return chance * ceiling


def refusal_pause(chance: float) -> float:
    """Return the seconds until a worker sends refused credentials once more.

    Workers know nothing of one another, so their requests are spread over a minute.

    :param chance: a number from 0 up to 1.
    """
    return REFUSAL_PAUSE + 60.0 * chance


def is_passing(error: ApiError) -> bool:
    """Tell whether a failure may be gone the next time."""
    return isinstance(error, ServerError | RateLimitedError | TransportError | MalformedReplyError)


def is_about_request(error: ApiError) -> bool:
    """Tell whether a failure is about this one request: others to the same platform may succeed.

    That is an answer that cannot be read, and a 4xx of the platform's own, but about the credentials.
    """
    if isinstance(error, MalformedReplyError):
        return True
    is_about_all = isinstance(error, AuthenticationError | UnroutedError) or error.locks_out
    if is_about_all or is_passing(error):
        return False
    return error.status is not None and 400 <= error.status < 500


def may_repeat(error: ApiError, *, repeatable: bool) -> bool:
    """Tell whether the request may be sent again after this failure.

    One that must not be processed twice may be repeated only where the failure proves that the server did
    nothing. A 429 proves it as well, but is left to the caller of such a request: it may mean that the
    platform's slots are full, which can take hours.
    """
    if repeatable:
        return is_passing(error)
    return is_passing(error) and error.not_sent


def retry_after(reply: Reply, now: float) -> float | None:
    """Return the seconds for which the server wants to be left alone.

    :param now: seconds since the epoch here. A ``Retry-After`` that is a date is compared with the server's
        own ``Date``, where it is given, so that no clock needs to be right.
    """
    text = reply.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        until = http_date(text)
        if until is None:
            return None
        seconds = until - (reply.date if reply.date is not None else now)
    return min(seconds, RETRY_AFTER_CAP) if seconds > 0 else 0.0
