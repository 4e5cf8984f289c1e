"""Compute deadlines, and put them into words."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.errors import RunTimeoutError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock

#: A trigger waits at most this many seconds before it sends its event; see :mod:`.triggers.guard`.
LONGEST_GUARD = 120.0


def deadline_of(timeout: float, execution_timeout: timedelta | None) -> float:
    """Return the deadline of a wait that begins now, in seconds since the epoch.

    :param timeout: the longest time of the wait, in seconds.
    :param execution_timeout: the task's own limit. Airflow does not apply it while the task is deferred.
    """
    return SYSTEM_CLOCK.wall() + _limit(timeout, execution_timeout)[0]


def deadline_in_words(deadline: float) -> str:
    """Return a deadline in words for a message.

    :param deadline: seconds since the epoch.
    """
    return f"the deadline {datetime.fromtimestamp(deadline, UTC):%Y-%m-%d %H:%M:%S} UTC"


def limit_in_words(timeout: float, execution_timeout: timedelta | None) -> str:
    """Return the argument that limits a wait, and its value: ``timeout=3600 s``."""
    seconds, name = _limit(timeout, execution_timeout)
    return f"{name}={seconds:.0f} s"


def _limit(timeout: float, execution_timeout: timedelta | None) -> tuple[float, str]:
    if execution_timeout is None or timeout <= execution_timeout.total_seconds():
        return timeout, "timeout"
    return execution_timeout.total_seconds(), "execution_timeout"


def airflow_timeout(until: float, interval: float) -> timedelta:
    """Return the ``timeout`` of a deferral. It takes effect only while no triggerer is running.

    This timeout ends after the deadline of the wait, because the trigger may send its event late.

    :param until: the deadline of the wait, in seconds since the epoch.
    :param interval: the longest time between two status requests, in seconds.
    """
    return timedelta(seconds=max(LONGEST_GUARD, until - SYSTEM_CLOCK.wall()) + max(60.0, 2 * interval))


#: If ``execution_timeout`` limits a wait, the deadline is this many seconds before Airflow ends the trigger.
MARGIN = 10.0


def seconds_until(ends: datetime | None) -> float:
    """Return the seconds until Airflow ends a trigger; ``inf`` if it sets no time."""
    return math.inf if ends is None else _timestamp(ends) - SYSTEM_CLOCK.wall()


def _timestamp(time: datetime) -> float:
    """Return the seconds since the epoch. SQLite returns times without a zone; they are in UTC."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def start_timeout(timeout: float, execution_timeout: timedelta | None, interval: float) -> timedelta:
    """Return the ``timeout`` of a sensor's trigger if the sensor starts in the triggerer.

    Airflow counts it from the start of each try. If ``execution_timeout`` is shorter, Airflow applies that.
    """
    return timedelta(seconds=_limit(timeout, execution_timeout)[0] + max(60.0, 2 * interval))


def start_deadline(
    ends: datetime | None, timeout: float, execution_timeout: timedelta | None, interval: float
) -> float:
    """Return the deadline of a sensor that started in the triggerer, in seconds since the epoch.

    The trigger does not know when the try began: another triggerer may have started it before. But Airflow
    has stored when the trigger must end.

    :param ends: when Airflow ends the trigger; see :func:`start_timeout`.
    """
    limit, _ = _limit(timeout, execution_timeout)
    if ends is None:
        return SYSTEM_CLOCK.wall() + limit
    end = _timestamp(ends)
    airflow = start_timeout(timeout, execution_timeout, interval)
    began = end - min(airflow, execution_timeout or airflow).total_seconds()
    return min(began + limit, end - min(MARGIN, limit / 10))


def pause(seconds: float, clock: Clock, deadline: float, otherwise: str) -> Exchange[None]:
    """Pause, but raise an error instead if the pause would end after the deadline.

    :param otherwise: the end of the error's message, for instance ``nothing was submitted``.
    :raises RunTimeoutError: if the pause would end after the deadline.
    """
    if clock.wall() + seconds > deadline:
        raise RunTimeoutError(f"the time allowed is over: {otherwise}")
    yield Pause(seconds)
