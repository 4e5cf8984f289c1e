"""What the triggers of all platforms share."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.errors import ApiError, DataOpsError, InvalidArgumentError
from airflow_provider_dataops.lifecycle.condition import ConditionEvent
from airflow_provider_dataops.lifecycle.outcome import Ending, RunEvent
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress, failure_pause
from airflow_provider_dataops.lifecycle.wait import judged, timed_out, unreachable
from airflow_provider_dataops.polling.connections import shared
from airflow_provider_dataops.polling.poller import left, poller_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_dataops.core.api import Api, Watch
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.polling.connections import SharedConnection

#: No trigger fires before this age, in seconds. Airflow 3.3.2 fails a task that is resumed before the
#: executor has reported the end of the attempt that deferred it; the supervisor of that attempt can outlive
#: it by one heartbeat interval.
YOUNGEST_EVENT = conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0) + 1.0
#: A stop is sent for this long at the most, in seconds; Airflow gives ``on_kill`` 30.
STOP_BUDGET = 20.0

_RESERVED = frozenset(
    {
        "task_id",
        "task",
        "task_instance",
        "trigger_id",
        "triggerer_job_id",
        "timeout_after",
        "template_fields",
        "template_ext",
        "log",
        "asset_state_store",
        "supports_triggerer_queue",
    }
)


@dataclass_transform(kw_only_default=True, eq_default=False)
class DataclassTrigger(BaseTrigger):
    """A trigger whose arguments are its fields.

    Every subclass becomes a dataclass by itself. Its constructor takes whatever is stored and cannot fail: in
    Airflow 3.3.2 any exception but a TypeError there ends the whole triggerer, again at each restart.
    Arguments are checked in the operator before the run is started, and again in ``run()``.

    Fields are texts, numbers, booleans, ``None``, lists and dicts; never a secret.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the class a dataclass, and refuse one that Airflow could not build again."""
        super().__init_subclass__(**kwargs)
        if "<locals>" in cls.__qualname__:
            raise TypeError(f"{cls.__qualname__}: a trigger must be importable by its name")
        dataclass(kw_only=True, eq=False, repr=False)(cls)
        for field in fields(cls):  # type: ignore[arg-type]
            if field.name in _RESERVED or not field.init:
                raise TypeError(f"{cls.__qualname__}.{field.name}: BaseTrigger keeps this name for itself")

    def __post_init__(self) -> None:
        """Do what ``BaseTrigger`` needs, and nothing that could fail."""
        BaseTrigger.__init__(self)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the fields, by which Airflow builds the trigger again."""
        cls = type(self)
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return f"{cls.__module__}.{cls.__qualname__}", values


class DataOpsTrigger(DataclassTrigger):
    """A trigger that asks a platform.

    :param conn_id: the Airflow connection.
    """

    conn_id: str

    def hook_class(self) -> type[DataOpsHook[Any]]:
        """Return the platform's hook."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse arguments that make no sense; called in ``run()``.

        :raises InvalidArgumentError: naming the argument and what was given.
        """
        require_text(conn_id=self.conn_id)

    async def api(self) -> Api:
        """Read the connection."""
        # In a thread: the first import of a platform's module would stall every other trigger.
        cls = await asyncio.to_thread(self.hook_class)
        from airflow_provider_dataops.hooks.base import connection_fields
        from airflow_provider_dataops.polling.connections import aregister_secret

        connection = await BaseHook.aget_connection(self.conn_id)
        api: Api = cls.api_from(connection_fields(connection))
        for secret in api.settings.secrets:
            await aregister_secret(secret)
        return api


async def _not_too_soon(began: float) -> None:
    rest = YOUNGEST_EVENT - (SYSTEM_CLOCK.monotonic() - began)
    if rest > 0:
        await asyncio.sleep(rest)


def require_time(**arguments: object) -> None:
    """Refuse what is no positive, finite number.

    :raises InvalidArgumentError: naming the first such argument and what was given.
    """
    for name, value in arguments.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type,operator]
            raise InvalidArgumentError(f"{name} must be a number above 0; given: {value!r}")


