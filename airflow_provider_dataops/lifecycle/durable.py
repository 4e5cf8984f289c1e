"""Start a run exactly once, even if earlier tries of the task died at any point.

This code runs on a worker, before the wait begins. It is one generator, with store, clock and platform as
arguments. So the tests can stop it at every point at which a worker can die. The start has four
steps. The *baseline* is the list of the runs before the submission. The *intent* is the record of the
submission that comes next.

    baseline -> intent stored -> submit -> id stored
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.core.retry import is_passing
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    ApiError,
    ConnectionSettingsError,
    InvalidArgumentError,
    MalformedReplyError,
    RateLimitedError,
    SlotsTakenError,
)
from airflow_provider_dataops.lifecycle.deadlines import pause
from airflow_provider_dataops.lifecycle.earlier import EarlierRun
from airflow_provider_dataops.lifecycle.record import (
    Generation,
    Phase,
    Record,
    Store,
    changed,
    fingerprint,
    is_superseded,
    removed,
)
from airflow_provider_dataops.lifecycle.search import Search, watch_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.watch import RunWatch

#: The largest number of submissions in one try. The task submits again only if the last submission
#: certainly did not arrive.
SUBMISSIONS = 3
#: If the run of an earlier try has one of these final states, a retry returns this run and starts no new one.
_STANDS = frozenset({RunState.SUCCEEDED, RunState.UNTRACKED})


@dataclass(frozen=True)
class Started:
    """The run that the task waits for.

    :param watch: the watch, which describes how to wait for the run.
    :param url: the link to the run.
    :param known: whether the platform has returned the run since its submission, in a list or by its id.
    :param submitted_at: when this try submitted the run, in seconds since the epoch; ``None`` if an earlier
        try did.
    """

    snapshot: RunSnapshot
    record: Record
    watch: RunWatch
    url: str
    known: bool
    submitted_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class DurableStart:
    """Starts a run, or finds the run that an earlier try started.

    :param generation: the task's :class:`~.record.Generation` when this try began. A Clear changes the
        generation.
    :param present: reads the task's generation from Airflow again.
    :param deadline: when this try must end, in seconds since the epoch.
    :param defers: whether the task defers after the start, if the run is still active.
    :param new_token: returns a new token for one submission.
    :param has_retry: whether Airflow starts another try if this one fails.
    :param count: counts what happens, for metrics.
    :param log: the task's log.
    """

    launch: Launch
    store: Store
    clock: Clock
    generation: Generation
    present: Callable[[], Generation]
    deadline: float
    defers: bool
    new_token: Callable[[], str]
    has_retry: bool
    count: Callable[[Counter], None]
    log: Log

    def run(self) -> Exchange[Started]:
        """Return the run of an earlier try if it is active or has succeeded, otherwise start a new one.

        :raises AmbiguousSubmitError: if nothing shows which run belongs to this task.
        :raises ApiError: if the platform rejected a request or could not be reached.
        """
        record = self._remembered()
        if record is None:
            return (yield from self._fresh())
        lost = 0 if record.run_id else 1
        if record.is_cleared_by(self.generation):
            yield from self._end_cleared(record, lost)
            return (yield from self._fresh(lost))
        self._check_scope(record)
        # Renew the record before all slow steps. Otherwise a later try could not distinguish a Clear during
        # these steps from an older Clear.
        record = self._renewed(record)
        if not record.run_id:
            found = yield from self._search(record, lost)
            if found is None:
                self.log.warning(
                    "The submission of an earlier try did not reach %s; submitting again",
                    self.launch.id_scope,
                )
                return (yield from self._fresh(lost))
            record = found
        return (yield from self._retried(record))

    def _remembered(self) -> Record | None:
        try:
            return Record.read(self.store.get())
        except ValueError as error:
            raise AmbiguousSubmitError(
                f"{error}; an earlier try may have started a {self.launch.api.noun}: look at the platform, "
                "then clear the task state"
            ) from error

    def _check_scope(self, record: Record) -> None:
        """Reject a run that was started at another host or tenant, because its id is not valid here.

        :raises AmbiguousSubmitError: if the connection has changed.
        """
        noun, id_scope = self.launch.api.noun, self.launch.id_scope
        if record.id_scope != id_scope:
            raise AmbiguousSubmitError(
                f"an earlier try started {noun} {record.run_id} at {record.id_scope}, but the connection "
                f"now leads to {id_scope}; check the old {noun}, then clear this task",
                run_id=record.run_id,
            )

    def _search(
        self, record: Record, lost: int, quiet: float = 0.0, *, is_cleared: bool = False
    ) -> Exchange[Record | None]:
        search = Search(
            launch=self.launch,
            store=self.store,
            clock=self.clock,
            count=self.count,
            log=self.log,
            deadline=self.deadline,
            # After a Clear, do not renew the record. If this try dies, the next try must still see that the
            # record is older than the Clear.
            renewed=(lambda record: record) if is_cleared else self._renewed,
        )
        return search.run(record, lost, quiet)

    def _renewed(self, record: Record) -> Record:
        """Store the record with the task's current generation, and return this record."""
        renewed = replace(record, generation=self.present(), phase=Phase.ON_WORKER)
        if renewed != record:
            self.store.set(renewed.as_json())
        return renewed

    def _earlier(self, record: Record) -> EarlierRun:
        return EarlierRun(
            api=self.launch.api,
            watch=watch_of(self.launch, record),
            confirm=lambda: self.store.set(record.as_json()),
            clock=self.clock,
            deadline=self.deadline,
            count=self.count,
            log=self.log,
        )

    # --- a retry ---------------------------------------------------------------------------------------

    def _retried(self, record: Record) -> Exchange[Started]:
        launch, earlier = self.launch, self._earlier(record)
        noun, run_id, url = launch.api.noun, record.run_id, earlier.url
        differing = changed(record.fingerprint, fingerprint(launch.identity()))
        snapshot = yield from earlier.look()
        # The platform has returned this run before. So the run counts as active even if it is not listed now,
        # unless an earlier wait found that it is lost.
        is_lost = record.lost and snapshot.state is RunState.ABSENT
        active = not snapshot.state.is_final and not is_lost
        if differing:
            self.log.warning(
                "The arguments differ from those of the try before: %s changed. "
                "Use templates that do not depend on the try.",
                ", ".join(differing),
            )
            if active:
                yield from earlier.make_way()
        elif active or snapshot.state in _STANDS:
            self.log.info("The %s %s of an earlier try is %s: %s", noun, run_id, snapshot.state, url)
            if record.lost:
                record = replace(record, lost=False)
                self.store.set(record.as_json())
            record = replace(record, reattached=True)
            self.count(Counter.RUN_REATTACHED)
            return Started(snapshot, record, earlier.watch, url, known=True)
        if is_lost and not launch.not_found_is_final:
            raise AmbiguousSubmitError(
                f"{noun} {run_id} of an earlier try was not found but may still exist; a second {noun} was "
                f"not started: {snapshot.raw_state}",
                run_id=run_id,
                url=url,
            )
        if not differing:
            self.log.warning(
                "The %s %s of an earlier try ended %s%s; starting a new one",
                noun,
                run_id,
                snapshot.state,
                f" ({snapshot.message})" if snapshot.message else "",
            )
        return (yield from self._fresh(gone=record if is_lost else None))

    # --- a Clear ---------------------------------------------------------------------------------------

    def _end_cleared(self, record: Record, lost: int) -> Exchange[None]:
        """Stop the run that was started before the Clear, if the run certainly belongs to this task."""
        launch = self.launch
        if record.id_scope != launch.id_scope:
            self.log.warning(
                "The %s %s, started before the Clear, belongs to %s, but the connection now leads to %s, so "
                "this task does not stop it",
                launch.api.noun,
                record.run_id or "(no id is known)",
                record.id_scope,
                launch.id_scope,
            )
            return
        if not record.run_id:
            # Search for the old run even if it cannot be stopped. Otherwise the platform may list the old run
            # later, and it would look like the run that this try starts.
            try:
                found = yield from self._search(record, lost, is_cleared=True)
            except AmbiguousSubmitError as error:
                self.log.warning(
                    "A %s started before the Clear may still be running: %s", launch.api.noun, error
                )
                return
            if found is None:
                return
            record = found
        yield from self._earlier(record).end_after_clear()

    # --- a submission ----------------------------------------------------------------------------------

    def _fresh(self, lost: int = 0, gone: Record | None = None) -> Exchange[Started]:
        """Start a new run. Submit again only if the last submission certainly did not arrive.

        :param lost: how many submissions of this task got no response so far.
        :param gone: the record of a run that the platform no longer returns; ``None`` without such a run.
        """
        noun = self.launch.api.noun
        for remaining in reversed(range(SUBMISSIONS)):
            launch = yield from self.launch.prepare()
            baseline = yield from launch.record_baseline()
            if gone is not None:
                # The requests above may have taken long. The platform may return the lost run again, so look
                # once more.
                snapshot = yield from self._earlier(gone).look()
                if snapshot.state is not RunState.ABSENT:
                    return (yield from self._retried(gone))
            yield from pause(0.0, self.clock, self.deadline, "nothing was submitted")
            record = Record(
                generation=self.present(),
                phase=Phase.ON_WORKER,
                token=self.new_token(),
                baseline=baseline,
                fingerprint=fingerprint(self.launch.identity()),
                id_scope=launch.id_scope,
            )
            # This write raises an error if a newer try has taken over, or if Airflow is down. Then this try
            # sends nothing.
            self.store.set(record.as_json())
            # If the worker is killed before the response, this is the only log line about the run.
            self.log.info(
                "Submitting the %s to %s. If this log ends here, the %s may be running",
                noun,
                launch.id_scope,
                noun,
            )
            submitted_at = self.clock.wall()
            try:
                snapshot = yield from launch.submit(record.token)
            except (InvalidArgumentError, ConnectionSettingsError):
                yield from self._remove_intent()
                raise
            except ApiError as error:
                if not error.may_have_been_processed:
                    yield from self._remove_intent()
                    if isinstance(error, RateLimitedError) and launch.waits_for_slot:
                        raise error.again_as(SlotsTakenError) from error
                    raise
                self.log.warning("%s; searching for the %s that the submission may have started", error, noun)
                lost += 1
                record = replace(record, timed_out=error.timed_out)
                found = yield from self._search(record, lost, error.retry_after or 0.0)
                if found is not None:
                    watch = watch_of(launch, found)
                    snapshot = yield from watch.look(launch.api)
                    url = watch.url(launch.api)
                    return Started(snapshot, found, watch, url, known=True, submitted_at=submitted_at)
                yield from self._remove_intent()
                if not remaining or isinstance(error, MalformedReplyError) or not is_passing(error):
                    raise
                self.log.warning("No %s was found; submitting again", noun)
            else:
                started = yield from self._remember(record, snapshot)
                return replace(started, submitted_at=submitted_at)
        raise AssertionError("the last submission returns or raises")

    def _remove_intent(self) -> Exchange[None]:
        return removed(self.store, self.launch.api.noun, self.clock, self.deadline, self.log)

    def _remember(self, record: Record, snapshot: RunSnapshot) -> Exchange[Started]:
        """Store the id of the new run. If Airflow does not store it, stop the run, or log the run's link."""
        api, noun, run_id = self.launch.api, self.launch.api.noun, snapshot.run_id
        watch = self.launch.watch(run_id, record.token)
        url = watch.url(api)
        self.log.info("Started %s %s: %s", noun, run_id, url)
        self.count(Counter.RUN_STARTED)
        record = replace(record, run_id=run_id)
        if self.defers and not snapshot.state.is_final:
            # Store this in the same request, because the task defers as soon as it has read the run once.
            record = replace(record, phase=Phase.DEFERRED, deadline=self.deadline)
        try:
            self.store.set(record.as_json())
        except Exception:
            if is_superseded(self.store):
                self.log.warning(
                    "A newer try has taken over and searches for the %s %s; this try does not stop it: %s",
                    noun,
                    run_id,
                    url,
                )
            elif self.has_retry:
                # Airflow may be down. But the record of the submission is stored, so the retry will find the
                # run.
                self.log.warning(
                    "Airflow did not store the %s %s; the retry will search for it: %s", noun, run_id, url
                )
            elif watch.cancel_on_kill:
                self.log.warning("Airflow did not store the %s %s; stopping it", noun, run_id)
                yield from watch.cancel(api)
            else:
                self.log.warning("Airflow did not store the %s %s; it keeps running: %s", noun, run_id, url)
            raise
        return Started(snapshot, record, watch, url, known=False)
