"""The two ways in which a sensor waits: for the end of one run, or until a condition is true."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from airflow.sdk import PokeReturnValue

from airflow_provider_dataops.adapters.metrics import polled
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.json import storable
from airflow_provider_dataops.core.metrics import Poll
from airflow_provider_dataops.core.retry import refusal_pause
from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.core.watch import RunConditionWatch, RunWatch
from airflow_provider_dataops.errors import ApiError, NotFoundError, OutageError, RunError, RunTimeoutError
from airflow_provider_dataops.lifecycle.deadlines import (
    airflow_timeout,
    deadline_in_words,
    deadline_of,
    limit_in_words,
)
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress
from airflow_provider_dataops.lifecycle.published import WaitMode
from airflow_provider_dataops.registry import trigger_class
from airflow_provider_dataops.tasks.publication import Publication

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.sensors.base import DataOpsSensor
    from airflow_provider_dataops.triggers.base import DataOpsTrigger


def sensor_wait(sensor: DataOpsSensor, api: Api) -> SensorWait:
    """Return the object that waits for the run or the condition of a sensor.

    :raises InvalidArgumentError: if the sensor's arguments are not valid.
    """
    watch = sensor.watch(api)
    watch.check()
    if not isinstance(watch, RunWatch):
        return ConditionMet(sensor, watch, api)
    sensor.run_url = watch.url(api)
    return RunEnd(sensor, watch, api)


class SensorWait:
    """The base class for both ways to wait.

    :param watch: describes the run or the condition to wait for.
    :param api: the platform and its connection.
    """

    def __init__(self, sensor: DataOpsSensor, watch: Any, api: Api) -> None:
        self.sensor = sensor
        self.watch = watch
        run_id, kind = "", f"The condition at {sensor.platform}"
        if isinstance(watch, RunWatch):
            run_id, kind = watch.run_id, f"{sensor.platform} {sensor.noun}"
        budget = api.settings.options.outage_budget
        self.progress = WaitProgress(SYSTEM_CLOCK.monotonic(), run_id, kind, outage_budget=budget)
        self.deadline = deadline_of(float(sensor.timeout), sensor.execution_timeout)
        self.answered = False
        self.publishes_states = api.settings.options.publish_progress
        self.publication: Publication | None = None

    def ask(self, hook: DataOpsHook[Any]) -> PokeReturnValue | None:
        """Ask the platform once. Return the result; ``None`` if the sensor must keep waiting."""
        raise NotImplementedError

    def read(self, event: object, api: Api) -> Any:
        """Return the result that a trigger's event contains, or raise the error that ended the wait.

        :raises ValueError: if the event cannot be read.
        """
        raise NotImplementedError

    def poke(self, hook: DataOpsHook[Any]) -> bool | PokeReturnValue:
        """Ask the platform once. After a failure that a trigger would tolerate, return ``False``."""
        try:
            answer = self.ask(hook)
        except ApiError as error:
            # If the platform's first response is a 404, the user has probably given a wrong id.
            typo = isinstance(error, NotFoundError) and not self.answered
            now = SYSTEM_CLOCK.monotonic()
            verdict = self.progress.failed(error, now)
            if typo or verdict is Verdict.GIVE_UP:
                raise
            if error.locks_out:
                return self._ask_again(hook, error)
            self.progress.log_failure(Verdict.WAIT, now, self.next_look, self.sensor.log)
            return False
        self.answered = True
        return answer or False

    def _ask_again(self, hook: DataOpsHook[Any], refusal: ApiError) -> bool | PokeReturnValue:
        """Ask again after the credentials were refused. If the credentials have not changed, pause first.

        Without the pause, refusals may lock the account. The pause is within this poke: in mode
        ``reschedule``, a later poke would not know that the credentials were refused.
        """
        self.progress.log_failure(Verdict.RECONNECT, SYSTEM_CLOCK.monotonic(), 0.0, self.sensor.log)
        again = self.sensor.make_hook()
        if again.api.settings.account_key == hook.api.settings.account_key:
            pause = refusal_pause(SYSTEM_CLOCK.random())
            if SYSTEM_CLOCK.wall() + pause > self.deadline:
                raise refusal
            self.sensor.log.warning(
                "The connection has not changed; its credentials are sent once more in %.0f s", pause
            )
            time.sleep(pause)
            again = self.sensor.make_hook()
        return self.poke(again)

    def defer(self) -> NoReturn:
        """Hand the wait to the triggerer."""
        sensor = self.sensor
        interval = float(sensor.poke_interval)
        sensor.log.info(
            "Deferred: the triggerer waits for %s, up to %s", self.subject, deadline_in_words(self.deadline)
        )
        sensor.defer(
            trigger=self.trigger(),
            method_name=sensor.execute_complete.__name__,
            timeout=airflow_timeout(self.deadline, interval),
        )

    def trigger(self) -> DataOpsTrigger:
        """Return the trigger that waits for the same in the triggerer."""
        return trigger_class(self.sensor.conn_type, self.watch)(
            **self.watch.arguments(), conn_id=self.sensor.conn_id, deadline=self.deadline, **self.pace
        )

    def resume(self, event: object, hook: DataOpsHook[Any]) -> Any:
        """Return the result after the wait in the triggerer, or raise the error that ended the wait."""
        try:
            return self.read(event, hook.api)
        except RunTimeoutError as error:
            # Ask the platform once more: the run may have ended while no triggerer was running.
            self.deadline = SYSTEM_CLOCK.wall()
            answer = self.poke(hook)
            if not isinstance(answer, PokeReturnValue):
                now = f"; the state is now {self.progress.last_state}" if self.progress.last_state else ""
                raise AirflowSensorTimeout(f"{error}{now}") from error
            return answer.xcom_value
        except ValueError as error:
            raise RunError(f"the trigger sent an event that this sensor cannot read: {error}") from error

    def publish(self, context: Context) -> None:
        """Publish what the sensor waits for, and later each change of the state, for the page *Remote runs*.

        In mode ``reschedule``, only the first process of a try publishes: the others do not know what has
        changed.
        """
        if self.publication is not None:
            if self.publication.has_news(self.progress):
                self.publication.publish_state(self.progress)
            return
        self.publication = Publication(self.sensor, context, publishes_states=self.publishes_states)
        if context.get("task_reschedule_count"):
            return
        is_run = isinstance(self.watch, RunWatch)
        self.publication.publish_wait(
            state=self.progress.state,
            raw_state=self.progress.last_state,
            outline=self.progress.outline,
            run_id=self.watch.run_id if is_run else None,
            condition=None if is_run else self.watch.in_words,
            url=self.sensor.run_url,
            started_at=None,
            reattached=False,
            adopted=None,
            deadline=self.deadline,
            poll_interval=float(self.sensor.poke_interval),
            mode=WaitMode.DEFERRED if self.sensor.deferrable else WaitMode.WORKER,
        )
        self.progress.published = (self.publication.outline, False)

    @property
    def next_look(self) -> float | None:
        """The seconds until the next poke; ``None`` if the sensor is deferrable: then the triggerer asks."""
        return None if self.sensor.deferrable else float(self.sensor.poke_interval)

    @property
    def subject(self) -> str:
        """What the sensor waits for, in words for the log."""
        raise NotImplementedError

    @property
    def pace(self) -> dict[str, Any]:
        """The trigger's arguments with the interval, and with what this process knows of the state."""
        raise NotImplementedError

    @property
    def limit(self) -> str:
        """The name and the value of the argument that limits the wait, for messages."""
        return limit_in_words(float(self.sensor.timeout), self.sensor.execution_timeout)

    def run_result(self, event: RunEvent, url: str) -> dict[str, Any]:
        """Return the result of a run that succeeded. Raise an error if the run or the wait failed."""
        error = event.failure(platform=self.sensor.platform, noun=self.sensor.noun, url=url, limit=self.limit)
        if error is not None or event.snapshot is None:
            raise error or ValueError("the event contains no run")
        return event.snapshot.as_result(url)


