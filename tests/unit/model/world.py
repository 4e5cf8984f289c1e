"""The world of the model: the task instances of a DAG run, their processes and triggers, and the platform."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.core.settings import ConnectionFields
from airflow_provider_dataops.lifecycle.progress import WaitProgress
from airflow_provider_dataops.lifecycle.wait import Wait
from airflow_provider_dataops.registry import hook_class
from airflow_provider_dataops.triggers import waits
from airflow_provider_dataops.triggers.base import PauseTrigger
from tests.unit.model.judge import Judge
from tests.unit.model.kinds import KINDS, Kind
from tests.unit.model.process import MemoryDriver, ModelClock, Process, current
from tests.unit.model.remote import Remote
from tests.unit.model.task import ApiServerError, DagRun, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Api

#: A process takes at most this many steps at a time.
STEPS = 400
#: A process that waits for its run sends at most this many status requests at a time.
POLLS = 6


class World:
    """The tasks, processes and runs. The test decides what happens, and in which order.

    :param conn_type: the platform.
    :param places: what each task works on.
    :param retries: the tasks' number of retries.
    :param options: the operator's other arguments.
    """

    def __init__(
        self, conn_type: str, places: tuple[str, ...], retries: int, options: dict[str, Any]
    ) -> None:
        self.kind: Kind = KINDS[conn_type]
        self.remote = Remote(self.kind)
        self.dag_run = DagRun()
        self.tasks = [
            Task("t", index, place, self.dag_run, retries, dict(options))
            for index, place in enumerate(places)
        ]
        self.processes: list[Process] = []
        self.cancels: list[tuple[Task, Any]] = []
        self.judge = Judge(self)
        self.remote.on_submit, self.remote.on_stop = self.judge.submitted, self.judge.stopped
        self._hook_class = hook_class(conn_type)
        self._operator_class = _with_log(self.kind.operator, make_hook=_make_hook)

    # --- what a process runs ---------------------------------------------------------------------------

    def connect(self) -> Api:
        """Return the platform's API, as a hook makes it of the connection."""
        platform = self.remote.platform
        fields = platform.connection(*self.kind.connection)
        fields.pop("conn_type")
        api: Api = self._hook_class.api_class.from_fields(ConnectionFields(conn_id="c", **fields))
        if api.token is not None:
            api.token._clock = ModelClock.monotonic
        return api

    def _operator(self, process: Process) -> Any:
        task = process.task
        operator = self._operator_class(
            task_id=task.name, **self.kind.arguments(process.place), **task.options
        )
        operator.world, operator.lines = self, task.logger(process)
        process.operator = operator
        return operator

    def _worker(self, work: Callable[[Any, Any], Any]) -> Callable[[Process], Any]:
        def run(process: Process) -> Any:
            return work(self._operator(process), process.context)

        return run

    def driver(self, api: Api, operator: Any) -> MemoryDriver:
        return MemoryDriver(api, register_secret=lambda _: None, sleep=operator.pause, clock=ModelClock())

    # --- Airflow's scheduler ---------------------------------------------------------------------------

    def is_due(self, task: Task) -> bool:
        """Return whether the scheduler would start a process for the task now."""
        waits_for_worker = task.state in {None, "up_for_retry", "scheduled"}
        return waits_for_worker and not self.dag_run.is_away

    def start(self, task: Task) -> Process:
        """Start a process for a task that is due: a new try, or the resumption of a deferred one."""
        resume = task.resume
        if resume is None:
            task.try_number += 1
            task.start_date = datetime.fromtimestamp(self.remote.wall(), UTC)
            task.try_place = task.place
            work = self._worker(lambda operator, context: operator.execute(context))
        else:
            method, kwargs = resume
            work = self._worker(lambda operator, context: operator.resume_execution(method, kwargs, context))
        process = self._process(task, work)
        process.context = task.context(process)
        if resume is None:
            self.judge.started(process)
        task.state, task.resume, task.worker = "running", None, process
        return process

    def _process(self, task: Task, work: Callable[[Process], Any]) -> Process:
        process = Process(task, self.remote, work)
        self.processes.append(process)
        return process

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes if not process.is_over]

    def processes_of(self, task: Task) -> list[Process]:
        """Return the processes of a task on workers, in the order of their starts."""
        return [process for process in self.processes if process.task is task and process.operator]

    def go(self, process: Process, until: str, steps: int = STEPS) -> None:
        """Run a process up to a point of a kind, to its end, or until it has polled its run a few times."""
        polls = 0
        for _ in range(steps):
            before = self.remote.now
            process.go()
            if process is process.task.worker:
                # Only the time in which the process ran counts, not the time in which it was frozen.
                process.task.awake += self.remote.now - before
            self._took_a_step(process)
            if process.is_over or process.point.kind in {until, "deadlock"}:
                return
            polls += process.point.kind == "sleep" and process.waits
            if polls == POLLS:
                return

    def signal(self, process: Process) -> None:
        """Send SIGTERM to a process."""
        process.signal()
        self._took_a_step(process)

    def _took_a_step(self, process: Process) -> None:
        self.judge.pronounce()
        if process.is_over and not process.is_killed:
            self._ended(process)
        self.judge.check()

    def _ended(self, process: Process) -> None:
        task, error = process.task, process.error
        if error is not None and not isinstance(error, TaskDeferred):
            self.judge.raised(process, error)
        if process is task.waiter:
            self._fired(process)
        if process is not task.worker:
            return
        if task.state == "restarting":
            task.fail()
        elif process.is_superseded:
            task.worker = None
        elif task.state != "running":
            # A person has marked the task.
            task.worker = None
        elif isinstance(error, TaskDeferred):
            self._deferred(task, error)
        elif isinstance(error, AirflowSkipException):
            task.state, task.worker = "skipped", None
        elif error is not None:
            task.fail(for_good=isinstance(error, AirflowFailException))
        else:
            task.state, task.worker, task.result = "success", None, process.result
            self.judge.succeeded(process)

    def kill(self, process: Process) -> None:
        """Send SIGKILL to a process. Airflow notices it at once."""
        process.kill()
        task = process.task
        if process is task.waiter:
            # A new triggerer starts the trigger again.
            task.waiter = None
        if process is task.worker:
            self.give_up(task)
        self.judge.check()

    def give_up(self, task: Task) -> None:
        """Fail the try as the scheduler does if its process is dead or sends no heartbeats."""
        if task.state in {"running", "restarting"}:
            task.fail()
        task.worker = None

    # --- the triggerer ---------------------------------------------------------------------------------

    def _deferred(self, task: Task, deferral: TaskDeferred) -> None:
        _, arguments = deferral.trigger.serialize()
        # The triggerer makes the trigger from the arguments in the database.
        trigger_class: Any = type(deferral.trigger)
        trigger = _with_log(trigger_class)(**json.loads(json.dumps(arguments)))
        assert deferral.timeout is not None
        task.state, task.worker, task.trigger, task.waiter = "deferred", None, trigger, None
        task.trigger_timeout = self.remote.now + deferral.timeout.total_seconds()
        task.trigger_method = deferral.method_name
        task.trigger_kwargs = json.loads(json.dumps(deferral.kwargs or {}))

    def wait(self, task: Task) -> Process:
        """Return the process in which the task's trigger waits. Start one if there is none."""
        if task.waiter is None or task.waiter.is_over:
            trigger = task.trigger
            task.waiter = self._process(task, lambda process: self._waited(process, trigger))
        return task.waiter

    def _waited(self, process: Process, trigger: Any) -> Any:
        if isinstance(trigger, PauseTrigger):
            process.sleep(max(0.0, trigger.until - self.remote.wall()))
            return trigger.payload
        wait = Wait(
            deadline=trigger.deadline,
            poll_interval=trigger.poll_interval,
            progress=WaitProgress(self.remote.now, trigger.run_id, seen=trigger.known),
            clock=ModelClock(),
            log=process.task.logger(process),
        )
        while True:
            api = self.connect()
            driver = MemoryDriver(
                api, register_secret=lambda _: None, sleep=process.sleep, clock=ModelClock()
            )
            event = driver.run(wait.until_end(partial(trigger.look, api)), ONCE)
            if event is not None:
                return event.as_json()

    def _fired(self, process: Process) -> None:
        task = process.task
        task.waiter = None
        if task.state != "deferred" or process.is_superseded:
            return
        if process.error is not None:
            self.fail_trigger(task, "Trigger failure")
        else:
            event = json.loads(json.dumps(process.result))
            self._resume(task, task.trigger_method, {**task.trigger_kwargs, "event": event})

    def fail_trigger(self, task: Task, reason: str) -> None:
        """Resume the task as Airflow does if its trigger crashes or times out."""
        details = {"traceback": ["Traceback by the model"]} if reason == "Trigger failure" else {}
        self._resume(task, "__fail__", {"error": reason, **details})

    def _resume(self, task: Task, method: str, kwargs: dict[str, Any]) -> None:
        if task.waiter is not None:
            task.waiter.kill()
        task.state, task.trigger, task.waiter, task.resume = "scheduled", None, None, (method, kwargs)

    def cancel(self, task: Task) -> None:
        """Cancel the task's trigger. The triggerer calls ``on_kill`` later, see :meth:`notice_cancel`."""
        if task.trigger is not None and not isinstance(task.trigger, PauseTrigger):
            self.cancels.append((task, task.trigger))
        if task.waiter is not None:
            task.waiter.kill()
            task.waiter = None

    def notice_cancel(self, index: int) -> Process:
        """Return a process in which the triggerer calls ``on_kill`` of a cancelled trigger."""
        task, trigger = self.cancels.pop(index)

        def stop(process: Process) -> None:
            trigger.api, trigger.lines = self._aconnect, task.logger(process)
            asyncio.run(waits._stop_run(trigger))

        return self._process(task, stop)

    async def _aconnect(self) -> Api:
        return self.connect()

    # --- what people do --------------------------------------------------------------------------------

    def clear(self, task: Task) -> None:
        """Clear a task."""
        if task.state == "deferred":
            self.cancel(task)
        self.judge.cleared(task)
        task.clear()
        self._neighbour_cleared(task)

    def clear_neighbour(self) -> None:
        """Clear another task of the DAG run, outside the model."""
        self.dag_run.clear_number += 1
        self._neighbour_cleared(None)

    def _neighbour_cleared(self, cleared: Task | None) -> None:
        for task in self.tasks:
            if task is not cleared:
                task.neighbour_cleared = self.remote.now
                task.is_stale, task.awake = True, 0.0

    def mark(self, task: Task, state: str) -> None:
        """Mark a task as failed or successful."""
        if task.state == "deferred":
            self.cancel(task)
        task.state, task.trigger, task.resume = state, None, None
        task.result = None

    def set_away(self, is_away: bool) -> None:
        self.dag_run.is_away = is_away
        for task in self.tasks:
            task.airflow_away = self.remote.now


