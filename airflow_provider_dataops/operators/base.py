"""What the operators of all platforms share: the life of a run in a task.

Nothing at the top of this module may load ``requests``, ``aiohttp`` or ``airflow.triggers``: DAG files are
parsed all day.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from uuid import uuid4

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseOperator

from airflow_provider_dataops.errors import (
    ApiError,
    DataOpsError,
    InvalidArgumentError,
    RunCancelledError,
    RunError,
    RunTimeoutError,
    SlotsTakenError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from airflow_provider_dataops.core.api import Launch
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.lifecycle.durable import Started
    from airflow_provider_dataops.lifecycle.outcome import RunEvent
    from airflow_provider_dataops.lifecycle.record import Record, Store
    from airflow_provider_dataops.triggers.base import RunTrigger

#: The time a run may take unless the operator says otherwise.
DEFAULT_TIMEOUT = timedelta(hours=24)
#: The longest time that can be asked for, in seconds: dates end in the year 9999.
LONGEST = 1e9
#: A wait in a worker looks this often whether the task was killed, in seconds.
SLICE = 0.5
#: A stop from ``on_kill`` must be through in this time, in seconds: Airflow kills the process after 5.
KILL_BUDGET = 3.0
#: A trigger that crashed is started again so often in one try.
TRIGGER_CRASHES = 3
#: The pauses while the platform's slots are full: the first, and the longest, in seconds.
SLOT_PAUSE, SLOT_PAUSE_CAP = 30.0, 300.0


@contextmanager
def no_vain_retry() -> Iterator[None]:
    """Tell Airflow not to retry what would fail in the same way again."""
    try:
        yield
    except DataOpsError as error:
        if not error.permanent:
            raise
        from airflow_provider_dataops.exceptions import PermanentError

        raise PermanentError(str(error)) from error


def seconds(name: str, value: object) -> float:
    """Return a length of time in seconds.

    :raises InvalidArgumentError: if it is not above 0, or out of all bounds.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= LONGEST:
        raise InvalidArgumentError(
            f"{name} must be seconds or a timedelta, above 0 and up to {LONGEST:.0e} s; given: {value!r}"
        )
    return float(number)


