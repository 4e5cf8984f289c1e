"""Stop the run, or log its link, when Airflow kills the task on a worker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import ApiError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.adapters.task_state import MemoryStore, TaskStateStore
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.lifecycle.record import Record
    from airflow_provider_dataops.operators.base import RunOperator
    from airflow_provider_dataops.transport.sync import SyncDriver

#: ``on_kill`` gives its stop request this many seconds, because Airflow kills the process after 5 s.
KILL_BUDGET = 3.0


class KillHandling:
    """The part of :class:`.attempt.RunAttempt` that acts when Airflow kills the task.

    :ivar ended_id: the id of the run if it ended before this process began; otherwise empty.
    :ivar is_waiting: whether the task waits in this provider's code, where no call to Airflow is in progress.
    :ivar is_renewing: whether the waiting task is renewing its record, which is a call to Airflow.
    :ivar is_handed_over: whether the triggerer waits for the run. It then also stops the run if the task ends
        first.
    :ivar is_settled: whether the run has ended or was stopped, or the log already says that it keeps running.
    """

    operator: RunOperator
    context: Context
    log: Log
    hook: DataOpsHook[Any]
    driver_class: type[SyncDriver]
    record: Record | None
    ended_id: str
    watch: RunWatch
    url: str
    store: TaskStateStore | MemoryStore
    is_waiting: bool
    is_renewing: bool
    is_settled: bool
    is_handed_over: bool

    @property
    def kind(self) -> str:
        """The platform's name and its word for a run, for the log: ``Tamr job``."""
        return f"{self.operator.platform} {self.operator.noun}"

    @property
    def run_id(self) -> str:
        """The platform's id of the run; empty if this process does not know it yet."""
        return self.record.run_id if self.record else self.ended_id

    @property
    def run(self) -> str:
        """The platform, its word for a run and the run's id, for the log: ``Tamr job j-1``."""
        return f"{self.kind} {self.run_id or self.watch.run_id}"

    @property
    def link(self) -> str:
        """The link to the run."""
        return self.url or self.watch.url(self.hook.api)

    def stop_on_kill(self) -> None:
        """Stop the run from ``on_kill``, or log that the run keeps running.

        Airflow gives ``on_kill`` 5 s. A call to Airflow could wait for ever for a lock that the interrupted
        code holds. So this method uses only values in memory, with one exception. If the kill interrupted a
        wait in this provider's code, the method may ask Airflow whether a newer try has taken over.
        """
        if not self.run_id:
            end = "stopped" if self.operator.cancel_on_kill else "left running, and its link is logged"
            self.log.warning(
                "The task was killed before it knew the id of its %s. If the platform starts the run "
                "now, the run is %s",
                self.kind,
                end,
            )
        elif self.is_settled:
            # There is nothing left to do: Airflow may also kill a process that is about to report its result.
            return
        elif self.is_handed_over or not self.watch.cancel_on_kill:
            # The wait ends within half a second. It would log this line again, but ``is_settled`` prevents
            # that.
            self.is_settled = True
            self.log_left_running()
        elif self.is_renewing and self.has_retry:
            # Do not stop the run yet: the interrupted call may hang because the API server is down. Then
            # Airflow kills this process, and the retry waits for the run.
            self.log.warning(
                "The task was killed during a request to Airflow. After the response, the task stops %s: %s",
                self.run,
                self.watch.url(self.hook.api),
            )
        elif not self.is_waiting or self.may_stop():
            self._stop_quickly()

    def abandon(self) -> NoReturn:
        """End a killed task. If ``on_kill`` did not know the run's id yet, stop the run first.

        :raises SystemExit: always.
        """
        if self.run_id and not self.is_settled:
            if not self.watch.cancel_on_kill:
                self.log_left_running()
            elif self.may_stop():
                self._stop_quickly()
        running = f" while {self.run} was running: {self.link}" if self.run_id else ""
        # Airflow logs SystemExit in one line and retries as usual. After any other exception, the line about
        # the run would disappear behind a traceback.
        sys.exit(f"the task was killed{running}")

    @property
    def has_retry(self) -> bool:
        """Whether Airflow starts another try if this try fails."""
        ti = self.context["ti"]
        return bool(ti.try_number <= ti.max_tries)

    def may_stop(self) -> bool:
        """Return whether this try may stop the run. If not, log why this try does not stop the run.

        If a newer try has begun, that try decides: a retry keeps waiting for the run, and a try after a Clear
        stops it. If no retry is left, this method returns ``True`` and does not ask Airflow. The API server
        may be down, and then nothing else would stop the run.
        """
        if not self.has_retry:
            return True
        run, url = self.run, self.watch.url(self.hook.api)
        # Log this first: if the API server is down, Airflow may kill this process before the request fails.
        self.log.info(
            "Asking Airflow whether a newer try has taken over; if not, this task stops %s: %s", run, url
        )
        try:
            superseded = self.store.is_superseded()
        except Exception as error:
            self.log.warning(
                "%s was not stopped and keeps running; a retry waits for it again. Airflow did not report "
                "whether a newer try has taken over (%r): %s",
                run,
                error,
                url,
            )
        else:
            if not superseded:
                return True
            self.log.warning("A newer try has taken over, so this try does not stop %s: %s", run, url)
        self.is_settled = True
        return False

    def log_left_running(self) -> None:
        """Log that this task leaves the run running, with its link."""
        self.log.warning(
            "%s was not stopped and may still be running: %s", self.run, self.watch.url(self.hook.api)
        )

    def _stop_quickly(self) -> None:
        """Send one stop request, within :data:`KILL_BUDGET` seconds."""
        self.is_settled = True
        api = self.hook.api
        # Use a new HTTP session, because the interrupted one may be in the middle of a response.
        driver = self.driver_class(api, register_secret=_ignore, limit=KILL_BUDGET / 2)
        try:
            driver.run(self.watch.cancel(api), ONCE)
        except ApiError as error:
            self.log.error("%s could not be stopped and may still be running: %s", self.run, error)
        else:
            self.report_stop()

    def report_stop(self) -> None:
        """Log and count that the platform accepted the stop request. The run may still succeed or fail."""
        operator = self.operator
        self.log.warning("Asked %s to stop %s %s", operator.platform, operator.noun, self.watch.run_id)
        # Do this last: in ``on_kill``, the metrics' client may wait for a lock of the interrupted code.
        metrics.count(Counter.RUN_CANCELLED, operator.platform)


def _ignore(secret: str) -> None:
    """Do nothing: masking a secret would call Airflow, which is not safe in ``on_kill``."""