@cache
def _with_log(cls: type[Any], **members: Any) -> type[Any]:
    """Return a subclass of an operator or trigger that logs to its attribute ``lines``."""
    return type(cls.__name__, (cls,), {"log": property(lambda self: self.lines), **members})


def _make_hook(operator: Any) -> Any:
    world: World = operator.world
    hook = world._hook_class(operator.conn_id, sleep=operator.pause)
    api = world.connect()
    vars(hook).update(api=api, driver=world.driver(api, operator))
    return hook


class SharedConnection:
    """Replaces the triggerer's shared connection to the platform."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.driver = self

    async def run(self, exchange: Any, policy: Any) -> Any:
        driver = MemoryDriver(
            self.api, register_secret=lambda _: None, sleep=current().sleep, clock=ModelClock()
        )
        return driver.run(exchange, policy)


async def join(api: Api) -> SharedConnection:
    return SharedConnection(api)


async def task_state(ti: Any) -> str | None:
    task = current().task
    if task.dag_run.is_away:
        raise ApiServerError("503 by the model")
    return task.state


def present_clear_number(ti: Any) -> int | None:
    """Return the DAG run's number of Clears, ``None`` while the API server does not answer."""
    ti.process.reach("ask")
    task: Task = ti.process.task
    if task.dag_run.is_away:
        return None
    ti.process.known_clears = task.dag_run.clear_number
    return task.dag_run.clear_number