def boolean(name: str, value: object) -> bool:
    """Return a yes-or-no argument.

    :raises InvalidArgumentError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False; given: {value!r}")
    return value


class DataOpsOperator(BaseOperator):
    """An operator of this provider: arguments are checked before anything is sent."""

    def check(self) -> None:
        """Refuse arguments that make no sense; called once templates are rendered.

        :raises InvalidArgumentError: naming the argument, what was given and what is allowed.
        """

    def execute(self, context: Context) -> Any:
        """Check the arguments and do the work."""
        with no_vain_retry():
            self.check()
            return self.act(context)

    def act(self, context: Context) -> Any:
        """Do the work."""
        raise NotImplementedError


def trace_id(context: Context) -> str:
    """Return what tells the try of this task from all others, in visible ASCII."""
    ti = context["ti"]
    told = f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}/{ti.try_number}"
    return "".join(c if c.isascii() and c.isprintable() else "_" for c in told)


class RunOperator(DataOpsOperator):
    """Starts a remote run once, and waits for its end.

    :param wait_for_completion: wait for the end of the run; otherwise the task ends when it was started.
    :param deferrable: wait in the triggerer and hold no worker slot. The default is Airflow's setting
        ``[operators] default_deferrable``.
    :param poll_interval: the longest time between two looks, in seconds or as a timedelta. Young runs are
        looked at more often.
    :param timeout: the time the run may take, counted from the start of each try, in seconds or as a
        timedelta; ``execution_timeout`` counts as well, if it is shorter.
    :param durable: remember the run between the tries of the task: a retry goes on waiting for a run that is
        active and takes the result of one that succeeded. Needs Airflow 3.3.
    """

    #: The platform's noun for a run.
    noun: ClassVar[str] = "run"
    platform: ClassVar[str]
    #: Whether a run of which the platform tells no id is as good as one that succeeded.
    accepts_untracked: bool = False

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta = 30.0,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = boolean("wait_for_completion", wait_for_completion)
        self.deferrable = boolean("deferrable", deferrable)
        self.poll_interval = seconds("poll_interval", poll_interval)
        self.timeout = seconds("timeout", timeout)
        self.durable = boolean("durable", durable)
        self.run_url: str | None = None
        self._killed = False
        self._stopped_on_kill = False
        self._in_wait = False
        self._record: Record | None = None
        self._store: Store | None = None
        self._launch: Launch | None = None

    # --- what a platform adds --------------------------------------------------------------------------

    def make_hook(self) -> DataOpsHook[Any]:
        """Return the platform's hook, which pauses by :meth:`pause`."""
        raise NotImplementedError

    def make_launch(self, hook: Any, context: Context) -> Launch:
        """Return the run to be started, or one that was, to look after it; nothing is asked for that."""
        raise NotImplementedError

    def make_trigger(self, launch: Any, record: Record, deadline: float) -> RunTrigger:
        """Return the trigger that waits for the run."""
        raise NotImplementedError

    def may_stop(self, record: Record | None) -> bool:
        """Tell whether the run is stopped when the wait for it ends before it does."""
        return False

    def reason_to_skip(self, snapshot: RunSnapshot) -> str | None:
        """Return why the task is to be skipped for how its run ended, ``None`` where it is not."""
        return None

    # --- the life of a run -----------------------------------------------------------------------------

    def act(self, context: Context) -> Any:
        """Start the run, or find the one of an earlier try, and wait for it."""
        self.run_url = ""
        return self._begin(context, deadline=self._deadline(), slot_waits=0)

    def _deadline(self) -> float:
        limits = [self.timeout]
        if self.execution_timeout is not None:
            # Airflow does not apply it while a task is deferred.
            limits.append(self.execution_timeout.total_seconds())
        return time.time() + min(limits)

    def resume_submit(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Try again to get a slot at the platform."""
        with no_vain_retry():
            self.check()
            told = event if isinstance(event, dict) else {}
            deadline, waits = told.get("deadline"), told.get("slot_waits")
            if not isinstance(deadline, float) or not isinstance(waits, int):
                raise RunError(f"the trigger told something that is not to be trusted: {str(event)[:200]}")
            self.run_url = ""
            return self._begin(context, deadline=deadline, slot_waits=waits)

    def _begin(self, context: Context, *, deadline: float, slot_waits: int) -> Any:
        from airflow_provider_dataops.adapters.task_state import generation, store_for
        from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
        from airflow_provider_dataops.lifecycle.durable import DurableStart

        hook = self.make_hook()
        launch = self._launch = self.make_launch(hook, context)
        store = self._store = store_for(context, durable=self.durable)
        start = DurableStart(
            launch=launch,
            store=store,
            clock=SYSTEM_CLOCK,
            generation=generation(context),
            new_token=lambda: uuid4().hex,
            log=self.log,
            cancels=self.may_stop(None),
        )
        while True:
            try:
                started = hook.run(start.run())
                break
            except SlotsTakenError as error:
                self._wait_for_slot(error, deadline, slot_waits)
                slot_waits += 1
        self._record = started.record
        if self._killed:
            self._abandon(started.snapshot.run_id)
        return self._follow(context, hook, launch, started, deadline)

    def _wait_for_slot(self, error: SlotsTakenError, deadline: float, slot_waits: int) -> None:
        """Wait until another attempt is due; a deferrable task does so in the triggerer."""
        import random

        pause = min(SLOT_PAUSE_CAP, SLOT_PAUSE * 2.0 ** min(slot_waits, 8))
        # Half of it is drawn, so that those who were refused together do not come back together.
        pause = max(error.retry_after or 0.0, pause * (0.5 + random.random() / 2))  # noqa: S311
        until = time.time() + pause
        if until >= deadline:
            raise RunTimeoutError(f"no slot became free in the time allowed: {error}") from error
        self.log.warning("All slots are taken (%s); trying again in %.0f s", error, pause)
        if not self.deferrable:
            self.pause(pause)
            return
        from airflow_provider_dataops.triggers.base import PauseTrigger

        payload = {"deadline": deadline, "slot_waits": slot_waits + 1}
        self.defer(
            trigger=PauseTrigger(until=until, payload=payload),
            method_name=self.resume_submit.__name__,
            timeout=self._airflow_timeout(until),
        )

    def _follow(
        self, context: Context, hook: DataOpsHook[Any], launch: Launch, started: Started, deadline: float
    ) -> Any:
        """Wait for a run that was started."""
        run_id = started.snapshot.run_id
        self._show(context, launch.url(run_id))
        from airflow_provider_dataops.core.run import RunState

        untracked = started.snapshot.state is RunState.UNTRACKED
        if not self.wait_for_completion or (untracked and self.accepts_untracked):
            return started.snapshot.as_result(launch.url(run_id))
        try:
            snapshot, not_before = self._looked(hook, launch, started)
        except ApiError as error:
            from airflow_provider_dataops.lifecycle.wait import unreachable

            return self._conclude(hook, launch, unreachable(run_id, error))
        if snapshot.state.is_final:
            from airflow_provider_dataops.lifecycle.outcome import Ending, RunEvent

            return self._conclude(
                hook, launch, RunEvent(ending=Ending.FINISHED, run_id=run_id, snapshot=snapshot)
            )
        if self.deferrable:
            self._defer(context, launch, started.record, deadline, not_before)
        return self._conclude(*self._wait(context, hook, launch, run_id, deadline))

    def _looked(self, hook: DataOpsHook[Any], launch: Launch, started: Started) -> tuple[RunSnapshot, float]:
        """Look once before deferring: a run that has ended already needs no trigger.

        Returns the instant, too, before which the server does not want to be asked again.

        :raises ApiError: for a refusal that must not be asked for again, in a triggerer neither.
        """
        from airflow_provider_dataops.core.retry import ONCE

        if not (self.deferrable and started.fresh) or started.snapshot.state.is_final:
            return started.snapshot, 0.0
        try:
            return hook.run(launch.look(started.snapshot.run_id), ONCE), 0.0
        except ApiError as error:
            if error.locks_out:
                raise
            self.log.warning("%s; going on to wait", error)
            return started.snapshot, time.time() + (error.retry_after or 0.0)

    def _defer(
        self, context: Context, launch: Launch, record: Record, deadline: float, not_before: float = 0.0
    ) -> NoReturn:
        from airflow_provider_dataops.adapters.task_state import KEY, MemoryStore
        from airflow_provider_dataops.lifecycle.record import Phase

        if self._killed:
            self._abandon(record.run_id)
        record = replace(record, phase=Phase.DEFERRED, deadline=deadline)
        if isinstance(self._store, MemoryStore):
            # An XCom lives until the next try, which is what is wanted here.
            context["ti"].xcom_push(key=KEY, value=record.as_json())
        elif self._store is not None:
            self._store.set(record.as_json())
        self.log.info(
            "Waiting for %s %s in the triggerer: %s", self.noun, record.run_id, launch.url(record.run_id)
        )
        trigger = self.make_trigger(launch, record, deadline)
        trigger.not_before = not_before
        self.defer(
            trigger=trigger,
            method_name=self.execute_complete.__name__,
            timeout=self._airflow_timeout(deadline),
        )

    def _airflow_timeout(self, until: float) -> timedelta:
        """Return Airflow's own limit of the deferral: it fires only where no triggerer lives."""
        margin = max(60.0, 2 * self.poll_interval)
        return timedelta(seconds=max(1.0, until - time.time()) + margin)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Take up the task at the end of the wait in the triggerer."""
        from airflow_provider_dataops.lifecycle.outcome import Ending, RunEvent

        with no_vain_retry():
            try:
                ended = RunEvent.from_json(event)
            except ValueError as error:
                raise RunError(f"the trigger told something that is not to be trusted: {error}") from error
            hook = self.make_hook()
            launch = self.make_launch(hook, context)
            self._show(context, launch.url(ended.run_id))
            if ended.ending is not Ending.FINISHED:
                self._record = self._remembered(context)
            return self._conclude(hook, launch, ended)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Take up the task, also where Airflow gave the trigger up: it timed out or crashed."""
        if next_method != "__fail__":
            return super().resume_execution(next_method, next_kwargs, context)
        told = next_kwargs or {}
        if told.get("traceback"):
            self.log.error("The trigger failed:\n%s", "\n".join(told["traceback"]))
        with no_vain_retry():
            hook = self.make_hook()
            launch = self.make_launch(hook, context)
            record = self._record = self._remembered(context)
            if record is None or not record.run_id:
                # Nothing was started: it was the wait for a slot that failed.
                return super().resume_execution(next_method, next_kwargs, context)
            self._show(context, launch.url(record.run_id))
            return self._given_up(context, hook, launch, record, str(told.get("error", "unknown")))

    def _given_up(
        self, context: Context, hook: DataOpsHook[Any], launch: Launch, record: Record, reason: str
    ) -> Any:
        """Go on with a run whose trigger Airflow gave up: a crashed trigger is no failed run."""
        from airflow_provider_dataops.lifecycle.outcome import Ending, RunEvent

        run_id = record.run_id
        if reason == "Trigger timeout" or record.deadline < time.time():
            message = f"Airflow gave the trigger up: {reason}"
            return self._conclude(
                hook, launch, RunEvent(ending=Ending.TIMEOUT, run_id=run_id, message=message)
            )
        record = self._record = record.with_crash(context["ti"].try_number)
        message = f"its trigger crashed {record.crashes} times in this try: {reason}"
        crashed = RunEvent(ending=Ending.UNREACHABLE, run_id=run_id, message=message)
        if record.crashes > TRIGGER_CRASHES:
            return self._conclude(hook, launch, crashed, ours_to_end=True)
        self.log.warning("The trigger crashed (%s); taking %s %s up again", reason, self.noun, run_id)
        ended = self._last_look(hook, launch, crashed)
        if ended.ending is Ending.FINISHED:
            return self._conclude(hook, launch, ended)
        return self._defer(context, launch, record, record.deadline)

    def _conclude(
        self, hook: DataOpsHook[Any], launch: Launch, event: RunEvent, *, ours_to_end: bool = False
    ) -> Any:
        """Return the result of the run, or raise the error its end stands for.

        :param ours_to_end: the run is stopped, where it may be, as it is when the time is over.
        """
        from airflow_provider_dataops.lifecycle.outcome import Ending, failure

        if event.ending is Ending.TIMEOUT or ours_to_end:
            ours_to_end = True
            event = self._last_look(hook, launch, event)
        error = failure(event, platform=self.platform, noun=self.noun, url=launch.url(event.run_id))
        if error is None and event.snapshot is not None:
            self.log.info("%s %s %s succeeded", self.platform, self.noun, event.run_id)
            return event.snapshot.as_result(launch.url(event.run_id))
        if event.snapshot is not None and (reason := self.reason_to_skip(event.snapshot)):
            from airflow.providers.common.compat.sdk import AirflowSkipException

            raise AirflowSkipException(reason)
        if event.ending is not Ending.FINISHED and not (
            ours_to_end and self._ended_by_us(hook, launch, event.run_id)
        ):
            self._say_it_goes_on(event.run_id, launch.url(event.run_id))
        raise error or RunError("an event without a run", run_id=event.run_id)

    def _last_look(self, hook: DataOpsHook[Any], launch: Launch, event: RunEvent) -> RunEvent:
        """Look again when the wait is over: the run may have ended while no triggerer lived."""
        from airflow_provider_dataops.lifecycle.outcome import Ending

        try:
            snapshot = hook.run(launch.look(event.run_id))
        except ApiError as error:
            self.log.warning("%s", error)
            return event
        if not snapshot.state.is_final:
            return event
        return replace(event, ending=Ending.FINISHED, snapshot=snapshot)

    def _ended_by_us(self, hook: DataOpsHook[Any], launch: Launch, run_id: str) -> bool:
        return self.may_stop(self._record) and self._stop(hook, launch, run_id)

    def _stop(self, hook: DataOpsHook[Any], launch: Launch, run_id: str) -> bool:
        try:
            hook.run(launch.stop(run_id))
        except ApiError as error:
            self.log.error("%s", error)
            return False
        self.log.warning("Told %s %s %s to stop", self.platform, self.noun, run_id)
        return True

    def _say_it_goes_on(self, run_id: str, url: str) -> None:
        self.log.warning(
            "%s %s %s is not stopped from here and may go on: %s",
            self.platform,
            self.noun,
            run_id,
            url,
        )

    def _remembered(self, context: Context) -> Record | None:
        """Return the record of the run that a deferral of this try left."""
        from airflow_provider_dataops.adapters.task_state import KEY, MemoryStore, store_for
        from airflow_provider_dataops.lifecycle.record import Record

        store = self._store = store_for(context, durable=self.durable)
        if isinstance(store, MemoryStore):
            ti = context["ti"]
            return Record.from_json(ti.xcom_pull(task_ids=self.task_id, key=KEY, map_indexes=ti.map_index))
        return Record.from_json(store.get())

    def _show(self, context: Context, url: str) -> None:
        """Push the link now: Airflow would do so at the end of the task."""
        self.run_url = url
        from airflow.providers.common.compat.sdk import XCom

        ti = context["ti"]
        for link in self.operator_extra_links:
            try:
                # Not through a custom backend: the reader of links takes the stored row as it is.
                XCom._set_xcom_in_db(
                    key=link.xcom_key,
                    value=url,
                    dag_id=ti.dag_id,
                    task_id=ti.task_id,
                    run_id=ti.run_id,
                    map_index=ti.map_index if ti.map_index is not None else -1,
                )
            except Exception as error:
                # A missing link is no reason to let go of a run.
                self.log.warning("The link %s could not be stored: %r", url, error)

    # --- waiting in a worker ---------------------------------------------------------------------------

    def _wait(
        self, context: Context, hook: DataOpsHook[Any], launch: Launch, run_id: str, deadline: float
    ) -> tuple[DataOpsHook[Any], Launch, RunEvent]:
        from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
        from airflow_provider_dataops.core.retry import ONCE
        from airflow_provider_dataops.lifecycle.progress import WaitProgress
        from airflow_provider_dataops.lifecycle.wait import Wait, unreachable

        wait = Wait(
            run_id=run_id,
            deadline=deadline,
            poll_interval=self.poll_interval,
            tracker=WaitProgress(SYSTEM_CLOCK.monotonic()),
            clock=SYSTEM_CLOCK,
            log=self.log,
        )
        while True:
            self._in_wait = True
            try:
                event = hook.run(wait.until_end(launch.look), ONCE)
            finally:
                self._in_wait = False
            if event is not None:
                return hook, launch, event
            self.log.warning("The credentials were refused; reading the connection again")
            refused, refusal = launch.api.settings.identity, wait.tracker.refusal
            hook = self.make_hook()
            launch = self._launch = self.make_launch(hook, context)
            if refusal is not None and launch.api.settings.identity == refused:
                return hook, launch, unreachable(run_id, refusal)

    def pause(self, duration: float) -> None:
        """Wait, and end as soon as the task is killed."""
        until = time.monotonic() + duration
        while True:
            if self._killed:
                self._abandon(self._record.run_id if self._record else "")
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(SLICE, left))

    def _abandon(self, run_id: str) -> NoReturn:
        """End a killed task. A kill before the id was known is made good here."""
        url = self._launch.url(run_id) if run_id and self._launch else ""
        if run_id and not self._stopped_on_kill:
            if self.may_stop(self._record):
                self._stop_quickly(run_id)
            else:
                self._say_it_goes_on(run_id, url)
        named = f" while {self.platform} {self.noun} {run_id} was running" if run_id else ""
        raise RunCancelledError(f"the task was killed{named}", run_id=run_id, url=url)

    def on_kill(self) -> None:
        """Stop the run when the task is killed on a worker: SIGTERM, mark failed, Clear, execution time-out.

        There are 5 s, and a call of Airflow's could wait for ever for the lock that the interrupted code
        holds, so this uses what is in memory. Only from our own wait, where no such call can be under way, is
        the store asked whether a newer try has taken over: that one owns the run.
        """
        self._killed = True
        record = self._record
        if record is None or not record.run_id:
            end = "stopped" if self.may_stop(None) else "named here and goes on"
            self.log.warning("Killed before a %s was known; one that starts now is %s", self.noun, end)
            return
        if not self.may_stop(record):
            self._say_it_goes_on(record.run_id, self.run_url or "")
            # Said once; the wait ends at its next slice.
            self._stopped_on_kill = True
            return
        if self._in_wait and self._is_superseded():
            self.log.warning(
                "A newer try has taken over %s %s; it is left alone here", self.noun, record.run_id
            )
            # The newer one decides; the wait here ends without a stop.
            self._stopped_on_kill = True
            return
        self._stop_quickly(record.run_id)

    def _is_superseded(self) -> bool:
        from airflow_provider_dataops.adapters.task_state import TaskStateStore

        return isinstance(self._store, TaskStateStore) and self._store.get() is None

    def _stop_quickly(self, run_id: str) -> None:
        """Send one stop within the time that a killed task has."""
        from airflow_provider_dataops.core.retry import ONCE
        from airflow_provider_dataops.transport.sync import SyncDriver

        self._stopped_on_kill = True
        launch = self._launch
        if launch is None:
            return
        # A session of its own: the interrupted one may be in the middle of an answer.
        driver = SyncDriver(launch.api, register_secret=_already_registered, limit=KILL_BUDGET / 2)
        try:
            driver.run(launch.stop(run_id), ONCE)
        except ApiError as error:
            self.log.error("%s %s could not be stopped and may go on: %s", self.noun, run_id, error)
        else:
            self.log.warning("Told %s %s %s to stop", self.platform, self.noun, run_id)


def _already_registered(secret: str) -> None:
    """Mask nothing: no call of Airflow's is safe in ``on_kill``."""
