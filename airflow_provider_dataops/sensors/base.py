"""What the sensors of all platforms share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, conf
from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_dataops.errors import (
    ApiError,
    DataOpsError,
    InvalidArgumentError,
    OutageError,
    RunError,
    RunTimeoutError,
)
from airflow_provider_dataops.operators.base import boolean, no_vain_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.lifecycle.outcome import RunEvent
    from airflow_provider_dataops.lifecycle.progress import WaitProgress
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
        if not self.poke_interval > 0:
            raise InvalidArgumentError(f"poke_interval must be above 0; given: {self.poke_interval!r}")

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
        from airflow_provider_dataops.lifecycle.condition import ConditionEvent
        from airflow_provider_dataops.lifecycle.outcome import Ending

        ended = ConditionEvent.from_json(event)
        if ended.ending is Ending.TIMEOUT:
            raise RunTimeoutError(f"{self.platform}: {ended.message}")
        if ended.value is None:
            outage = OutageError(f"{self.platform} can no longer be asked: {ended.message}")
            outage.permanent = ended.permanent
            raise outage
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
            value = self.asked(hook)
        except ApiError as error:
            from airflow_provider_dataops.core.retry import is_passing

            if not is_passing(error):
                raise
            self.log.warning("%s; asking again later", error)
            return False
        return False if value is None else PokeReturnValue(True, self.conclude(value))

    def asked(self, hook: DataOpsHook[Any]) -> Mapping[str, Any] | None:
        """Return the answer once the condition holds."""
        return hook.run(self.question(hook.api))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Take up the task at the end of the wait in the triggerer."""
        return self._or_skip(lambda: self._complete(context, event))

    def _complete(self, context: Context, event: object) -> Any:
        with no_vain_retry():
            try:
                return self.conclude(self.answer(event))
            except RunTimeoutError as error:
                # It may hold by now: the deadline may have passed while no triggerer lived.
                told = self.poke(context)
                if not told:
                    raise AirflowSensorTimeout(str(error)) from error
                return told.xcom_value if isinstance(told, PokeReturnValue) else None
            except ValueError as error:
                raise RunError(f"the trigger told something that is not to be trusted: {error}") from error

    def _or_skip(self, work: Callable[[], Any]) -> Any:
        """Do the work; where the user asked for it, a failure becomes a skip.

        As in Airflow's own sensors ``soft_fail`` speaks of what was waited for (out of time, ended without
        success) and of what no retry can mend, ``never_fail`` of every failure.
        """
        from airflow_provider_dataops.exceptions import PermanentError

        try:
            return work()
        except (DataOpsError, PermanentError, AirflowSensorTimeout) as error:
            # An outage that outlasts what is borne, or refused credentials, say nothing about the wait.
            soft = not isinstance(error, ApiError | OutageError)
            if self.never_fail or (self.soft_fail and soft):
                raise AirflowSkipException(str(error)) from error
            raise


class SnapshotSensor(DataOpsSensor):
    """Waits for a run that has ended."""

    noun: ClassVar[str] = "run"

    def url(self, run_id: str) -> str:
        """Return where a person can look at the run."""
        raise NotImplementedError

    def conclude(self, value: Mapping[str, Any]) -> Any:
        """Return the run, or raise what its end stands for."""
        from airflow_provider_dataops.core.run import RunSnapshot
        from airflow_provider_dataops.lifecycle.outcome import Ending, RunEvent

        snapshot = RunSnapshot.from_json(value)
        event = RunEvent(ending=Ending.FINISHED, run_id=snapshot.run_id, snapshot=snapshot)
        self.raise_failure(event)
        return snapshot.as_result(self.url(snapshot.run_id))

    def raise_failure(self, event: RunEvent) -> None:
        """Raise what the end of a wait stands for, unless it is success."""
        from airflow_provider_dataops.lifecycle.outcome import failure

        error = failure(event, platform=self.platform, noun=self.noun, url=self.url(event.run_id))
        if error is not None:
            raise error


class RunSensor(SnapshotSensor):
    """Waits for the end of one certain run that something else started."""

    _tracker: WaitProgress | None = None

    def look(self, api: Any) -> Exchange[RunSnapshot]:
        """Return the exchange that tells of the run."""
        raise NotImplementedError

    def asked(self, hook: DataOpsHook[Any]) -> Mapping[str, Any] | None:
        """Return the run once it has ended.

        A run that the platform does not know is given up after a while, as in the triggerer; not in mode
        ``reschedule``, which remembers nothing from one question to the next.
        """
        from airflow_provider_dataops.lifecycle.progress import WaitProgress
        from airflow_provider_dataops.lifecycle.wait import judged

        now = time.monotonic()
        if self._tracker is None:
            self._tracker = WaitProgress(now)
        event = judged(self._tracker, hook.run(self.look(hook.api)), now, self.log)
        if event is None:
            return None
        self.raise_failure(event)
        return None if event.snapshot is None else event.snapshot.as_json()

    def answer(self, event: object) -> Mapping[str, Any]:
        """Return the run at its end."""
        from airflow_provider_dataops.lifecycle.outcome import RunEvent

        ended = RunEvent.from_json(event)
        self.raise_failure(ended)
        if ended.snapshot is None:
            raise ValueError("an event without a run")
        return ended.snapshot.as_json()
