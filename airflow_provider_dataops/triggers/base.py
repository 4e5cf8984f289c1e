"""The base classes of the triggers of all platforms."""

from __future__ import annotations

import asyncio
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_dataops.adapters.secrets import aregister_secret
from airflow_provider_dataops.core.arguments import require_boolean, require_text, require_time
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.watch import AutoDataclass, ConditionWatch, RunWatch, Watch
from airflow_provider_dataops.registry import hook_class
from airflow_provider_dataops.triggers import guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.lifecycle.events import ConditionEvent, RunEvent

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


class DataclassTrigger(AutoDataclass, BaseTrigger):
    """A trigger whose arguments are its fields.

    The constructor accepts every stored value and cannot fail. In Airflow 3.3.2 an exception in it, except a
    TypeError, ends the whole triggerer, and again at each restart. The operator validates the arguments
    before it starts the run. ``run()`` validates them again.

    Fields are texts, numbers, booleans, ``None``, lists and dicts. A field must not contain a secret.

    :param worker_load: the load of the worker when the task deferred, see :func:`.guard.load`.
    """

    worker_load: float = field(default_factory=guard.load)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Reject a class that Airflow could not create again from its stored path and arguments.

        :raises TypeError: if the class is local to a function, or a field hides one of Airflow's attributes.
        """
        super().__init_subclass__(**kwargs)
        if "<locals>" in cls.__qualname__:
            raise TypeError(f"{cls.__qualname__}: a trigger must be at the top level of a module")
        for name, argument in cls.__dataclass_fields__.items():
            if name in _RESERVED or not argument.init:
                raise TypeError(f"{cls.__qualname__}.{name}: BaseTrigger reserves this name")

    def __post_init__(self) -> None:
        """Initialise ``BaseTrigger``. Nothing here may fail."""
        BaseTrigger.__init__(self)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the fields, from which Airflow creates the trigger again."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", self.arguments()


class DataOpsTrigger(Watch, DataclassTrigger):
    """A trigger that sends requests to a platform. It is also a watch, whose fields it stores.

    :param conn_id: the Airflow connection.
    :param deadline: when the wait must end, seconds since the epoch.
    """

    conn_id: str
    deadline: float

    conn_type: ClassVar[str]

    def check(self) -> None:
        """Validate the arguments; called in ``run()``.

        :raises InvalidArgumentError: with the argument's name and its value.
        """
        super().check()
        require_text(conn_id=self.conn_id)
        require_time(deadline=self.deadline)
        guard.require_load(self.worker_load)

    async def api(self) -> Api:
        """Read the connection, and return its platform. Airflow masks its secrets in the log."""
        _, hook = await _loaded(self.conn_type)
        api: Api = hook.api_from(await BaseHook.aget_connection(self.conn_id))
        for secret in api.settings.secrets:
            await aregister_secret(secret)
        return api

    async def ended(self) -> RunEvent | ConditionEvent:
        """Wait, and return how the wait ended."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event with how the wait ended."""
        self.check()
        began = SYSTEM_CLOCK.monotonic()
        event = await self.ended()
        await guard.hold_back(began, self.worker_load)
        yield TriggerEvent(event.as_json())


class RunTrigger(RunWatch, DataOpsTrigger):
    """Waits for the end of one run.

    :param poll_interval: the longest time between two status requests, in seconds.
    :param not_before: the earliest time of the first request, seconds since the epoch, from a server's
        ``Retry-After``.
    :param known: whether the platform has returned the run before. Then a response without it counts as an
        outage.
    """

    poll_interval: float
    not_before: float = 0.0
    known: bool = False

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        require_text(run_id=self.run_id)
        require_time(poll_interval=self.poll_interval)
        require_boolean("known", self.known)
        if self.not_before != 0:
            require_time(not_before=self.not_before)

    async def ended(self) -> RunEvent:
        """Return how the wait for the run ended."""
        waits, _ = await _loaded(self.conn_type)
        event: RunEvent = await waits.run_ended(self)
        return event

    async def on_kill(self) -> None:
        """Stop the run when a user ends the task: mark failed, mark success.

        Airflow calls it since 3.3, but not at a timeout and not when the triggerer stops. It also calls it
        at a Clear, and when the trigger moves to another triggerer. Then the run is not stopped here.
        """
        waits, _ = await _loaded(self.conn_type)
        await waits.stop_run(self)


class ConditionTrigger(ConditionWatch, DataOpsTrigger):
    """Waits until a condition is true at a platform.

    :param poke_interval: seconds between two requests.
    """

    poke_interval: float

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        require_time(poke_interval=self.poke_interval)

    async def ended(self) -> ConditionEvent:
        """Return how the wait for the condition ended."""
        waits, _ = await _loaded(self.conn_type)
        event: ConditionEvent = await waits.condition_met(self)
        return event


class PauseTrigger(DataclassTrigger):
    """Waits until a point in time, and sends a payload. Operators use it while the platform has no free slot.

    :param until: seconds since the epoch.
    :param payload: the event, as JSON values.
    """

    until: float
    payload: dict[str, Any]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the payload."""
        require_time(until=self.until)
        guard.require_load(self.worker_load)
        began = SYSTEM_CLOCK.monotonic()
        await asyncio.sleep(max(0.0, self.until - SYSTEM_CLOCK.wall()))
        await guard.hold_back(began, self.worker_load)
        yield TriggerEvent(self.payload)


_LOADED: dict[str, tuple[Any, type[DataOpsHook[Any]]]] = {}


async def _loaded(conn_type: str) -> tuple[Any, type[DataOpsHook[Any]]]:
    """Return the module with the waits, and a platform's hook. They are imported when a trigger runs."""
    if conn_type not in _LOADED:
        # In a thread: these imports would block all other triggers.
        _LOADED[conn_type] = await asyncio.to_thread(_load, conn_type)
    return _LOADED[conn_type]


def _load(conn_type: str) -> tuple[Any, type[DataOpsHook[Any]]]:
    from airflow_provider_dataops.triggers import waits

    return waits, hook_class(conn_type)
