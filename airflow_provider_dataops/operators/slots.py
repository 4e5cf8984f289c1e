"""Wait for a free slot at the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.errors import RunTimeoutError
from airflow_provider_dataops.lifecycle.deadlines import airflow_timeout

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import SlotsTakenError
    from airflow_provider_dataops.operators.base import RunOperator

#: While the platform has no free slot, the pauses grow from the first to the second number, in seconds.
SLOT_PAUSE, SLOT_PAUSE_CAP = 30.0, 300.0


def wait_for_slot(operator: RunOperator, error: SlotsTakenError, deadline: float, waits: int) -> None:
    """Pause before the task submits again. A deferrable task pauses in the triggerer.

    :param waits: how many pauses the task has made for a slot so far.
    :raises RunTimeoutError: if the pause would end after the deadline.
    """
    pause = min(SLOT_PAUSE_CAP, SLOT_PAUSE * 2.0 ** min(waits, 8))
    # Half of the pause is random: tasks that were rejected together should not submit together again.
    pause = max(error.retry_after or 0.0, pause * (0.5 + SYSTEM_CLOCK.random() / 2))
    until = SYSTEM_CLOCK.wall() + pause
    if until >= deadline:
        raise RunTimeoutError(f"no slot became free in the time allowed: {error}") from error
    operator.log.warning("All slots are taken (%s); trying again in %.0f s", error, pause)
    if not operator.deferrable:
        operator.pause(pause)
        return
    from airflow_provider_dataops.triggers.base import PauseTrigger

    operator.defer(
        trigger=PauseTrigger(until=until, payload={"deadline": deadline, "slot_waits": waits + 1}),
        method_name=operator.resume_submit.__name__,
        timeout=airflow_timeout(until, operator.poll_interval),
    )
