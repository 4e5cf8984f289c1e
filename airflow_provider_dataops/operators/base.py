"""The base classes of the operators of all platforms."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_dataops.core.arguments import require_boolean, require_seconds
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.json import storable
from airflow_provider_dataops.operators.reporting import Reporting
from airflow_provider_dataops.tasks.base import DataOpsTask, no_retry_if_permanent

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.operators.attempt import RunAttempt

#: The default of ``timeout``.
DEFAULT_TIMEOUT = timedelta(hours=24)
#: While a worker waits, it checks at this interval, in seconds, whether the task was killed.
SLICE = 0.5
#: The key under which the process that defers the task passes values to the process that resumes it.
HANDOVER = "handover"
#: The methods of :class:`RunOperator` that run after the end of a deferred run.
AFTER_THE_RUN = ("resume_execution", "execute_complete", "reason_to_skip", "push_outputs")


class DataOpsOperator(Reporting):
    """An operator of this provider. It validates its arguments before it sends a request."""

    def execute(self, context: Context) -> Any:
        """Validate the arguments, do the work of the operator, and return the result for XCom."""
        with no_retry_if_permanent():
            self.check()
            return self.push_outputs(context, storable(self.act(context)))

    def act(self, context: Context) -> Any:
        """Do the work of this operator, and return the result for XCom."""
        raise NotImplementedError


def trace_id(context: Context) -> str:
    """Return a string of printable ASCII that identifies this try in the platform's records."""
    ti = context["ti"]
    text = f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}/{ti.try_number}"
    return "".join(c if c.isascii() and c.isprintable() else "_" for c in text)


def _is_from_outside(operator: type, method: str) -> bool:
    """Return whether the class that defines this method of an operator is outside this package."""
    owner = next(cls for cls in operator.__mro__ if method in vars(cls))
    return owner.__module__.partition(".")[0] != __name__.partition(".")[0]


class RunOperator(DataOpsOperator):
    """Starts one remote run, and waits for its end.

    :param wait_for_completion: wait for the end of the run. If ``False``, the task succeeds as soon as the
        run has started.
    :param deferrable: wait in the triggerer and hold no worker slot. The default is Airflow's setting
        ``[operators] default_deferrable``.
    :param poll_interval: the longest time between two status requests, in seconds or as a timedelta. The
        first requests are sent more often.
    :param timeout: how long each try may wait for the run, in seconds or as a timedelta. If
        ``execution_timeout`` is shorter, it applies instead.
    :param durable: store a record of the run for later tries of the task. If the run is still active, a retry
        waits for it. If the run succeeded, a retry returns its result. Needs Airflow 3.3.
    """

    #: Whether to stop the run if the task ends first. Where the platform can stop runs, this is an argument.
    cancel_on_kill: bool = False
    #: Whether the task succeeds if the platform accepts the run but returns no id.
    accepts_untracked: bool = False

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta = 30.0,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = require_boolean("wait_for_completion", wait_for_completion)
        self.deferrable = require_boolean("deferrable", deferrable)
        self.poll_interval = require_seconds("poll_interval", poll_interval)
        self.timeout = require_seconds("timeout", timeout)
        self.durable = require_boolean("durable", durable)
        self.killed = False
        self.attempt: RunAttempt | None = None
        self.handover: JsonObject | None = None

    # --- what a platform adds --------------------------------------------------------------------------

    def launch(self, api: Any, context: Context) -> Launch:
        """Return the launch, which describes how to start and find the run. This sends no request."""
        raise NotImplementedError

    def reason_to_skip(self, snapshot: RunSnapshot) -> str | None:
        """Return the reason to skip the task after an unsuccessful run; ``None`` if the task must fail."""
        return None

    # --- what Airflow calls ----------------------------------------------------------------------------

    def act(self, context: Context) -> Any:
        """Start the run, or find the run of an earlier try, and wait for its end."""
        return self._connected(context).start()

    def resume_submit(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Submit again after a pause, because the platform had no free slot."""
        with no_retry_if_permanent():
            self.check()
            return self.push_outputs(context, self._connected(context).start_after_pause(event))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Resume the task at the end of the wait in the triggerer."""
        with no_retry_if_permanent():
            return self.push_outputs(context, self._new_attempt(context).resume(event, self.handover))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume the task, also after its trigger timed out or crashed."""
        if next_method != "__fail__":
            # A user's subclass may define ``execute_complete`` without this argument.
            self.handover = (next_kwargs or {}).pop(HANDOVER, None)
            return super().resume_execution(next_method, next_kwargs, context)
        failure = next_kwargs or {}
        if failure.get("traceback"):
            self.log.error("The trigger failed:\n%s", "\n".join(failure["traceback"]))
        with no_retry_if_permanent():
            attempt = self._connected(context)
            if not attempt.recall():
                # No run was started, because the trigger was waiting for a free slot.
                return super().resume_execution(next_method, next_kwargs, context)
            result = attempt.resume_without_trigger(str(failure.get("error", "unknown")))
            return self.push_outputs(context, result)

    def on_kill(self) -> None:
        """Stop the run when Airflow kills the task on a worker: SIGTERM, mark failed, Clear or timeout."""
        self.killed = True
        if self.attempt is None:
            self.log.warning("The task was killed before this process sent a request")
        else:
            self.attempt.stop_on_kill()

    @property
    def run_url(self) -> str | None:
        """The link to the run; ``None`` if this process does not know it. Then XCom may contain the link."""
        attempt = self.attempt
        if attempt is None or not (attempt.url or attempt.is_new):
            return None
        return attempt.url

    @property
    def works_on_after_the_run(self) -> bool:
        """Whether a subclass or the argument ``post_execute`` adds work after the end of the run.

        Only then may much time pass in which a user can clear the task.
        """
        own = self.__class__
        return (
            any(_is_from_outside(own, name) for name in AFTER_THE_RUN)
            or own.post_execute is not DataOpsTask.post_execute
            or self._post_execute_hook is not None
        )

    def pause(self, duration: float) -> None:
        """Wait for some seconds. If the task is killed meanwhile, end the task within half a second.

        :param duration: the seconds to wait.
        """
        until = SYSTEM_CLOCK.monotonic() + duration
        while True:
            if self.attempt is not None:
                self.attempt.keep_present()
                if self.killed:
                    self.attempt.abandon()
            remaining = until - SYSTEM_CLOCK.monotonic()
            if remaining <= 0:
                return
            time.sleep(min(SLICE, remaining))

    def _new_attempt(self, context: Context) -> RunAttempt:
        # Import this module only when a task runs: it imports the HTTP client, which a DAG file does not
        # need.
        from airflow_provider_dataops.operators.attempt import RunAttempt

        self.attempt = RunAttempt(self, context)
        return self.attempt

    def _connected(self, context: Context) -> RunAttempt:
        attempt = self._new_attempt(context)
        attempt.connect()
        return attempt
