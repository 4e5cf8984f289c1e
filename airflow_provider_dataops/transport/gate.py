"""Decide when the triggerer may send the next request of a connection. This module sends nothing."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE, RETRY_AFTER_CAP, is_passing
from airflow_provider_dataops.errors import AuthenticationError

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import ApiError

#: If all requests of this many seconds fail, the circuit breaker opens: it slows down the requests.
OPENS_AFTER = 60.0
#: While the circuit breaker is open, this many seconds pass between two requests.
PROBE_INTERVAL = 60.0
#: If rejections can lock the account, requests with new credentials are at least this many seconds apart,
#: until one of them gets a response.
NEW_INTERVAL = 2.0
#: If rejections can lock the account, the triggerer waits this many seconds after the second rejection before
#: it sends the credentials again.
LOCKOUT = 15 * 60.0


@dataclass
class CircuitBreaker:
    """Slows down requests in a long outage. The breaker is *open* while it slows down the requests.

    :param probe_at: while the breaker is open: when the next request may be sent.
    :param failing_since: when the first request after the last good response failed; ``None`` if none failed.
    """

    probe_at: float = 0.0
    failing_since: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the breaker slows down the requests."""
        return self.probe_at > 0.0

    def close(self) -> None:
        """Forget all failures, and stop slowing down the requests, because the platform has responded."""
        self.failing_since, self.probe_at = None, 0.0

    def count(self, now: float) -> None:
        """Record a failure."""
        if self.failing_since is None:
            self.failing_since = now

    def admit(self, now: float) -> None:
        """Record that a request is sent. In a long outage, this delays the next request."""
        if self.failing_since is not None and now - self.failing_since >= OPENS_AFTER:
            self.probe_at = now + PROBE_INTERVAL


@dataclass
class Refusals:
    """The rejections of the credentials, if the platform may lock the account after too many rejections.

    After the first rejection, no request sends the credentials for a while. Then one request sends them
    again. If it is rejected, too, the rejection is final: all other requests fail without being sent.
    Requests that were already sent at the time of the first rejection do not count.

    :param last: the last rejection; ``None`` while the credentials are accepted.
    :param opens_at: when the next request may send the credentials.
    :param repeated_at: when a request sent the credentials again for the first time after a rejection.
    :param is_final: whether that request was rejected, too.
    :param is_accepted: whether the credentials were accepted before. New credentials are sent by one request
        at a time. Otherwise a user who corrects a wrong password wrongly could lock the account.
    """

    last: ApiError | None = None
    opens_at: float = 0.0
    repeated_at: float = math.inf
    is_final: bool = False
    is_accepted: bool = True

    def count(self, error: ApiError, sent_at: float, now: float) -> None:
        """Record that a request was rejected.

        :param sent_at: when the request was sent.
        """
        self.last = error
        self.is_final = self.is_final or sent_at >= self.repeated_at
        self.opens_at = now + (LOCKOUT if self.is_final else REFUSAL_PAUSE)

    def admit(self, now: float) -> None:
        """Record that a request is sent.

        After a rejection, the next request waits for the response to this one, but at most for a minute. With
        new credentials, it waits at most :data:`NEW_INTERVAL` seconds.
        """
        if self.last is not None:
            self.repeated_at = min(self.repeated_at, now)
            self.opens_at = now + PROBE_INTERVAL
        elif not self.is_accepted:
            self.opens_at = now + NEW_INTERVAL


@dataclass
class RequestGate:
    """Decides when the triggers of one connection may send a request.

    It respects the server's ``Retry-After``, rejections of the credentials, and a circuit breaker. In a long
    outage, this process sends at most one request a minute, even if it waits for many runs.

    :param left_alone_until: no request is sent before this time, because of a ``Retry-After``.
    """

    left_alone_until: float = 0.0
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    refusals: Refusals = field(default_factory=Refusals)

    def refusal(self, now: float) -> ApiError | None:
        """Return the last rejection if the credentials must not be sent now; otherwise ``None``."""
        refusals = self.refusals
        return copy(refusals.last) if refusals.is_final and now < refusals.opens_at else None

    def opens_in(self, now: float) -> float:
        """Return the seconds until a request may be sent; 0 or less means now."""
        return max(self.left_alone_until, self.breaker.probe_at, self.refusals.opens_at) - now

    def wait(self, now: float) -> float:
        """Return the seconds until a request may be sent.

        If the result is 0, the caller must send the request now, because the gate has already recorded it.
        """
        opens_in = self.opens_in(now)
        if opens_in > 0:
            return opens_in
        if self.refusals.is_final:
            self.refusals = Refusals(is_accepted=False)
        self.breaker.admit(now)
        self.refusals.admit(now)
        return 0.0

    def leave_alone(self, seconds: float, now: float) -> None:
        """Delay all requests because of a ``Retry-After``."""
        self.left_alone_until = max(self.left_alone_until, now + min(seconds, RETRY_AFTER_CAP))

    def succeeded(self, sent_at: float) -> None:
        """Record a good response. A ``Retry-After`` of an earlier response still applies.

        :param sent_at: when the request was sent.
        """
        self.breaker.close()
        if sent_at >= self.refusals.repeated_at or not self.refusals.is_accepted:
            self.refusals = Refusals()

    def failed(self, error: ApiError, sent_at: float, now: float) -> None:
        """Record a failed request. If the error shows that the platform works, close the circuit breaker.

        :param sent_at: when the request was sent.
        """
        # A 403 does not count as a rejection: the user may still have permission for other requests.
        if error.locks_out and isinstance(error, AuthenticationError):
            self.refusals.count(error, sent_at, now)
        elif self.refusals.last is None:
            # The response does not show whether the credentials are right, so another request may try.
            self.refusals.opens_at = now
        if error.retry_after is not None:
            self.leave_alone(error.retry_after, now)
        if is_passing(error):
            self.breaker.count(now)
        else:
            self.breaker.close()
