"""One try of a task: start a run or find the run of an earlier try. Then wait, and return its result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.adapters.features import warn_if_not_durable, warn_if_not_stopped
from airflow_provider_dataops.adapters.task_state import generation, remembered, store_for
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.retry import ONCE, RetryPolicy
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import ApiError, RunError, SlotsTakenError
from airflow_provider_dataops.lifecycle.deadlines import (
    airflow_timeout,
    deadline_in_words,
    deadline_of,
)
from airflow_provider_dataops.lifecycle.durable import DurableStart
from airflow_provider_dataops.lifecycle.events import Ending, RunEvent
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress
from airflow_provider_dataops.lifecycle.record import Phase, Record
from airflow_provider_dataops.lifecycle.search import watch_of
from airflow_provider_dataops.lifecycle.wait import Wait
from airflow_provider_dataops.operators.base import HANDOVER
from airflow_provider_dataops.operators.published_run import publish_run
from airflow_provider_dataops.operators.record_keeping import RecordKeeping
from airflow_provider_dataops.operators.slots import wait_for_slot
from airflow_provider_dataops.registry import trigger_class

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.lifecycle.durable import Started
    from airflow_provider_dataops.operators.base import RunOperator
    from airflow_provider_dataops.tasks.publication import Publication

#: How many times one try starts its trigger again after the trigger crashed.
TRIGGER_CRASHES = 3


class RunAttempt(RecordKeeping):
    """One try of a task, with all values that change during the try.

    :param operator: the operator of the task.
    """

    launch: Launch

    def __init__(self, operator: RunOperator, context: Context) -> None:
        self.operator = operator
        self.context = context
        self.log = operator.log
        self.store = store_for(context, durable=operator.durable)
        self.generation = generation(context)
        self.record: Record | None = None
        self.ended_id = ""
        self.url = ""
        self.is_new = False
        self.stored_url: str | None = None
        self.namespace = ""
        self.is_reattached = False
        self.is_waiting = False
        self.is_renewing = False
        self.is_settled = False
        self.is_handed_over = False
        self.next_renewal = 0.0
        self.progress: WaitProgress | None = None
        self.publication: Publication | None = None

    def connect(self) -> None:
        """Read the connection, and validate the arguments against it."""
        # Import this here: a process that resumes after the end of the run does not need it. And ``on_kill``
        # cannot import it, because it may interrupt the same import.
        from airflow_provider_dataops.transport import sync

        self.driver_class = sync.SyncDriver
        hook = self.operator.make_hook()
        launch = self.operator.launch(hook.api, self.context)
        # Assign the hook last: if the task is killed before, ``on_kill`` must not use an incomplete hook.
        self.hook, self.launch = hook, launch

    def recall(self) -> bool:
        """Load the record of the run for which this try was deferred. Return whether there is a record."""
        record = remembered(self.store)
        if record is None or not record.run_id:
            return False
        # Set the watch before the record: ``on_kill`` uses the watch as soon as there is a record.
        self.watch = watch_of(self.launch, record)
        self.is_reattached = record.reattached
        self._take(record)
        return True

    # --- the start -------------------------------------------------------------------------------------

    def start(self) -> Any:
        """Start the run, or find the run of an earlier try, and wait for it."""
        operator = self.operator
        if operator.durable:
            warn_if_not_durable(self.store.survives_tries, operator.noun, self.log)
        return self._start(slot_waits=0, deadline=deadline_of(operator.timeout, operator.execution_timeout))

    def start_after_pause(self, event: object) -> Any:
        """Submit again after a pause.

        :param event: the payload that :func:`.slots.wait_for_slot` passed to the trigger.
        """
        payload = event if isinstance(event, dict) else {}
        deadline, waits = payload.get("deadline"), payload.get("slot_waits")
        if not isinstance(deadline, float) or not isinstance(waits, int):
            raise RunError(f"the trigger sent an event that this operator cannot read: {str(event)[:200]}")
        return self._start(deadline=deadline, slot_waits=waits)

    def _start(self, *, deadline: float, slot_waits: int) -> Any:
        self.is_new = True
        start = DurableStart(
            launch=self.launch,
            store=self.store,
            clock=SYSTEM_CLOCK,
            generation=self.generation,
            present=self.present,
            deadline=deadline,
            defers=self.operator.deferrable and self.operator.wait_for_completion,
            new_token=lambda: uuid4().hex,
            has_retry=self.has_retry,
            count=lambda counter: metrics.count(counter, self.operator.platform),
            log=self.log,
        )
        while True:
            try:
                started = self.hook.run(start.run(), RetryPolicy(deadline=deadline))
                break
            except SlotsTakenError as error:
                wait_for_slot(self.operator, error, deadline, slot_waits)
                slot_waits += 1
        self.watch, self.record = started.watch, started.record
        if self.operator.killed:
            self.abandon()
        return self._follow(started, deadline)

    def _follow(self, started: Started, deadline: float) -> Any:
        """Wait for the run, on this worker or in the triggerer."""
        operator, snapshot, known = self.operator, started.snapshot, started.known
        self.is_reattached = started.record.reattached
        self._show(started.url)
        self.note(snapshot)
        untracked = snapshot.state is RunState.UNTRACKED and operator.accepts_untracked
        waits = operator.wait_for_completion and not untracked
        if not waits:
            # Airflow may kill this process while the process sends the result to Airflow. Then ``on_kill``
            # must not stop the run.
            self.is_settled = True
        looked: RunEvent | RunSnapshot | ApiError = snapshot
        defers = waits and operator.deferrable and not snapshot.state.is_final
        if defers and not known:
            # Send one status request before the task defers: a run that has already ended needs no trigger.
            looked = self._first_look(deadline)
        self.publication = publish_run(self, started, looked, deadline, defers=defers)
        if not waits:
            return snapshot.as_result(self.url)
        if snapshot.state.is_final:
            return self.conclude(RunEvent.finished(snapshot))
        if not defers:
            return self.conclude(self._wait(deadline, known=known))
        if isinstance(looked, RunEvent):
            self._stay()
            return self.conclude(looked)
        not_before = 0.0
        if isinstance(looked, ApiError):
            not_before = SYSTEM_CLOCK.wall() + (looked.retry_after or 0.0)
        else:
            known = known or looked.state not in (RunState.ABSENT, RunState.UNLISTED)
        return self.defer(self.record or started.record, deadline, not_before, known=known)

    def _first_look(self, deadline: float) -> RunEvent | RunSnapshot | ApiError:
        """Read the run once before the task defers.

        Return an event if the wait has ended. Otherwise return the active run or the error of the request:
        in both cases the task defers.
        """
        progress = self._progress()
        while True:
            try:
                snapshot: RunSnapshot = self.hook.run(self._look(), ONCE)
            except ApiError as error:
                now = SYSTEM_CLOCK.monotonic()
                verdict = progress.failed(error, now)
                if not error.locks_out:
                    progress.log_failure(Verdict.WAIT, now, None, self.log)
                    return error
                # Do not defer now: the triggerer would send the refused credentials again at once.
                progress.log_failure(verdict, now, 0.0, self.log)
                if verdict is Verdict.GIVE_UP:
                    return RunEvent.unreachable(progress.run_id, error)
                self._stay()
                if (event := self.reconnect(progress, deadline)) is not None:
                    return event
            else:
                return RunEvent.finished(snapshot) if snapshot.state.is_final else snapshot

    # --- the wait on the worker ------------------------------------------------------------------------

    def _wait(self, deadline: float, *, known: bool) -> RunEvent:
        """Return how the wait ended. If the credentials are refused, read the connection once more."""
        wait = Wait(
            deadline=deadline,
            poll_interval=self.operator.poll_interval,
            progress=self._progress(seen=known),
            clock=SYSTEM_CLOCK,
            log=self.log,
        )
        self.progress = wait.progress
        while True:
            self.is_waiting = True
            try:
                event = self.hook.run(wait.until_end(self._look), ONCE)
            finally:
                self.is_waiting = False
            event = event or self.reconnect(wait.progress, deadline)
            if event is not None:
                return event

    def _progress(self, *, seen: bool = False) -> WaitProgress:
        return WaitProgress(
            SYSTEM_CLOCK.monotonic(),
            self.watch.run_id,
            kind=self.kind,
            seen=seen,
            outline=self.published_state,
            outage_budget=self.hook.api.settings.options.outage_budget,
        )

    # --- the wait in the triggerer ---------------------------------------------------------------------

    def defer(self, record: Record, deadline: float, not_before: float = 0.0, *, known: bool) -> NoReturn:
        """Hand the wait to the triggerer.

        :param known: whether the platform has returned the run to this try or to an earlier one.
        """
        operator = self.operator
        if operator.killed:
            self.abandon()
        record = replace(record, phase=Phase.DEFERRED, deadline=deadline)
        self.store.set_for_resume(record.as_json())
        self.is_handed_over = True
        self.log.info("Deferred: the triggerer waits for %s: %s", self.run, self.url)
        if self.watch.cancel_on_kill:
            warn_if_not_stopped(self.run, self.url, self.log)
        operator.defer(
            trigger=trigger_class(operator.conn_type, self.watch)(
                **self.watch.arguments(),
                conn_id=self.hook.conn_id,
                deadline=deadline,
                poll_interval=operator.poll_interval,
                not_before=not_before,
                known=known,
                published_state=self.published_state or None,
            ),
            method_name=operator.execute_complete.__name__,
            kwargs={
                HANDOVER: {
                    "run_id": record.run_id,
                    "url": self.stored_url,
                    "namespace": self.watch.namespace(self.hook.api),
                    "reattached": record.reattached,
                }
            },
            timeout=airflow_timeout(deadline, operator.poll_interval),
        )

    def resume(self, event: object, handover: JsonObject | None) -> Any:
        """Return the run's result after the wait in the triggerer, or raise the error that ended the wait.

        :param handover: what :meth:`defer` passed to this process through Airflow; ``None`` if Airflow
            did not keep it, as in ``airflow dags test``.
        """
        try:
            ended = RunEvent.from_json(event)
        except ValueError as error:
            raise RunError(f"the trigger sent an event that this operator cannot read: {error}") from error
        known = handover or {}
        url = self.stored_url = known.get("url")
        self.namespace, self.is_reattached = known.get("namespace", ""), known.get("reattached", False)
        is_known = bool(self.namespace) and ended.run_id == known["run_id"]
        if url and is_known and ended.ending is Ending.FINISHED:
            # The run has ended, so the task needs neither the connection nor the stored record. Set
            # ``is_settled`` first: ``on_kill`` has nothing to stop.
            self.is_settled = True
            self.ended_id = ended.run_id
            self._show(url)
            if self.operator.works_on_after_the_run:
                self._take_stored()
            return self.conclude(ended)
        self.connect()
        self.watch = self.launch.watch(ended.run_id)
        try:
            self.recall()
        except Exception as error:
            # Only the record shows for certain whether this task started the run. Without it, do not stop the
            # run.
            self.log.warning(
                "The record of %s cannot be read, so this task does not stop the run: %s", self.run, error
            )
            self.watch.cancel_on_kill = False
        if ended.run_id != self.watch.run_id:
            raise RunError(
                f"the trigger sent an event about {ended.run_id}; the task waits for {self.watch.run_id}"
            )
        self._show(self.watch.url(self.hook.api))
        return self.conclude(ended)

    def resume_without_trigger(self, reason: str) -> Any:
        """Continue after Airflow ended the trigger without an event.

        :param reason: ``Trigger timeout`` at the deadline; any other text means that the trigger crashed.
        """
        record = self.record
        if record is None:
            raise RunError("the task resumed, but Airflow has no record of its run")
        run_id = record.run_id
        self._show(self.watch.url(self.hook.api))
        if reason == "Trigger timeout" or record.deadline < SYSTEM_CLOCK.wall():
            deadline = deadline_in_words(record.deadline)
            message = f"{deadline} has passed; Airflow ended the trigger: {reason}"
            return self.conclude(RunEvent(ending=Ending.TIMEOUT, run_id=run_id, message=message))
        record = self.record = record.with_crash(self.context["ti"].try_number)
        message = f"the trigger crashed {record.crashes} times in this try: {reason}"
        crashed = RunEvent(ending=Ending.UNREACHABLE, run_id=run_id, message=message)
        if record.crashes > TRIGGER_CRASHES:
            return self.conclude(crashed, cancels=True)
        self.log.warning("The trigger crashed (%s); the task waits for %s again", reason, self.run)
        ended = self._last_look(crashed)
        if ended.ending is Ending.FINISHED:
            return self.conclude(ended)
        return self.defer(record, record.deadline, known=True)
