"""What becomes of the run when the task is killed on a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import ApiError, RunCancelledError
from airflow_provider_dataops.transport.sync import SyncDriver

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.adapters.task_state import MemoryStore, TaskStateStore
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.lifecycle.record import Record
    from airflow_provider_dataops.operators.base import RunOperator

#: A stop from ``on_kill`` must be through in this time, in seconds: Airflow kills the process after 5.
KILL_BUDGET = 3.0


class KillHandling:
    """The part of an attempt that ends it before its time.

    :ivar is_waiting: whether the task is in our own wait, where no call of Airflow's can be under way.
    :ivar is_renewing: whether that wait is asking Airflow something all the same.
    :ivar is_handed_over: whether the wait was handed to the triggerer, which stops the run if the task ends.
    :ivar is_settled: whether the run has ended, was stopped, or is named in the log as going on.
    """

    operator: RunOperator
    context: Context
    log: Log
    hook: DataOpsHook[Any]
    record: Record | None
    watch: RunWatch
    store: TaskStateStore | MemoryStore
    is_waiting: bool
    is_renewing: bool
    is_settled: bool
    is_handed_over: bool

    def stop_on_kill(self) -> None:
        """Stop the run from ``on_kill``.

        There are 5 s, and a call of Airflow's could wait for ever for the lock that the interrupted code
        holds. So this uses what is in memory. Only from our own wait Airflow is asked whether a newer try has
        taken over.
        """
        noun = self.operator.noun
        run_id = self.record.run_id if self.record else ""
        if not run_id:
            end = "stopped" if self.operator.cancel_on_kill else "named here and goes on"
            self.log.warning("Killed before a %s was known; one that starts now is %s", noun, end)
        elif self.is_settled:
            # Airflow may end a process that has its result and is about to report it.
            return
        elif self.is_handed_over or not self.watch.cancel_on_kill:
            # Logged once; the wait ends at its next slice.
            self.is_settled = True
            self.say_it_goes_on()
        elif self.is_renewing and self.has_retry:
            # Often it is Airflow that is away: then this process ends in that call, and the retry goes on.
            self.log.warning(
                "Killed while Airflow is asked something; %s %s is stopped when it answers: %s",
                noun,
                run_id,
                self.watch.url(self.hook.api),
            )
        elif not self.is_waiting or self.may_stop():
            self._stop_quickly()

    def abandon(self) -> NoReturn:
        """End a killed task. If the kill came before the run's id was known, stop the run here."""
        run_id = self.record.run_id if self.record else ""
        if run_id and not self.is_settled:
            if not self.watch.cancel_on_kill:
                self.say_it_goes_on()
            elif self.may_stop():
                self._stop_quickly()
        running = (
            f" while {self.operator.platform} {self.operator.noun} {run_id} was running" if run_id else ""
        )
        url = self.watch.url(self.hook.api) if run_id else ""
        raise RunCancelledError(f"the task was killed{running}", run_id=run_id, url=url)

    @property
    def has_retry(self) -> bool:
        """Whether Airflow starts another try if this one fails."""
        ti = self.context["ti"]
        return bool(ti.try_number <= ti.max_tries)

    def may_stop(self) -> bool:
        """Return whether the run is this try's to stop; if not, say why, and leave it.

        A newer try owns the run: a retry goes on with it, and after a Clear the newer try stops it. If no
        retry is left, only a Clear can start another try. Airflow is not asked then: it may be away, and
        nobody else would stop the run.
        """
        if not self.has_retry:
            return True
        run = f"{self.operator.noun} {self.watch.run_id}"
        url = self.watch.url(self.hook.api)
        # Before the question: if the API server is away, Airflow can take longer than this process may live.
        self.log.info("Asking whether a newer try has taken over before %s is stopped: %s", run, url)
        try:
            superseded = self.store.is_superseded()
        except Exception as error:
            self.log.warning(
                "%s is not stopped and goes on, a retry takes it up again: Airflow does not say whether a "
                "newer try has taken over (%r): %s",
                run,
                error,
                url,
            )
        else:
            if not superseded:
                return True
            self.log.warning("A newer try has taken over; %s is left to it: %s", run, url)
        self.is_settled = True
        return False

    def say_it_goes_on(self) -> None:
        """Name the run that is left running."""
        self.log.warning(
            "%s %s %s is not stopped from here and may go on: %s",
            self.operator.platform,
            self.operator.noun,
            self.watch.run_id,
            self.watch.url(self.hook.api),
        )

    def _stop_quickly(self) -> None:
        """Send one stop within the time that a killed task has."""
        self.is_settled = True
        operator, api, run_id = self.operator, self.hook.api, self.watch.run_id
        # A session of its own: the interrupted one may be in the middle of a response.
        driver = SyncDriver(api, register_secret=_ignore, limit=KILL_BUDGET / 2)
        try:
            driver.run(self.watch.cancel(api), ONCE)
        except ApiError as error:
            self.log.error("%s %s could not be stopped and may go on: %s", operator.noun, run_id, error)
        else:
            self.log.warning("Told %s %s %s to stop", operator.platform, operator.noun, run_id)


def _ignore(secret: str) -> None:
    """Mask nothing: no call of Airflow's is safe in ``on_kill``."""
