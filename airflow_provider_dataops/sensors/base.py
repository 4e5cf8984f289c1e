"""The base class of the sensors of all platforms."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, conf
from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_dataops.core.arguments import require_boolean
from airflow_provider_dataops.errors import ApiError, DataOpsError, InvalidArgumentError, OutageError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.links.base import push_run_link
from airflow_provider_dataops.sensors.start import StartArguments, StartFromTrigger, worker_reason
from airflow_provider_dataops.tasks.base import DataOpsTask, no_retry_if_permanent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import jinja2
    from airflow.sdk import Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_dataops.core.watch import Watch
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.sensors.waits import SensorWait


class DataOpsSensor(DataOpsTask, BaseSensorOperator):
    """Waits for the end of a run, or until a condition is true.

    ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` and ``never_fail`` are arguments of all Airflow
    sensors. After a failed request the sensor asks again, until the outage has lasted too long.

    :param deferrable: wait in the triggerer and hold no worker slot; then ``mode`` has no effect. The
        default is Airflow's setting ``[operators] default_deferrable``.
    :param start_from_trigger: with ``deferrable``, start in the triggerer and never take a worker. This has
        its price: see the guide *Waiting for a run*. If an argument or a setting of the task needs a worker,
        the sensor starts on a worker as usual, and the log says why.
    """

    #: Whether the DAG's author wants the sensor to start in the triggerer.
    wants_trigger = False
    start_from_trigger = StartFromTrigger()
    start_trigger_args = StartArguments()

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = require_boolean("deferrable", deferrable)
        self.start_from_trigger = start_from_trigger
        self._worker_reason: str | None = None
        self._wait: SensorWait | None = None
        #: The link to the run; empty until the run is known.
        self.run_url = ""

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped sensor. It starts on a worker, because Airflow cannot start it in the triggerer."""
        # With this argument, Airflow 3.3.2 would render templates in the triggerer after the worker did.
        kwargs.pop("start_from_trigger", None)
        return super().partial(**kwargs)

    # --- what a platform adds --------------------------------------------------------------------------

    def watch(self, api: Any) -> Watch:
        """Return the watch, which describes the run or the condition to wait for."""
        raise NotImplementedError

    def result(self, value: Mapping[str, Any]) -> Any:
        """Return the task's result after the condition became true.

        :param value: what the platform returned when the condition became true.
        """
        return dict(value) or None

    # --- what Airflow calls ----------------------------------------------------------------------------

    def check(self) -> None:
        """Check ``poke_interval`` and the connection's id. Subclasses check their arguments, too."""
        super().check()
        if not self.poke_interval > 0:
            raise InvalidArgumentError(f"poke_interval must be above 0; given: {self.poke_interval!r}")

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the template fields. Before that, find out why the sensor has started on a worker."""
        self._worker_reason = worker_reason(self) if self.wants_trigger else None
        super().render_template_fields(context, jinja_env)

    def execute(self, context: Context) -> Any:
        """Validate the arguments, wait, and return the result."""
        if self._worker_reason:
            self.log.info(
                "start_from_trigger has no effect, so this sensor starts on a worker: %s", self._worker_reason
            )
        with self.skipping():
            result = self._execute(context)
        return self.push_outputs(context, result)

    def _execute(self, context: Context) -> Any:
        with no_retry_if_permanent():
            self.check()
            # Check the arguments before the first poke. In a poke, ``silent_fail`` would hide the error about
            # a wrong argument.
            wait, hook = self._waiting()
            if not self.deferrable:
                if self.run_url and self.mode == "poke":
                    # In mode ``reschedule``, Airflow stores the link each time the task leaves the worker.
                    push_run_link(self, context, self.run_url, self.log)
                return super().execute(context)
            # Ask once before the task defers: if the condition is true already, no trigger is needed.
            answer = wait.poke(hook)
        if isinstance(answer, PokeReturnValue):
            return answer.xcom_value
        wait.publish(context)
        return wait.defer()

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Ask the platform once, and return whether the wait is over."""
        wait, hook = self._waiting()
        answer = wait.poke(hook)
        if not answer:
            wait.publish(context)
        return answer

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Resume the task at the end of the wait in the triggerer."""
        with self.skipping():
            result = self._complete(event)
        return self.push_outputs(context, result)

    def _complete(self, event: object) -> Any:
        with no_retry_if_permanent():
            wait, hook = self._waiting()
            return wait.resume(event, hook)

    def _waiting(self) -> tuple[SensorWait, DataOpsHook[Any]]:
        # Import this module only when a task runs: it imports the HTTP client, which a DAG file does not
        # need.
        from airflow_provider_dataops.sensors.waits import sensor_wait

        hook = self.make_hook()
        self._wait = self._wait or sensor_wait(self, hook.api)
        return self._wait, hook

    @contextmanager
    def skipping(self) -> Iterator[None]:
        """Skip the task after a failure that ``soft_fail`` or ``never_fail`` covers.

        As in Airflow's own sensors, ``soft_fail`` covers a timeout, an unsuccessful run and permanent errors.
        ``never_fail`` covers every failure.
        """
        try:
            yield
        except (DataOpsError, PermanentError, AirflowSensorTimeout) as error:
            # ``soft_fail`` does not cover an outage, because a retry can still find the run or the condition.
            soft = not isinstance(error, ApiError | OutageError)
            if self.never_fail or (self.soft_fail and soft):
                raise AirflowSkipException(str(error)) from error
            raise
