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
from airflow_provider_dataops.polling.joint_task import JointTask
from airflow_provider_dataops.polling.publisher import forget
from airflow_provider_dataops.registry import hook_class
from airflow_provider_dataops.triggers import guard, pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

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

    The constructor accepts every stored value and cannot fail. If it raised an exception other than a
    TypeError, Airflow 3.3.2 would end the whole triggerer, also after each restart. So the operator validates
    the arguments before it starts the run, and ``run()`` validates them again.

    Fields are strings, numbers, booleans, ``None``, lists and dicts. A field must not contain a secret.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Reject a class if Airflow could not create its triggers again from the stored path and arguments.

        :raises TypeError: if the class is local to a function, or a field hides one of Airflow's attributes.
        """
        super().__init_subclass__(**kwargs)
        cls._log = None
        if "<locals>" in cls.__qualname__:
            raise TypeError(f"{cls.__qualname__}: a trigger must be at the top level of a module")
        for name, argument in cls.__dataclass_fields__.items():
            if name in _RESERVED or not argument.init:
                raise TypeError(f"{cls.__qualname__}.{name}: BaseTrigger reserves this name")

    def __post_init__(self) -> None:
        """Initialise ``BaseTrigger``. This is a part of the constructor, so it must not fail."""
        super().__post_init__()
        BaseTrigger.__init__(self)
        # All triggers of a class share one logger. A logger for each of ten thousand triggers would take as
        # much memory as all the rest of their waits.
        self.logger()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the fields, from which Airflow creates the trigger again."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", self.arguments()


class TaskTrigger(DataclassTrigger):
    """A trigger of a deferred task.

    :param worker_load: the load of the worker when the task deferred; see :func:`.guard.load`.
    """

    worker_load: float = field(default_factory=guard.load)


class DataOpsTrigger(Watch, TaskTrigger):
    """A trigger that sends requests to a platform.

    The trigger is also a watch: its fields describe what to wait for, and Airflow stores them.

    :param conn_id: the Airflow connection.
    :param deadline: when the wait must end, in seconds since the epoch.
    """

    conn_id: str
    deadline: float

    conn_type: ClassVar[str]

    def check(self) -> None:
        """Validate the fields. ``run()`` calls this first.

        :raises InvalidArgumentError: with the name and the value of the wrong argument.
        """
        super().check()
        require_text(conn_id=self.conn_id)
        require_time(deadline=self.deadline)
        guard.check(self.worker_load)

    async def api(self) -> Api:
        """Read the connection, and return its platform. Airflow masks the connection's secrets in the log."""
        return await connected_api(self.conn_type, self.conn_id)

    def ended(self, waits: Any) -> Awaitable[RunEvent | ConditionEvent]:
        """Wait for the run or the condition, and return how the wait ended.

        :param waits: the module :mod:`.waits`, from :func:`load_waits`.
        """
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the run or the condition, and yield one event: how the wait ended."""
        self.check()
        began = SYSTEM_CLOCK.monotonic()
        try:
            await pace.turn()
            waits, _ = await load_waits(self.conn_type)
            event = await self.ended(waits)
            await guard.hold_back(began, self.worker_load)
            yield TriggerEvent(event.as_json())
        finally:
            # A state that is published later could appear in the next try of the task.
            forget(self)


class RunTrigger(RunWatch, DataOpsTrigger):
    """Waits for the end of one run.

    :param poll_interval: the longest time between two status requests, in seconds.
    :param not_before: when the first request may be sent, in seconds since the epoch. The time comes from a
        server's ``Retry-After``.
    :param known: whether the platform has returned the run before. If it has, a response without the run
        counts as an outage.
    :param published_state: the state of the run that the task has published for the page *Remote runs*;
        ``None`` if it has published none.
    """

    poll_interval: float
    not_before: float = 0.0
    known: bool = False
    published_state: str | None = None

    def check(self) -> None:
        """Validate the fields, also the run's id, the poll interval and the times."""
        super().check()
        require_text(run_id=self.run_id)
        require_time(poll_interval=self.poll_interval)
        require_boolean("known", self.known)
        if self.not_before != 0:
            require_time(not_before=self.not_before)
        if self.published_state is not None:
            require_text(published_state=self.published_state)

    def ended(self, waits: Any) -> Awaitable[RunEvent]:
        """Wait for the end of the run, and return how the wait ended."""
        waiting: Awaitable[RunEvent] = waits.run_ended(self)
        return waiting

    async def on_kill(self) -> None:
        """Stop the run if a user marked the task as failed or success.

        Airflow 3.3 and later call this method, but not after a timeout and not when the triggerer stops. They
        also call it after a Clear, and when the trigger moves to another triggerer. In these two cases the
        method does not stop the run.
        """
        waits, _ = await load_waits(self.conn_type)
        await waits.stop_run(self)


class ConditionTrigger(ConditionWatch, DataOpsTrigger):
    """Waits until a condition is true at a platform.

    :param poke_interval: the seconds between two requests.
    """

    poke_interval: float

    def check(self) -> None:
        """Validate the fields, also the poke interval."""
        super().check()
        require_time(poke_interval=self.poke_interval)

    def ended(self, waits: Any) -> Awaitable[ConditionEvent]:
        """Wait until the condition is true, and return how the wait ended."""
        waiting: Awaitable[ConditionEvent] = waits.condition_met(self)
        return waiting


class PauseTrigger(TaskTrigger):
    """Waits until a point in time. Operators use this trigger while the platform has no free slot.

    :param until: when the wait ends, in seconds since the epoch.
    :param payload: the content of the event, as JSON values.
    """

    until: float
    payload: dict[str, Any]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the time has come, and yield one event with the payload."""
        require_time(until=self.until)
        guard.check(self.worker_load)
        began = SYSTEM_CLOCK.monotonic()
        await asyncio.sleep(max(0.0, self.until - SYSTEM_CLOCK.wall()))
        await guard.hold_back(began, self.worker_load)
        yield TriggerEvent(self.payload)


async def connected_api(conn_type: str, conn_id: str) -> Api:
    """Read a connection, and return its platform. Airflow masks the connection's secrets in the log."""
    _, hook = await load_waits(conn_type)
    api: Api = hook.api_from(await BaseHook.aget_connection(conn_id))
    for secret in api.settings.secrets:
        await aregister_secret(secret)
    return api


#: The module :mod:`.waits` and a platform's hook.
_Loaded = tuple[Any, type["DataOpsHook[Any]"]]
_LOADED: dict[str, _Loaded] = {}
#: The imports that are under way. Thousands of triggers may start at the same moment.
_LOADING: dict[tuple[asyncio.AbstractEventLoop, str], JointTask[_Loaded]] = {}


async def load_waits(conn_type: str) -> _Loaded:
    """Import and return the module :mod:`.waits` and a platform's hook, when a trigger first runs."""
    if conn_type not in _LOADED:
        key = (asyncio.get_running_loop(), conn_type)
        loading = _LOADING.get(key)
        if loading is None:
            # Import in a thread: on the event loop, these imports would block all other triggers.
            loading = JointTask(asyncio.to_thread(_load, conn_type), f"import the triggers of {conn_type}")
            loading.task.add_done_callback(lambda _: _LOADING.pop(key))
            _LOADING[key] = loading
        _LOADED[conn_type] = await loading.result()
    return _LOADED[conn_type]


def _load(conn_type: str) -> _Loaded:
    from airflow_provider_dataops.triggers import waits

    return waits, hook_class(conn_type)
