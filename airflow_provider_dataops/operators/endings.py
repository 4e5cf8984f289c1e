"""The end of a try: return the result of the run, or raise the error that ended the wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.core.metrics import Counter, Poll, Timing
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant
from airflow_provider_dataops.errors import ApiError, RunCancelledError, RunError
from airflow_provider_dataops.lifecycle.deadlines import limit_in_words
from airflow_provider_dataops.lifecycle.events import Ending, RunEvent
from airflow_provider_dataops.links.base import forget_run_link, push_run_link
from airflow_provider_dataops.operators.refused_credentials import RefusedCredentials
from airflow_provider_dataops.operators.reporting import SeenRun

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange

#: A wait may end with a last status request and a stop request. If one fails, it is repeated for up to 20 s.
AT_THE_END = RetryPolicy(budget=20.0)


class Endings(RefusedCredentials):
    """The part of :class:`.attempt.RunAttempt` that ends the try.

    :ivar url: the link to the run; empty until it is known.
    :ivar stored_url: the link that Airflow's UI shows; ``None`` if this try has stored no link.
    :ivar namespace: the namespace of the run's datasets in lineage; empty until it is known.
    :ivar is_reattached: whether an earlier try of the task started the run.
    """

    stored_url: str | None
    namespace: str
    is_reattached: bool

    def conclude(self, event: RunEvent, *, cancels: bool = False) -> Any:
        """Return the result of the run. If the run or the wait failed, raise the error.

        :param cancels: whether to stop an active run if ``cancel_on_kill`` allows it. After a timeout, the
            method always does this.
        """
        operator = self.operator
        if event.ending is Ending.TIMEOUT or cancels:
            cancels = True
            event = self._last_look(event)
        if event.ending is Ending.LOST:
            self._remember_loss()
            metrics.count(Counter.RUN_LOST, operator.platform)
        limit = limit_in_words(operator.timeout, operator.execution_timeout)
        error = event.failure(platform=operator.platform, noun=operator.noun, url=self.url, limit=limit)
        if event.snapshot is not None:
            self.is_settled = True
            self.note(event.snapshot)
            self._count_end(event.snapshot)
            if error is None:
                self.log.info("%s succeeded", self.run)
                return event.snapshot.as_result(self.url)
            if operator.killed and isinstance(error, RunCancelledError):
                # ``on_kill`` stopped the run before this status request.
                self.abandon()
            if reason := operator.reason_to_skip(event.snapshot):
                raise AirflowSkipException(reason)
        elif not self.is_settled:
            if operator.seen is None:
                self.note(RunSnapshot(run_id=event.run_id, state=RunState.UNKNOWN))
            if cancels and self.watch.cancel_on_kill:
                self._cancel()
            else:
                self.log_left_running()
        raise error or RunError("the event contains no run", run_id=event.run_id)

    def note(self, snapshot: RunSnapshot) -> None:
        """Keep the run for the task's outlets and for OpenLineage, which read it after this code."""
        if not self.namespace:
            self.namespace = self.watch.namespace(self.hook.api)
        self.operator.seen = SeenRun(snapshot, self.namespace, self.url, reattached=self.is_reattached)

    def _look(self) -> Exchange[RunSnapshot]:
        """Read the run, and return its present state."""
        return metrics.polled(self.watch.look(self.hook.api), self.operator.platform, Poll.RUN)

    def _count_end(self, run: RunSnapshot) -> None:
        """Count the end of the run, and record how long the run took if the platform reports this."""
        platform, state = self.operator.platform, str(run.state)
        metrics.count(Counter.RUN_FINISHED, platform, state=state)
        began, ended = instant(run.started_at), instant(run.finished_at)
        if began is not None and ended is not None:
            metrics.time(Timing.RUN_DURATION, platform, max(0.0, ended - began), state=state)

    def _remember_loss(self) -> None:
        """Store that the run is lost. If it does not appear again, the next try does not wait for it."""
        if self.record is None:
            return
        try:
            self.store.set(replace(self.record, lost=True).as_json())
        except Exception as error:
            self.log.warning(
                "Airflow did not store that %s is lost; a retry may wait for it again: %r",
                self.watch.run_id,
                error,
            )

    def _last_look(self, event: RunEvent) -> RunEvent:
        """Read the run once more after the wait: it may have ended while no triggerer was running."""
        try:
            snapshot: RunSnapshot = self.hook.run(self._look(), AT_THE_END)
        except ApiError as error:
            self.log.warning("%s", error)
            return event
        if snapshot.state.is_final:
            return RunEvent.finished(snapshot)
        return replace(event, message=f"{event.message}; the state is now {snapshot.words}")

    def _cancel(self) -> None:
        if not self.may_stop():
            return
        try:
            self.hook.run(self.watch.cancel(self.hook.api), AT_THE_END)
        except ApiError as error:
            self.log.error("%s", error)
            self.log_left_running()
        else:
            self.report_stop()

    def _show(self, url: str) -> None:
        """Store the link now, because Airflow itself stores it only at the end of this process."""
        self.url = url
        if url == self.stored_url:
            forget_run_link(self.operator)
        elif push_run_link(self.operator, self.context, url, self.log):
            self.stored_url = url
