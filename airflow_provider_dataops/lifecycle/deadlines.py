"""When a wait is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.errors import RunTimeoutError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock

#: No trigger holds its event back for longer, so that Airflow does not fail the task, in seconds.
LONGEST_GUARD = 120.0


def deadline_of(timeout: float, execution_timeout: timedelta | None) -> float:
    """Return when a wait that begins now is over, in seconds since the epoch.

    :param execution_timeout: the task's, which Airflow does not apply while the task is deferred.
    """
    return SYSTEM_CLOCK.wall() + _limit(timeout, execution_timeout)[0]


def deadline_in_words(deadline: float) -> str:
    """Return a deadline as a message names it; seconds since the epoch."""
    return f"the deadline {datetime.fromtimestamp(deadline, UTC):%Y-%m-%d %H:%M:%S} UTC"


def limit_in_words(timeout: float, execution_timeout: timedelta | None) -> str:
    """Return the argument that decides when a wait is over, and its value."""
    seconds, name = _limit(timeout, execution_timeout)
    return f"{name}={seconds:.0f} s"


def _limit(timeout: float, execution_timeout: timedelta | None) -> tuple[float, str]:
    if execution_timeout is None or timeout <= execution_timeout.total_seconds():
        return timeout, "timeout"
    return execution_timeout.total_seconds(), "execution_timeout"


def airflow_timeout(until: float, interval: float) -> timedelta:
    """Return Airflow's own limit of a deferral. It takes effect only while no triggerer lives.

    A trigger may hold its event back until after our own wait is over.

    :param until: when our own wait is over, seconds since the epoch.
    :param interval: the longest time between two looks, in seconds.
    """
    return timedelta(seconds=max(LONGEST_GUARD, until - SYSTEM_CLOCK.wall()) + max(60.0, 2 * interval))


def pause(seconds: float, clock: Clock, deadline: float, otherwise: str) -> Exchange[None]:
    """Wait, but not beyond the deadline.

    :param otherwise: what is left undone if the wait would end after the deadline.
    :raises RunTimeoutError: if it would.
    """
    if clock.wall() + seconds > deadline:
        raise RunTimeoutError(f"the time allowed is over: {otherwise}")
    yield Pause(seconds)
