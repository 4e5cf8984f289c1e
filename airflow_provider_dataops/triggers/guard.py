"""How long a trigger waits before it sends its event, so that Airflow does not fail the task.

Airflow 3.3.2 fails a deferred task if the trigger's event comes too early. The scheduler must first read the
executor's report on the process that deferred. A trigger cannot see whether the scheduler has read this
report. The supervisor of that process can run for one more heartbeat interval. On a busy machine the
supervisor and the scheduler need longer. So a trigger waits before it sends its event: the higher the load,
the longer.
"""

from __future__ import annotations

import asyncio
import os

from airflow_provider_dataops.adapters import configuration
from airflow_provider_dataops.core.arguments import require_time
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.lifecycle.deadlines import LONGEST_GUARD

#: If, on average, one process waits for each processor, a trigger waits this many seconds longer.
GROWTH = 2.0


def load() -> float:
    """Return the load average of the last minute, divided by the number of processors."""
    try:
        return float(os.getloadavg()[0]) / (os.cpu_count() or 1)
    except OSError:
        # This operating system does not report its load.
        return 0.0


def check(worker_load: object) -> None:
    """Validate the load that a trigger has stored, and the option ``deferral_guard``.

    :raises InvalidArgumentError: if the load is not a number, or below 0.
    :raises ConfigurationError: if the option is not valid.
    """
    configuration.deferral_guard()
    if worker_load != 0 or isinstance(worker_load, bool):
        require_time(worker_load=worker_load)


def guard(busiest: float) -> float:
    """Return how many seconds after its start a trigger may send its event.

    :param busiest: the load of the worker or of the triggerer, whichever is higher; see :func:`load`.
    """
    return min(LONGEST_GUARD, configuration.deferral_guard() + GROWTH * max(0.0, busiest - 1.0))


async def hold_back(began: float, worker_load: float) -> None:
    """Wait until a trigger may send its event.

    :param began: when the trigger started, as a time of the monotonic clock.
    :param worker_load: the load of the worker when the task deferred.
    """
    # Wait twice, because the load may rise during the first wait.
    for _ in range(2):
        remaining = began + guard(max(worker_load, load())) - SYSTEM_CLOCK.monotonic()
        await asyncio.sleep(max(0.0, remaining))
