"""Read the section ``[dataops]`` of Airflow's configuration, once in each process.

No other module reads this section.
"""

from __future__ import annotations

from functools import cache

from airflow.providers.common.compat.sdk import conf

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.errors import ConfigurationError
from airflow_provider_dataops.lifecycle.deadlines import LONGEST_GUARD

SECTION = "dataops"
#: The largest value of each option in seconds: one day. ``deferral_guard`` has a lower limit.
LONGEST = 86_400.0
#: The largest value of ``max_concurrent_requests``.
MOST_REQUESTS = 100
#: The words of Airflow's configuration for true and false.
FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


@cache
def options(conn_type: str) -> Options:
    """Return the options that apply to all connections of one type.

    :raises ConfigurationError: if an option has an invalid value.
    """
    return Options(
        outage_budget=_number("outage_budget", Options.outage_budget, 0, LONGEST),
        max_concurrent_requests=int(
            _number("max_concurrent_requests", Options.max_concurrent_requests, 1, MOST_REQUESTS, whole=True)
        ),
        listing_delay=_number(f"{conn_type}_listing_delay", Options.listing_delay, 1, LONGEST),
        timeout_delay=_number("timeout_delay", Options.timeout_delay, 1, LONGEST),
        deferral_guard=deferral_guard(),
        publish_progress=_flag("publish_progress", Options.publish_progress),
    )


@cache
def deferral_guard() -> float:
    """Return the shortest time between the start of a trigger and its event, in seconds.

    Before the event, Airflow must finish the process that deferred the task. So the result is at
    least one second longer than Airflow's ``[workers] min_heartbeat_interval``, but at most 120 seconds.

    :raises ConfigurationError: if the value is not a number from 0 to 120.
    """
    option = _number("deferral_guard", Options.deferral_guard, 0, LONGEST_GUARD)
    heartbeat: float = conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0)
    return min(LONGEST_GUARD, max(option, heartbeat + 1.0))


def _text(name: str) -> str:
    """Return an option as it is written; empty if it is not set."""
    return str(conf.get(SECTION, name, fallback=None) or "").strip()


def _flag(name: str, default: bool) -> bool:
    """Return an option that is true or false."""
    text = _text(name)
    if not text:
        return default
    if text.lower() not in FLAGS:
        raise ConfigurationError(
            f"Airflow's option [{SECTION}] {name} must be one of {', '.join(FLAGS)}; given: {text!r}"
        )
    return FLAGS[text.lower()]


def _number(name: str, default: float, low: float, high: float, *, whole: bool = False) -> float:
    """Return an option that is a number.

    :param whole: whether the number must be a whole number.
    """
    text = _text(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not low <= number <= high or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise ConfigurationError(
            f"Airflow's option [{SECTION}] {name} must be {kind} from {low:g} to {high:g}; given: {text!r}"
        )
    return number


def has_remote_runs_page() -> bool:
    """Return whether Airflow's UI contains the page "Remote runs".

    :raises AirflowConfigException: if the value is neither true nor false.
    """
    return bool(conf.getboolean(SECTION, "remote_runs_page", fallback=True))
