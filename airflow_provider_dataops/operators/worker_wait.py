"""Waiting for a run on a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.lifecycle.events import RunEvent
from airflow_provider_dataops.lifecycle.progress import WaitProgress
from airflow_provider_dataops.lifecycle.wait import Wait

if TYPE_CHECKING:
    from airflow_provider_dataops.operators.attempt import RunAttempt


def wait_on_worker(attempt: RunAttempt, deadline: float) -> RunEvent:
    """Return how the wait ended. Refused credentials are read again once, in case they were changed."""
    wait = Wait(
        run_id=attempt.watch.run_id,
        deadline=deadline,
        poll_interval=attempt.operator.poll_interval,
        progress=WaitProgress(SYSTEM_CLOCK.monotonic()),
        clock=SYSTEM_CLOCK,
        log=attempt.log,
    )
    while True:
        attempt.is_waiting = True
        try:
            event = attempt.hook.run(wait.until_end(lambda: attempt.watch.look(attempt.hook.api)), ONCE)
        finally:
            attempt.is_waiting = False
        if event is not None:
            return event
        attempt.log.warning("The credentials were refused; reading the connection again")
        refused, refusal = attempt.hook.api.settings.account_key, wait.progress.refusal
        attempt.connect()
        if refusal is not None and attempt.hook.api.settings.account_key == refused:
            return RunEvent.unreachable(attempt.watch.run_id, refusal)
