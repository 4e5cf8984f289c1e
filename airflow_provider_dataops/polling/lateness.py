"""How late the requests of a poller are, for the log, for metrics, and for the next request."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.core.metrics import Timing
from airflow_provider_dataops.core.words import duration_in_words

if TYPE_CHECKING:
    from airflow_provider_dataops.polling.connections import SharedConnection
    from airflow_provider_dataops.polling.schedule import TrackedRun

#: A warning is logged after requests were late for ``LATE`` seconds, and again after ``WARN_AGAIN`` seconds.
LATE, WARN_AGAIN = 60.0, 600.0
#: The metric contains the greatest lateness of this many seconds. Otherwise a poller that reads runs one by
#: one would send a metric for each run.
METRIC_AGAIN = 10.0

log = logging.getLogger(__name__)


class Lateness:
    """Compares the time at which a run is due with the time at which the poller sends the request.

    :param group: the group of the poller's runs.
    :ivar last: how late the last request was sent, in seconds.
    """

    def __init__(self, connection: SharedConnection, group: str) -> None:
        self._connection = connection
        self._group = group
        self.last = 0.0
        self._late_since: float | None = None
        self._warn_at = 0.0
        self._greatest = 0.0
        self._metric_at = -math.inf

    def note(self, run: TrackedRun, now: float) -> None:
        """Record that a request is sent now.

        :param run: of the runs in the request, the one that was due first.
        """
        self.last = max(0.0, now - run.due)
        self._warn(run, now)
        self._greatest = max(self._greatest, self.last)
        if now >= self._metric_at:
            metrics.time(Timing.POLL_LATENESS, self._connection.api.platform, self._greatest)
            self._greatest, self._metric_at = 0.0, now + METRIC_AGAIN

    def _warn(self, run: TrackedRun, now: float) -> None:
        """Log a warning if the limit of requests makes the requests of this group late for a minute."""
        in_outage = self._connection.gate.breaker.failing_since is not None
        if in_outage or self.last <= run.poll_interval:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
            self._warn_at = max(self._warn_at, now + LATE)
        elif now >= self._warn_at:
            self._warn_at = now + WARN_AGAIN
            log.warning(
                "The requests for the runs of %s are %s late, because %d runs share %d requests at a time",
                self._group,
                duration_in_words(self.last),
                self._connection.waits,
                self._connection.most_requests,
            )
