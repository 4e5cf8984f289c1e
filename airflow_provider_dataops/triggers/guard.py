"""How long a trigger holds its event back, so that Airflow does not fail the task.

Airflow 3.3.2 fails a deferred task if it queues the task again before its scheduler has read the executor's
report on the attempt that deferred. Nothing that a trigger can read shows that the report was read. The
supervisor of that attempt can outlive it by one heartbeat interval. On a busy machine it needs longer, and so
does the scheduler. So the time grows with the load.
"""

from __future__ import annotations

import asyncio
import os

from airflow.providers.common.compat.sdk import conf

from airflow_provider_dataops.core.arguments import require_time
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.lifecycle.deadlines import LONGEST_GUARD

#: The shortest time, in seconds.
SHORTEST: float = min(
    LONGEST_GUARD,
    max(
        conf.getfloat("dataops", "deferral_guard", fallback=6.0),
        conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0) + 1.0,
    ),
)
#: How much the time grows for each process beyond the first that waits for the same processor, in seconds.
GROWTH = 2.0


def load() -> float:
    """Return how many processes want each processor of this machine, on average over the last minute."""
    try:
        return float(os.getloadavg()[0]) / (os.cpu_count() or 1)
    except OSError:
        # The system does not report it.
        return 0.0


def require_load(worker_load: object) -> None:
    """Refuse what no worker reports as its load.

    :raises InvalidArgumentError: naming the value.
    """
    if worker_load != 0 or isinstance(worker_load, bool):
        require_time(worker_load=worker_load)


def guard(busiest: float) -> float:
    """Return how many seconds after its start a trigger may send its event.

    :param busiest: the load of the busiest machine that is known, see :func:`load`.
    """
    return min(LONGEST_GUARD, SHORTEST + GROWTH * max(0.0, busiest - 1.0))


async def hold_back(began: float, worker_load: float) -> None:
    """Wait until a trigger may send its event.

    :param began: when the trigger started, on the monotonic clock.
    :param worker_load: the load of the worker when the task deferred.
    """
    # Twice, because the load may grow during the first wait.
    for _ in range(2):
        remaining = began + guard(max(worker_load, load())) - SYSTEM_CLOCK.monotonic()
        await asyncio.sleep(max(0.0, remaining))
