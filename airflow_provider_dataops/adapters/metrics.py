"""Send metrics to the place to which Airflow sends its own: StatsD, Datadog or OpenTelemetry.

A failure here never ends a task or a wait. The tags have few values. They never contain an id, a name or a
URL.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import conf

from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.errors import ApiError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.metrics import Poll, Timing

T = TypeVar("T")

#: The options in Airflow's section ``[metrics]`` that switch metrics on. All are off by default.
SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")

log = logging.getLogger(__name__)


@cache
def airflow_stats() -> Any:
    """Return Airflow's functions for metrics; ``None`` if metrics are off.

    Airflow's functions do some work even if metrics are off: the first call reads a YAML file. In a
    triggerer, Airflow 3.3.2 sets them up when it reads the arguments of a trigger.
    ``tests/system/test_metrics.py`` shows that they work there.
    """
    try:
        if not any(conf.getboolean("metrics", switch, fallback=False) for switch in SWITCHES):
            return None
        from airflow.providers.common.compat.sdk import Stats
    except Exception as error:
        log.warning("This provider sends no metrics, because Airflow's cannot be used: %r", error)
        return None
    return Stats


def count(counter: Counter, platform: str, number: int = 1, **tags: str) -> None:
    """Add a number to a counter.

    :param tags: further tags. Each must have few values.
    """
    stats = airflow_stats()
    if stats is None:
        return
    try:
        stats.incr(counter.value, number, tags={"platform": platform.lower(), **tags})
    except Exception as error:
        log.debug("The metric %s was not sent: %r", counter, error)


def time(timing: Timing, platform: str, seconds: float, **tags: str) -> None:
    """Record a duration.

    :param tags: further tags. Each must have few values.
    """
    stats = airflow_stats()
    if stats is None:
        return
    try:
        stats.timing(timing.value, 1000.0 * seconds, tags={"platform": platform.lower(), **tags})
    except Exception as error:
        log.debug("The metric %s was not sent: %r", timing, error)


def polled(exchange: Exchange[T], platform: str, operation: Poll) -> Exchange[T]:
    """Return the exchange that reads states. It counts as one poll when it starts, also if it fails."""
    return exchange if airflow_stats() is None else _counted(exchange, platform, operation)


def _counted(exchange: Exchange[T], platform: str, operation: Poll) -> Exchange[T]:
    count(Counter.POLL, platform, operation=operation.value)
    try:
        return (yield from exchange)
    except ApiError:
        count(Counter.POLL_FAILED, platform, operation=operation.value)
        raise
