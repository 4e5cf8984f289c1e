"""What the sensors of all platforms share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from airflow_provider_dataops.errors import ApiError, DataOpsError, OutageError, RunError, RunTimeoutError
from airflow_provider_dataops.operators.base import boolean, no_vain_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context

    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.platforms.http import Exchange
    from airflow_provider_dataops.triggers.base import DataOpsTrigger


class DataOpsSensor(BaseSensorOperator):
    """Asks a platform until something holds.

    ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` and ``never_fail`` are Airflow's own. A question
    that cannot be asked is not an answer: outages are borne.

    :param deferrable: wait in the triggerer and hold no worker slot; ``mode`` does not matter then. The
        default is Airflow's setting ``[operators] default_deferrable``.
    """

    platform: ClassVar[str]

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = boolean("deferrable", deferrable)

    # --- what a platform adds --------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse arguments that make no sense; called once templates are rendered."""

    def make_hook(self) -> DataOpsHook[Any]:
        """Return the platform's hook."""
        raise NotImplementedError

    def question(self, api: Any) -> Exchange[dict[str, Any] | None]:
        """Return the exchange that asks; it returns JSON values once the condition holds, ``None`` before."""
        raise NotImplementedError

    def make_trigger(self, api: Any, deadline: float) -> DataOpsTrigger:
        """Return the trigger that waits."""
        raise NotImplementedError

    def answer(self, event: object) -> Mapping[str, Any]:
        """Return what the trigger found.

        :raises ValueError: for an event that is not the trigger's.
        :raises DataOpsError: for what the event stands for.
        """
        from airflow_provider_dataops.runs.condition import ConditionEvent
        from airflow_provider_dataops.runs.outcome import Ending

        ended = ConditionEvent.from_json(event)
        if ended.ending is Ending.TIMEOUT:
            raise RunTimeoutError(f"{self.platform}: {ended.message}")
        if ended.value is None:
            raise OutageError(f"{self.platform} can no longer be asked: {ended.message}")
        return ended.value

    def conclude(self, value: Mapping[str, Any]) -> Any:
        """Return what the task returns, or raise what the answer stands for."""
        return dict(value) or None

    # --- the wait --------------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Check the arguments and wait."""
        return self._or_skip(lambda: self._execute(context))

    def _execute(self, context: Context) -> Any:
        with no_vain_retry():
            self.check()
            if not self.deferrable:
                return super().execute(context)
            # Look once: what holds already needs no trigger.
            told = self.poke(context)
        if told:
            return told.xcom_value if isinstance(told, PokeReturnValue) else None
        return self._defer()

    def _defer(self) -> NoReturn:
        from datetime import timedelta

        limits = [float(self.timeout)]
        if self.execution_timeout is not None:
            limits.append(self.execution_timeout.total_seconds())
        deadline = time.time() + min(limits)
        margin = max(60.0, 2 * float(self.poke_interval))
        self.defer(
            trigger=self.make_trigger(self.make_hook().api, deadline),
            method_name=self.execute_complete.__name__,
            timeout=timedelta(seconds=min(limits) + margin),
        )

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Ask once."""
        hook = self.make_hook()
        try:
            value = hook.run(self.question(hook.api))
        except ApiError as error:
            from airflow_provider_dataops.transport.retry import is_passing

            if not is_passing(error):
                raise
            self.log.warning("%s; asking again later", error)
            return False
        return False if value is None else PokeReturnValue(True, self.conclude(value))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Take up the task at the end of the wait in the triggerer."""
        return self._or_skip(lambda: self._complete(event))

    def _complete(self, event: object) -> Any:
        with no_vain_retry():
            try:
                return self.conclude(self.answer(event))
            except RunTimeoutError as error:
                raise AirflowSensorTimeout(str(error)) from error
            except ValueError as error:
                raise RunError(f"the trigger told something that is not to be trusted: {error}") from error

    def _or_skip(self, work: Callable[[], Any]) -> Any:
        """Do the work; where the user asked for it, a failure becomes a skip."""
        from airflow_provider_dataops.exceptions import PermanentError

        try:
            return work()
        except (DataOpsError, PermanentError, AirflowSensorTimeout) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise


class RunSensor(DataOpsSensor):
    """Waits for the end of one run that something else started."""

    noun: ClassVar[str] = "run"

    def url(self, run_id: str) -> str:
        """Return where a person can look at the run."""
        raise NotImplementedError

    def answer(self, event: object) -> Mapping[str, Any]:
        """Return the run at its end."""
        from airflow_provider_dataops.runs.outcome import Ending, RunEvent, failure

        ended = RunEvent.from_json(event)
        if ended.ending is not Ending.FINISHED or ended.snapshot is None:
            error = failure(ended, platform=self.platform, noun=self.noun, url=self.url(ended.run_id))
            raise error or ValueError("an event without a run")
        return ended.snapshot.as_json()

    def conclude(self, value: Mapping[str, Any]) -> Any:
        """Return the run, or raise what its end stands for."""
        from airflow_provider_dataops.platforms.run import RunSnapshot
        from airflow_provider_dataops.runs.outcome import Ending, RunEvent, failure

        snapshot = RunSnapshot.from_json(value)
        url = self.url(snapshot.run_id)
        event = RunEvent(ending=Ending.FINISHED, run_id=snapshot.run_id, snapshot=snapshot)
        error = failure(event, platform=self.platform, noun=self.noun, url=url)
        if error is not None:
            raise error
        return snapshot.as_result(url)


def ended(look: Exchange[Any]) -> Exchange[dict[str, Any] | None]:
    """Return the run as JSON values once it has ended."""
    snapshot = yield from look
    return snapshot.as_json() if snapshot.state.is_final else None