class RunEnd(SensorWait):
    """Waits for the end of one run that something else started."""

    @property
    def subject(self) -> str:
        """The platform, its word for a run and the run's id: ``Tamr job j-1``."""
        return f"{self.sensor.platform} {self.sensor.noun} {self.watch.run_id}"

    @property
    def pace(self) -> dict[str, Any]:
        """The interval, and the state of the run at the first request."""
        return {
            "poll_interval": float(self.sensor.poke_interval),
            "published_state": self.progress.published[0] or None,
        }

    def ask(self, hook: DataOpsHook[Any]) -> PokeReturnValue | None:
        """Return the run if it has ended.

        The wait also ends if the platform does not return the run for some time, as in the triggerer. But in
        mode ``reschedule``, it then lasts until the timeout, because no state is kept between two pokes.
        """
        snapshot = hook.run(polled(self.watch.look(hook.api), self.sensor.platform, Poll.RUN))
        now = SYSTEM_CLOCK.monotonic()
        event = self.progress.ending(snapshot, now, self.next_look, self.sensor.log)
        return None if event is None else PokeReturnValue(True, self._result(event, hook.api))

    def read(self, event: object, api: Api) -> Any:
        """Return the run in the trigger's event."""
        return self._result(RunEvent.from_json(event), api)

    def _result(self, event: RunEvent, api: Api) -> Any:
        return self.run_result(event, self.watch.url(api))


class ConditionMet(SensorWait):
    """Waits until a condition is true."""

    @property
    def subject(self) -> str:
        """The condition in words, with the platform."""
        return f"the condition at {self.sensor.platform}"

    @property
    def pace(self) -> dict[str, Any]:
        """The interval. A condition has no state."""
        return {"poke_interval": float(self.sensor.poke_interval)}

    def ask(self, hook: DataOpsHook[Any]) -> PokeReturnValue | None:
        """Return the value of the condition if it is true."""
        value = hook.run(polled(self.watch.question(hook.api), self.sensor.platform, Poll.CONDITION))
        now = SYSTEM_CLOCK.monotonic()
        if value is None:
            self.progress.not_met(now, self.next_look, self.sensor.log)
            return None
        self.progress.answered(now, self.sensor.log)
        return PokeReturnValue(True, self._result(value, hook.api))

    def read(self, event: object, api: Api) -> Any:
        """Return the value of the condition in the trigger's event."""
        ended = ConditionEvent.from_json(event)
        platform = self.sensor.platform
        if ended.ending is Ending.TIMEOUT:
            raise RunTimeoutError(
                f"{platform}: the condition was not met in the time allowed ({self.limit}): {ended.message}"
            )
        if ended.value is None:
            outage = OutageError(
                f"{platform} no longer answers, so the state of the condition is unknown: {ended.message}"
            )
            outage.permanent = ended.permanent
            raise outage
        return self._result(ended.value, api)

    def _result(self, value: Any, api: Api) -> Any:
        if not isinstance(self.watch, RunConditionWatch):
            return storable(self.sensor.result(value))
        snapshot = RunSnapshot.from_json(value)
        url = self.sensor.run_url = self.watch.found(snapshot.run_id).url(api)
        if self.watch.accepts_any_end:
            return snapshot.as_result(url)
        return self.run_result(RunEvent.finished(snapshot), url)