class RunTrigger(DataOpsTrigger):
    """Waits for the end of one run.

    :param run_id: the platform's id.
    :param deadline: when the wait is over, seconds since the epoch.
    :param poll_interval: the longest time between two looks, in seconds.
    :param not_before: the server asked not to be asked again sooner, seconds since the epoch.
    """

    run_id: str
    deadline: float
    poll_interval: float
    not_before: float = 0.0

    #: The platform's noun for a run.
    noun: ClassVar[str] = "run"

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(run_id=self.run_id)
        require_time(deadline=self.deadline, poll_interval=self.poll_interval)
        if self.not_before != 0:
            require_time(not_before=self.not_before)

    def watch(self, api: Any) -> Watch:
        """Return how the platform is asked about the run."""
        raise NotImplementedError

    def key(self) -> str:
        """Return what the watch knows the run by."""
        return self.run_id

    def url(self, api: Any) -> str:
        """Return where a person can look at the run."""
        raise NotImplementedError

    def stop(self, api: Any) -> Exchange[None] | None:
        """Return the exchange that stops the run; ``None`` where it is to go on."""
        return None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and tell how the wait ended in one event."""
        self.check()
        began = SYSTEM_CLOCK.monotonic()
        event = await self._ended(WaitProgress(began))
        await _not_too_soon(began)
        yield TriggerEvent(event.as_json())

    async def _ended(self, tracker: WaitProgress) -> RunEvent:
        try:
            while True:
                async with shared(await self.api()) as connection:
                    event = await self._waited(connection, tracker)
                if event is not None:
                    return event
                self.log.warning("The credentials were refused; reading the connection again")
        except DataOpsError as error:
            return RunEvent(ending=Ending.UNREACHABLE, run_id=self.run_id, message=str(error))

    async def _waited(self, connection: SharedConnection, tracker: WaitProgress) -> RunEvent | None:
        watch = self.watch(connection.api)
        poller = poller_for(connection, watch)
        connection.gate.leave_alone(
            min(self.not_before, self.deadline) - SYSTEM_CLOCK.wall(), SYSTEM_CLOCK.monotonic()
        )
        subscription = poller.subscribe(self.key(), self.poll_interval)
        deaths = 0
        try:
            while True:
                try:
                    # Not wait_for: in Python 3.11 it can swallow a cancellation.
                    async with asyncio.timeout(max(0.0, self.deadline - SYSTEM_CLOCK.wall())):
                        answer = await subscription.answers.get()
                except TimeoutError:
                    return timed_out(self.run_id, tracker, SYSTEM_CLOCK.monotonic())
                now = SYSTEM_CLOCK.monotonic()
                if answer is None:
                    deaths += 1
                    if deaths > 1:
                        raise DataOpsError("polling failed twice; the triggerer's log tells why")
                    poller.leave(subscription)
                    subscription = poller.subscribe(self.key(), self.poll_interval)
                elif isinstance(answer, ApiError):
                    self.log.warning("%s", answer)
                    match tracker.failed(answer, now):
                        case Verdict.RECONNECT:
                            return None
                        case Verdict.GIVE_UP:
                            return unreachable(self.run_id, answer)
                elif isinstance(answer, DataOpsError):
                    # Such as a file with a key that is not on this machine.
                    raise answer
                elif (event := judged(tracker, answer, now, self.log)) is not None:
                    return event
        finally:
            poller.leave(subscription)
            left(connection, watch, poller)

    async def on_kill(self) -> None:
        """Stop the run when a user ends the task: mark failed, mark success, Clear.

        Airflow calls it from 3.3 on, and neither at a time-out nor when the triggerer stops.
        """
        try:
            async with shared(await self.api()) as connection:
                stop = self.stop(connection.api)
                if stop is None:
                    self.log.warning(
                        "The task was ended while %s %s was running; the %s goes on: %s",
                        self.noun,
                        self.run_id,
                        self.noun,
                        self.url(connection.api),
                    )
                    return
                await connection.driver.run(stop, RetryPolicy(budget=STOP_BUDGET))
        except DataOpsError as error:
            self.log.error("%s %s could not be stopped and may go on: %s", self.noun, self.run_id, error)
        else:
            self.log.warning("The task was ended; %s %s was told to stop", self.noun, self.run_id)


class ConditionTrigger(DataOpsTrigger):
    """Asks a platform until something holds.

    :param deadline: when the wait is over, seconds since the epoch.
    :param poke_interval: seconds between two questions.
    """

    deadline: float
    poke_interval: float

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_time(deadline=self.deadline, poke_interval=self.poke_interval)

    def question(self, api: Any) -> Exchange[dict[str, Any] | None]:
        """Return the exchange that asks; it returns JSON values once the condition holds, ``None`` before."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask until the condition holds, and tell how that ended in one event."""
        self.check()
        began = SYSTEM_CLOCK.monotonic()
        try:
            event = await self._met(WaitProgress(began))
        except DataOpsError as error:
            event = ConditionEvent(ending=Ending.UNREACHABLE, message=str(error))
        await _not_too_soon(began)
        yield TriggerEvent(event.as_json())

    async def _met(self, tracker: WaitProgress) -> ConditionEvent:
        while True:
            try:
                async with asyncio.timeout(max(0.0, self.deadline - SYSTEM_CLOCK.wall())):
                    async with shared(await self.api()) as connection:
                        event = await self._asked(connection, tracker)
            except TimeoutError:
                return ConditionEvent(ending=Ending.TIMEOUT, message="the condition never held")
            if event is not None:
                return event

    async def _asked(self, connection: SharedConnection, tracker: WaitProgress) -> ConditionEvent | None:
        while True:
            try:
                value = await connection.ask(self.question(connection.api))
            except ApiError as error:
                self.log.warning("%s", error)
                verdict = tracker.failed(error, SYSTEM_CLOCK.monotonic())
                if verdict is Verdict.GIVE_UP:
                    return ConditionEvent(
                        ending=Ending.UNREACHABLE, message=str(error), permanent=error.locks_out
                    )
                await asyncio.sleep(failure_pause(tracker.failures, error, SYSTEM_CLOCK.random()))
                if verdict is Verdict.RECONNECT:
                    return None
            else:
                tracker.answered()
                if value is not None:
                    return ConditionEvent(ending=Ending.FINISHED, value=value)
                await asyncio.sleep(self.poke_interval * (0.9 + 0.2 * SYSTEM_CLOCK.random()))


class PauseTrigger(DataclassTrigger):
    """Waits until an instant, for a slot at the platform, and hands a payload on.

    :param until: seconds since the epoch.
    :param payload: JSON values.
    """

    until: float
    payload: dict[str, Any]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait."""
        require_time(until=self.until)
        await asyncio.sleep(max(YOUNGEST_EVENT, self.until - SYSTEM_CLOCK.wall()))
        yield TriggerEvent(self.payload)
