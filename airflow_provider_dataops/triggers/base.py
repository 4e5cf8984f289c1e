"""What the triggers of all platforms share."""

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

    Its constructor takes whatever is stored and cannot fail: in Airflow 3.3.2 any exception but a TypeError
    there ends the whole triggerer, again at each restart. Arguments are checked in the operator before the
    run is started, and again in ``run()``.

    Fields are texts, numbers, booleans, ``None``, lists and dicts; never a secret.

    :param worker_load: the load of the worker when the task deferred, see :func:`.guard.load`.
    """

    worker_load: float = field(default_factory=guard.load)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a class that Airflow could not build again."""
        super().__init_subclass__(**kwargs)
        if "<locals>" in cls.__qualname__:
            raise TypeError(f"{cls.__qualname__}: a trigger must be importable by its name")
        for name, argument in cls.__dataclass_fields__.items():
            if name in _RESERVED or not argument.init:
                raise TypeError(f"{cls.__qualname__}.{name}: BaseTrigger keeps this name for itself")

    def __post_init__(self) -> None:
        """Do what ``BaseTrigger`` needs, and nothing that could fail."""
        BaseTrigger.__init__(self)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the fields, by which Airflow builds the trigger again."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", self.arguments()


class DataOpsTrigger(Watch, DataclassTrigger):
    """A trigger that asks a platform. It is a watch, too: what it waits for stands in its own fields.

    :param conn_id: the Airflow connection.
    :param deadline: when the wait is over, seconds since the epoch.
    """

    conn_id: str
    deadline: float

    conn_type: ClassVar[str]

    def check(self) -> None:
        """Validate the arguments; called in ``run()``.

        :raises InvalidArgumentError: naming the argument and its value.
        """
        super().check()
        require_text(conn_id=self.conn_id)
        require_time(deadline=self.deadline)
        guard.require_load(self.worker_load)

    async def api(self) -> Api:
        """Read the connection."""
        _, hook = await _loaded(self.conn_type)
        api: Api = hook.api_from(await BaseHook.aget_connection(self.conn_id))
        for secret in api.settings.secrets:
            await aregister_secret(secret)
        return api

    async def ended(self) -> RunEvent | ConditionEvent:
        """Wait, and return how the wait ended."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and send one event that says how the wait ended."""
        self.check()
        began = SYSTEM_CLOCK.monotonic()
        event = await self.ended()
        await guard.hold_back(began, self.worker_load)
        yield TriggerEvent(event.as_json())


class RunTrigger(RunWatch, DataOpsTrigger):
    """Waits for the end of one run.

    :param poll_interval: the longest time between two looks, in seconds.
    :param not_before: the server asked not to be asked again sooner, seconds since the epoch.
    :param known: the platform has shown the run, or has for an earlier try: its absence is an outage.
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

        Airflow calls it from 3.3 on, and neither at a time-out nor when the triggerer stops. It also calls it
        at a Clear, and when the trigger moves to another triggerer: then the run is left to the next waiter.
        """
        waits, _ = await _loaded(self.conn_type)
        await waits.stop_run(self)


class ConditionTrigger(ConditionWatch, DataOpsTrigger):
    """Asks a platform until something holds.

    :param poke_interval: seconds between two questions.
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
    """Waits until an instant, for a slot at the platform, and hands a payload on.

    :param until: seconds since the epoch.
    :param payload: JSON values.
    """

    until: float
    payload: dict[str, Any]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait."""
        require_time(until=self.until)
        guard.require_load(self.worker_load)
        began = SYSTEM_CLOCK.monotonic()
        await asyncio.sleep(max(0.0, self.until - SYSTEM_CLOCK.wall()))
        await guard.hold_back(began, self.worker_load)
        yield TriggerEvent(self.payload)


_LOADED: dict[str, tuple[Any, type[DataOpsHook[Any]]]] = {}


async def _loaded(conn_type: str) -> tuple[Any, type[DataOpsHook[Any]]]:
    """Return the module with the waits, and a platform's hook: all that a trigger needs only when it runs."""
    if conn_type not in _LOADED:
        # In a thread: these imports would stall every other trigger.
        _LOADED[conn_type] = await asyncio.to_thread(_load, conn_type)
    return _LOADED[conn_type]


def _load(conn_type: str) -> tuple[Any, type[DataOpsHook[Any]]]:
    from airflow_provider_dataops.triggers import waits

    return waits, hook_class(conn_type)
