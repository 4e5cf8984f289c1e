"""The trigger of a sensor that starts in the triggerer, so that the sensor never takes a worker."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException
from airflow.sdk.bases.xcom import BaseXCom
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent
from jinja2 import StrictUndefined

from airflow_provider_dataops.adapters.xcom import store_result
from airflow_provider_dataops.core.metrics import Poll
from airflow_provider_dataops.errors import DataOpsError, InvalidArgumentError, RunTimeoutError
from airflow_provider_dataops.lifecycle.deadlines import deadline_in_words, seconds_until, start_deadline
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.links.base import RunLink, push_run_link
from airflow_provider_dataops.polling.accounts import account_of
from airflow_provider_dataops.registry import sensor_class
from airflow_provider_dataops.triggers import pace
from airflow_provider_dataops.triggers.base import DataclassTrigger, RunTrigger, connected_api, load_waits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import jinja2
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTaskEndEvent

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.polling.connections import SharedConnection
    from airflow_provider_dataops.sensors.base import DataOpsSensor
    from airflow_provider_dataops.sensors.waits import SensorWait
    from airflow_provider_dataops.triggers.base import ConditionTrigger, DataOpsTrigger

T = TypeVar("T")

#: After the deadline, the last request may take this many seconds.
LAST_LOOK = 5.0
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="sensors without a worker")


class SensorTrigger(DataclassTrigger):
    """Waits for what a sensor waits for, and then ends the sensor's task itself.

    Airflow creates this trigger from the serialized DAG. After a restart of the triggerer, it begins again
    with the same arguments. No process deferred this task, so the trigger may send its event at any time.

    :param sensor: the path of the sensor's class.
    :param settings: the sensor's arguments by name.
    :param templates: the names of the arguments that contain templates.
    """

    sensor: str
    settings: dict[str, Any]
    templates: list[str]

    def __post_init__(self) -> None:
        """Initialise ``BaseTrigger``. This is a part of the constructor, so it must not fail."""
        super().__post_init__()
        self._context: Context | None = None
        self._waiting: DataOpsTrigger | None = None

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Keep the values for the templates. Airflow calls this method on the event loop.

        :meth:`run` renders the templates in a thread, because a variable of Airflow is a blocking request.
        """
        self._context = context

    async def run(self) -> AsyncIterator[BaseTaskEndEvent]:
        """Wait for the run or the condition, and yield the event that ends the task."""
        await pace.turn()
        yield await self._end()

    async def on_kill(self) -> None:
        """Log that the run continues. A sensor never stops a run."""
        if self._waiting is not None:
            await self._waiting.on_kill()

    async def _end(self) -> BaseTaskEndEvent:
        """Wait, and return the event that ends the task. An exception would start a worker, only to fail."""
        try:
            # In a thread, the imports and the templates do not block the event loop.
            sensor, wait_of = await _in_thread(self._prepare)
        except Exception as error:
            self._log_failure(error)
            return TaskFailedEvent()
        try:
            with sensor.skipping():
                result = await self._result(sensor, wait_of)
            await _in_thread(self._store, sensor, result)
        except AirflowSkipException as skip:
            self.log.info("The task is skipped: %s", skip)
            return TaskSkippedEvent()
        except Exception as error:
            self._log_failure(error)
            return TaskFailedEvent()
        return TaskSuccessEvent()

    def _store(self, sensor: DataOpsSensor, result: Any) -> None:
        """Store the result as a worker does. This sends requests to Airflow."""
        values = sensor.outputs(result)
        if sensor.do_xcom_push and result is not None:
            values[BaseXCom.XCOM_RETURN_KEY] = result
        for key, value in values.items():
            store_result(self.task_instance, key, value)

    async def _store_link(self, sensor: DataOpsSensor) -> None:
        """Store the link to the run if it is known and not stored yet."""
        if sensor.run_url and any(isinstance(link, RunLink) for link in sensor.operator_extra_links):
            context = cast("Context", {"ti": self.task_instance})
            await _in_thread(push_run_link, sensor, context, sensor.run_url, self.log)

    def _log_failure(self, error: Exception) -> None:
        if isinstance(error, DataOpsError | AirflowSensorTimeout):
            self.log.error("%s: %s", type(error).__name__, error)
        else:
            self.log.error("The sensor failed in the triggerer", exc_info=error)

    def _prepare(self) -> tuple[DataOpsSensor, Callable[[DataOpsSensor, Api], SensorWait]]:
        """Return the sensor with rendered arguments, and the function that returns its wait.

        This imports modules, and templates may send requests to Airflow.
        """
        from airflow_provider_dataops.sensors.waits import sensor_wait

        cls = sensor_class(self.sensor)
        settings = {**self.settings, **self._rendered()}
        seconds = settings.pop("execution_timeout")
        limit = None if seconds is None else timedelta(seconds=seconds)
        task_id = self.task_id or "sensor"
        return cls(task_id=task_id, deferrable=True, execution_timeout=limit, **settings), sensor_wait

    def _rendered(self) -> dict[str, Any]:
        if not self.templates:
            return {}
        context, self._context = self._context, None
        if context is None:
            raise InvalidArgumentError(
                f"Airflow has no values for the templates of {', '.join(self.templates)}, because the DAG "
                "has changed since this try began. Clear the task"
            )
        environment = self.get_template_env()
        environment.undefined = StrictUndefined
        environment.add_extension("jinja2.ext.do")
        return {
            name: self.render_template(self.settings[name], context, environment) for name in self.templates
        }

    async def _result(
        self, sensor: DataOpsSensor, wait_of: Callable[[DataOpsSensor, Api], SensorWait]
    ) -> Any:
        """Wait, and return the task's result."""
        sensor.check()

        async def read() -> Api:
            return await connected_api(sensor.conn_type, sensor.conn_id)

        with account_of(sensor.conn_type, sensor.conn_id, read) as account:
            api = await account.api()
            wait = wait_of(sensor, api)
            wait.deadline = start_deadline(
                getattr(self, "timeout_after", None),
                float(sensor.timeout),
                sensor.execution_timeout,
                float(sensor.poke_interval),
            )
            event = await self._ended(wait)
        try:
            return wait.read(event.as_json(), api)
        except RunTimeoutError as error:
            raise AirflowSensorTimeout(str(error)) from error
        finally:
            # The run of a condition is known only now.
            await self._store_link(sensor)

    async def _ended(self, wait: SensorWait) -> RunEvent | ConditionEvent:
        """Wait with the trigger of a deferred sensor, and return how the wait ended."""
        self._waiting = trigger = wait.trigger()
        trigger.check()
        self.log.info(
            "Started without a worker: the triggerer waits for %s, up to %s%s",
            wait.subject,
            deadline_in_words(wait.deadline),
            f": {wait.sensor.run_url}" if wait.sensor.run_url else "",
        )
        # Thousands of sensors may start at once, and Airflow stores their links one after the other.
        linking = asyncio.create_task(self._store_link(wait.sensor))
        try:
            waits, _ = await load_waits(trigger.conn_type)
            event = await trigger.ended(waits)
        finally:
            await linking
        return await self._last_look(trigger) or event if event.ending is Ending.TIMEOUT else event

    async def _last_look(self, trigger: DataOpsTrigger) -> RunEvent | ConditionEvent | None:
        """Ask the platform once after the deadline: the run may have ended while no triggerer was running.

        :return: the end of the wait; ``None`` if the deadline counts.
        """
        waits, _ = await load_waits(trigger.conn_type)
        # Half of the time is for the requests that end the task.
        limit = min(LAST_LOOK, seconds_until(getattr(self, "timeout_after", None)) / 2)
        connection: SharedConnection
        try:
            async with asyncio.timeout(limit), waits.connected(trigger) as connection:
                if isinstance(trigger, RunTrigger):
                    look = trigger.look(connection.api)
                    snapshot = await connection.ask(look, id(trigger), Poll.RUN)
                    return RunEvent.finished(snapshot) if snapshot.state.is_final else None
                question = cast("ConditionTrigger", trigger).question(connection.api)
                value = await connection.ask(question, id(trigger), Poll.CONDITION)
                return None if value is None else ConditionEvent(ending=Ending.FINISHED, value=value)
        except Exception as error:
            # Airflow raises many kinds of exceptions if it cannot read the connection. The deadline counts.
            trigger.log.warning("The last request, after the deadline, failed: %r", error)
            return None


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Do work that sends requests to Airflow. The threads of all other triggers stay free for their work."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(context.run, work, *arguments))
