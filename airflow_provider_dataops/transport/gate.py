"""One connection's patience: when the next request may be sent at all. Arithmetic alone."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.retry import RETRY_AFTER_CAP, is_passing
from airflow_provider_dataops.errors import AuthenticationError

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import ApiError

#: After this many seconds without one good answer the breaker opens.
OPENS_AFTER = 60.0
#: While it is open, one request is sent in this many seconds.
PROBE_INTERVAL = 60.0
#: Refused credentials that may lock the account are not sent again for this long, in seconds.
LOCKOUT = 15 * 60.0


@dataclass
class RequestGate:
    """What all who ask with one connection share: the server's ``Retry-After`` and a circuit breaker.

    An outage of a few seconds is over before the breaker opens, so nobody is slowed down by it; in a long one
    a platform gets at most one request a minute from this process, however many runs are waited for.

    :param left_alone_until: the end of what the server asked for.
    :param probe_at: when the next request may be sent while the breaker is open.
    :param failing_since: when the first failure came after the last good answer.
    """

    left_alone_until: float = 0.0
    probe_at: float = 0.0
    failing_since: float | None = None
    _refusal: ApiError | None = field(default=None, init=False)
    _refused_until: float = field(default=0.0, init=False)

    def refusal(self, now: float) -> ApiError | None:
        """Return the refusal that stands in for another request with credentials that are not to be sent."""
        return copy(self._refusal) if self._refusal is not None and now < self._refused_until else None

    def wait(self, now: float) -> float:
        """Return the seconds until a request may be sent; the caller who gets 0 sends one now."""
        opens_in = max(self.left_alone_until, self.probe_at) - now
        if opens_in > 0:
            return opens_in
        if self.failing_since is not None and now - self.failing_since >= OPENS_AFTER:
            # This caller probes; the others wait for what it finds.
            self.probe_at = now + PROBE_INTERVAL
        return 0.0

    def leave_alone(self, seconds: float, now: float) -> None:
        """Send nothing for a time that the server asked for."""
        self.left_alone_until = max(self.left_alone_until, now + min(seconds, RETRY_AFTER_CAP))

    def succeeded(self) -> None:
        """Take a good answer. What the server asked for in another one still counts."""
        self.failing_since, self.probe_at = None, 0.0

    def failed(self, error: ApiError, now: float) -> None:
        """Take a failure; one that is no outage closes the breaker, since the platform answers."""
        # A right that is lacking is lacking here; what others ask about may be theirs.
        if error.locks_out and isinstance(error, AuthenticationError):
            self._refusal, self._refused_until = error, now + LOCKOUT
        if error.retry_after is not None:
            self.leave_alone(error.retry_after, now)
        if not is_passing(error):
            self.succeeded()
        elif self.failing_since is None:
            self.failing_since = now
