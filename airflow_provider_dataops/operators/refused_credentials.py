"""Read the connection again when the platform rejects the credentials of a task on a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.retry import refusal_pause
from airflow_provider_dataops.lifecycle.events import Ending, RunEvent
from airflow_provider_dataops.operators.kill import KillHandling

if TYPE_CHECKING:
    from airflow_provider_dataops.lifecycle.progress import WaitProgress


class RefusedCredentials(KillHandling):
    """The part of :class:`.attempt.RunAttempt` that acts when the platform rejects the credentials."""

    def connect(self) -> None:
        """Read the connection, and validate the arguments against it."""
        raise NotImplementedError

    def reconnect(self, progress: WaitProgress, deadline: float) -> RunEvent | None:
        """Read the connection again after the platform refused the credentials.

        If refusals may lock the account and the credentials have not changed, pause before the next request.
        If the pause would end after the deadline, return an event that ends the wait; otherwise ``None``.
        """
        refused = self.hook.api.settings.account_key
        self._connect_again()
        locks_out = progress.failure is not None and progress.failure.locks_out
        if not locks_out or self.hook.api.settings.account_key != refused:
            return None
        pause = refusal_pause(SYSTEM_CLOCK.random())
        if SYSTEM_CLOCK.wall() + pause > deadline:
            message = progress.refused(deadline)
            return RunEvent(ending=Ending.UNREACHABLE, run_id=progress.run_id, message=message)
        self.log.warning(
            "The connection has not changed; its credentials are sent once more in %.0f s", pause
        )
        self.is_waiting = True
        try:
            self.operator.pause(pause)
        finally:
            self.is_waiting = False
        self._connect_again()
        return None

    def _connect_again(self) -> None:
        try:
            self.connect()
        except Exception:
            self.log_left_running()
            raise
