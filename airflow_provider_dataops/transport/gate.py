"""When the next request of a connection may be sent. Arithmetic alone."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE, RETRY_AFTER_CAP, is_passing
from airflow_provider_dataops.errors import AuthenticationError

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import ApiError

#: After this many seconds without one good response the breaker opens.
OPENS_AFTER = 60.0
#: While it is open, one request is sent in this many seconds.
PROBE_INTERVAL = 60.0
#: Credentials that may lock the account, and were refused twice, are not sent for this long, in seconds.
LOCKOUT = 15 * 60.0


@dataclass
class CircuitBreaker:
    """Counts failures. An outage of a few seconds is over before it opens, so nobody is slowed down by it.

    :param probe_at: when the next request may be sent while the breaker is open.
    :param failing_since: when the first failure came after the last good response.
    """

    probe_at: float = 0.0
    failing_since: float | None = None

    def close(self) -> None:
        """Forget all failures: the platform answers."""
        self.failing_since, self.probe_at = None, 0.0

    def count(self, now: float) -> None:
        """Count a failure."""
        if self.failing_since is None:
            self.failing_since = now

    def admit(self, now: float) -> None:
        """Let one request pass. While the breaker is open it is a probe, and the next one has to wait."""
        if self.failing_since is not None and now - self.failing_since >= OPENS_AFTER:
            self.probe_at = now + PROBE_INTERVAL


@dataclass
class Refusals:
    """Refusals of credentials that may lock the account.

    After the first one nobody sends the credentials for a while. Then one request does, for all who wait. If
    it is refused, too, that is final. Requests that were under way at the first refusal say nothing new.

    :param last: the last refusal; ``None`` while the credentials are accepted.
    :param opens_at: when the next request may send them.
    :param repeated_at: when they were first sent once more.
    :param is_final: whether that was refused, too.
    """

    last: ApiError | None = None
    opens_at: float = 0.0
    repeated_at: float = math.inf
    is_final: bool = False

    def count(self, error: ApiError, sent_at: float, now: float) -> None:
        """Count the refusal of a request."""
        self.last = error
        self.is_final = self.is_final or sent_at >= self.repeated_at
        self.opens_at = now + (LOCKOUT if self.is_final else REFUSAL_PAUSE)

    def admit(self, now: float) -> None:
        """Let one request pass. Until it is answered, the next one has to wait for a minute."""
        if self.last is not None:
            self.repeated_at = min(self.repeated_at, now)
            self.opens_at = now + PROBE_INTERVAL


@dataclass
class RequestGate:
    """What all who ask with one connection share: the server's ``Retry-After``, refusals, a circuit breaker.

    In a long outage a platform gets at most one request a minute from this process, however many runs are
    waited for.

    :param left_alone_until: the end of what the server asked for.
    """

    left_alone_until: float = 0.0
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    refusals: Refusals = field(default_factory=Refusals)

    def refusal(self, now: float) -> ApiError | None:
        """Return the refusal that stands in for another request with credentials that are not to be sent."""
        refusals = self.refusals
        return copy(refusals.last) if refusals.is_final and now < refusals.opens_at else None

    def opens_in(self, now: float) -> float:
        """Return the seconds until a request may be sent, 0 or less for now."""
        return max(self.left_alone_until, self.breaker.probe_at, self.refusals.opens_at) - now

    def wait(self, now: float) -> float:
        """Return the seconds until a request may be sent; the caller who gets 0 sends one now."""
        opens_in = self.opens_in(now)
        if opens_in > 0:
            return opens_in
        if self.refusals.is_final:
            self.refusals = Refusals()
        self.breaker.admit(now)
        self.refusals.admit(now)
        return 0.0

    def leave_alone(self, seconds: float, now: float) -> None:
        """Send nothing for a time that the server asked for."""
        self.left_alone_until = max(self.left_alone_until, now + min(seconds, RETRY_AFTER_CAP))

    def succeeded(self, sent_at: float) -> None:
        """Take a good response. What the server asked for in another one still counts.

        :param sent_at: when the request was admitted.
        """
        self.breaker.close()
        if sent_at >= self.refusals.repeated_at:
            self.refusals = Refusals()

    def failed(self, error: ApiError, sent_at: float, now: float) -> None:
        """Take a failure; one that is no outage closes the breaker, since the platform answers.

        :param sent_at: when the request was admitted.
        """
        # A right that is lacking is lacking here; what others ask about may be theirs.
        if error.locks_out and isinstance(error, AuthenticationError):
            self.refusals.count(error, sent_at, now)
        if error.retry_after is not None:
            self.leave_alone(error.retry_after, now)
        if is_passing(error):
            self.breaker.count(now)
        else:
            self.breaker.close()
