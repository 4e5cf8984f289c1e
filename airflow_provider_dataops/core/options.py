"""The options of Airflow's configuration section ``[dataops]``, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings of one Airflow installation for all connections of one type.

    The provider's metadata contains the same defaults, which ``airflow config list`` shows.

    :param outage_budget: for this many seconds, a wait continues although the platform does not answer.
    :param max_concurrent_requests: at most this many requests of one connection are sent at a time by one
        triggerer.
    :param listing_delay: the platform certainly lists a new run after this many seconds; 0 means the
        platform's default.
    :param timeout_delay: like ``listing_delay``, but for a run whose submission ended with a 504 or a read
        timeout; 0 means the default.
    :param deferral_guard: a trigger holds back its event for at least this many seconds.
    :param publish_progress: whether waits publish the state of their run for the page *Remote runs*.
    """

    outage_budget: float = 30 * 60.0
    max_concurrent_requests: int = 32
    listing_delay: float = 0.0
    timeout_delay: float = 0.0
    deferral_guard: float = 6.0
    publish_progress: bool = True
