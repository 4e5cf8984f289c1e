"""When to send a request again, and how long to wait first. Nothing here sends or sleeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.headers import http_date
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    MalformedReplyError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnroutedError,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.http import Reply

#: A longer ``Retry-After`` is cut to this many seconds.
RETRY_AFTER_CAP = 15 * 60.0
#: If rejections can lock the account, at least this many seconds pass before rejected credentials are sent
#: again. The pause is longer than the minute in which the platform counts rejections.
REFUSAL_PAUSE = 90.0


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """For how long a failed request is sent again and again, and how long the pauses are.

    :param budget: after this many seconds without progress, no further attempt begins. All attempts and
        pauses count; see :class:`Standstill`.
    :param base: the first pause is random, from 0 to this many seconds. The range doubles with each pause.
    :param cap: the largest range of a pause, in seconds.
    :param deadline: no attempt begins after this time, in seconds since the epoch.
    """

    budget: float = 120.0
    base: float = 1.0
    cap: float = 30.0
    deadline: float = math.inf

    def pause(self, error: ApiError, *, attempt: int, elapsed: float, chance: float) -> float | None:
        """Return the seconds to wait before the next attempt; ``None`` if the budget is used up.

        :param error: the failure of the last attempt.
        :param attempt: how many attempts were made.
        :param elapsed: seconds without progress since the first attempt began.
        :param chance: a random number from 0 to below 1.
        """
        wait = backoff(attempt, base=self.base, cap=self.cap, chance=chance)
        if error.retry_after is not None:
            # Wait as long as the server asks for. Jitter is added, so that not all clients return at once.
            wait = error.retry_after + chance * self.base
        return wait if elapsed + wait <= self.budget else None


class Standstill:
    """Counts the seconds in which one request makes no progress, over all its attempts and pauses.

    A request makes progress while it transfers a part of a file that no earlier attempt has reached. The time
    of this progress does not count. So a long transfer that breaks does not use up the budget. Each attempt
    begins at the first byte of the file. If an attempt gets no further than an earlier attempt, all its time
    counts. The pauses always count. So the attempts also end if the server accepts only a little more of the
    file each time.

    :param clock: measures the seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = 0.0
        self._since = clock.monotonic()
        self._furthest = 0

    def next_attempt(self) -> None:
        """Record that the next attempt begins now."""
        self._before, self._since = self.seconds(), self._clock.monotonic()

    def reached(self, position: int) -> None:
        """Record that the transfer has reached this byte of the file."""
        if position > self._furthest:
            self._furthest, self._since = position, self._clock.monotonic()

    def seconds(self) -> float:
        """Return the seconds without progress until now."""
        return self._before + self._clock.monotonic() - self._since


#: A policy with one attempt only. Polls use this policy, because the next poll is the retry.
ONCE = RetryPolicy(budget=-1.0)


def backoff(attempt: int, *, base: float, cap: float, chance: float) -> float:
    """Return a pause in seconds: exponential backoff with full jitter.

    :param attempt: how many attempts were made.
    :param base: the upper limit of the first pause. The limit doubles with each attempt, up to ``cap``.
    :param chance: a random number from 0 to below 1.
    """
    ceiling = min(cap, base * 2.0 ** min(attempt - 1, 32))
    return chance * ceiling


def refusal_pause(chance: float) -> float:
    """Return the seconds until a worker sends rejected credentials once more.

    Workers do not know of each other. So the pause has a random part, which spreads their requests over a
    minute.

    :param chance: a random number from 0 to below 1.
    """
    return REFUSAL_PAUSE + 60.0 * chance


def is_passing(error: ApiError) -> bool:
    """Return whether the failure is temporary, so that the same request may succeed later."""
    return isinstance(error, ServerError | RateLimitedError | TransportError | MalformedReplyError)


def is_about_request(error: ApiError) -> bool:
    """Return whether the failure concerns this request only. Other requests to the platform may succeed.

    Such failures are a response that cannot be read, a :class:`.NotFoundError`, and a 4xx of the platform
    itself. A 4xx about credentials or from a proxy concerns all requests.
    """
    if isinstance(error, MalformedReplyError | NotFoundError):
        return True
    is_about_all = isinstance(error, AuthenticationError | UnroutedError) or error.locks_out
    if is_about_all or is_passing(error):
        return False
    return error.status is not None and 400 <= error.status < 500


def may_repeat(error: ApiError, *, repeatable: bool) -> bool:
    """Return whether the request may be sent again after this failure.

    If a request is not repeatable, it may be sent again only if the failed attempt sent nothing. So the
    result after a 429 is ``False``, although the server did nothing: no slot may be free for hours. The
    caller decides what to do after a 429.
    """
    if repeatable:
        return is_passing(error)
    return is_passing(error) and error.not_sent


def retry_after(reply: Reply, now: float) -> float | None:
    """Return the seconds that the header ``Retry-After`` asks for; ``None`` without a valid header.

    If the header contains a date, it is compared with the response's ``Date``. Both come from the server's
    clock, so a wrong clock of this machine does not matter.

    :param now: the time in seconds since the epoch. It is used if the response has no ``Date``.
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
