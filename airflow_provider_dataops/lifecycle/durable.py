"""Starting a run exactly once, whatever happened to the tries before.

One generator, with store, clock and platform as arguments: the tests walk it through every point at which a
worker can die. It runs on a worker, before anything is waited for.

    baseline -> intent stored -> submit -> id stored
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.retry import is_passing
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    ApiError,
    ConnectionSettingsError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    RateLimitedError,
    RunTimeoutError,
    SlotsTakenError,
)
from airflow_provider_dataops.lifecycle.deadlines import pause
from airflow_provider_dataops.lifecycle.progress import ABSENT_POLLS, ABSENT_SECONDS, Verdict, WaitProgress
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
from airflow_provider_dataops.lifecycle.wait import look_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.watch import RunWatch

#: How often a submission is sent in one try of a task, when each time it is proven not to have arrived.
SUBMISSIONS = 3
#: Seconds to wait for a run of ours to stop before the next one is started.
STOP_SECONDS = 120.0
_LOOK_AGAIN = 5.0
#: Ended runs that a retry takes as its own.
_STANDS = frozenset({RunState.SUCCEEDED, RunState.UNTRACKED})


@dataclass(frozen=True)
class Started:
    """The run that this task stands for.

    :param watch: how to wait for it.
    :param url: where a person can look at it.
    :param fresh: False where it was started by an earlier try.
    """

    snapshot: RunSnapshot
    record: Record
    watch: RunWatch
    url: str
    fresh: bool


@dataclass(frozen=True, kw_only=True)
class DurableStart:
    """What is needed to start a run, or to find the one that was started.

    :param generation: the task's when this try began.
    :param present: returns the task's generation now.
    :param deadline: when the time allowed for the run is over in this try, seconds since the epoch.
    :param new_token: makes a token for one submission.
    :param has_retry: whether Airflow starts another try if this one fails.
    :param log: the task's log.
    """

    launch: Launch
    store: Store
    clock: Clock
    generation: Generation
    present: Callable[[], Generation]
    deadline: float
    new_token: Callable[[], str]
    has_retry: bool
    log: Log

    def run(self) -> Exchange[Started]:
        """Return the run of an earlier try if it still stands for this task, otherwise a new one.

        :raises AmbiguousSubmitError: if nothing shows which run is ours.
        :raises ApiError: if the platform refused, or could not be asked.
        """
        record = self._remembered()
        if record is None:
            return (yield from self._fresh())
        lost = 0 if record.run_id else 1
        if record.is_cleared_by(self.generation):
            yield from self._end_cleared(record, lost)
            return (yield from self._fresh(lost))
        self._check_scope(record)
        # Before all that takes time: from now on this try is the one that a Clear would end.
        record = self._renewed(record)
        if not record.run_id:
            found = yield from self._search(record, lost)
            if found is None:
                self.log.warning(
                    "The submission of an earlier try never reached %s; submitting", self.launch.id_scope
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
        """Refuse to look for a run at another place than where it was started; its id means nothing there."""
        noun, id_scope = self.launch.api.noun, self.launch.id_scope
        if record.id_scope != id_scope:
            raise AmbiguousSubmitError(
                f"an earlier try started {noun} {record.run_id} at {record.id_scope}, the connection "
                f"now leads to {id_scope}; look after the old {noun}, then clear this task",
                run_id=record.run_id,
            )

    def _search(
        self, record: Record, lost: int, quiet: float = 0.0, *, is_cleared: bool = False
    ) -> Exchange[Record | None]:
        search = Search(
            launch=self.launch,
            store=self.store,
            clock=self.clock,
            log=self.log,
            deadline=self.deadline,
            # If this try dies, the next one must still see that the record is older than the Clear.
            renewed=(lambda record: record) if is_cleared else self._renewed,
        )
        return search.run(record, lost, quiet)

    def _renewed(self, record: Record) -> Record:
        """Return the record with the task's generation now, stored."""
        renewed = replace(record, generation=self.present(), phase=Phase.ON_WORKER)
        if renewed != record:
            self.store.set(renewed.as_json())
        return renewed

    def _pause(self, seconds: float, otherwise: str) -> Exchange[None]:
        return pause(seconds, self.clock, self.deadline, otherwise)

    # --- a retry ---------------------------------------------------------------------------------------

    def _retried(self, record: Record) -> Exchange[Started]:
        launch, watch = self.launch, watch_of(self.launch, record)
        noun, run_id, url = launch.api.noun, record.run_id, watch.url(launch.api)
        differing = changed(record.fingerprint, fingerprint(launch.identity()))
        snapshot = yield from self._look(watch)
        # The platform reported the id, so it has the run, until a wait has found that it is lost.
        is_lost = record.lost and snapshot.state is RunState.ABSENT
        active = not snapshot.state.is_final and not is_lost
        if differing:
            self.log.warning(
                "This try asks for something else than the one before: %s changed. "
                "Use templates that do not depend on the try.",
                ", ".join(differing),
            )
            if active:
                yield from self._make_way(record, watch)
            return (yield from self._fresh())
        if active or snapshot.state in _STANDS:
            self.log.info("The %s %s of an earlier try is %s: %s", noun, run_id, snapshot.state, url)
            if record.lost:
                record = replace(record, lost=False)
                self.store.set(record.as_json())
            return Started(snapshot, record, watch, url, fresh=False)
        if is_lost and not launch.not_found_is_final:
            raise AmbiguousSubmitError(
                f"{noun} {run_id} of an earlier try is not known, which proves nothing here; a second "
                f"{noun} was not started: {snapshot.raw_state}",
                run_id=run_id,
                url=url,
            )
        self.log.warning(
            "The %s %s of an earlier try ended %s%s; starting a new one",
            noun,
            run_id,
            snapshot.state,
            f" ({snapshot.message})" if snapshot.message else "",
        )
        return (yield from self._fresh())

    def _look(self, watch: RunWatch) -> Exchange[RunSnapshot]:
        """Return the run as it is; absent if the platform does not list it."""
        api, run = self.launch.api, f"{self.launch.api.noun} {watch.run_id}"
        try:
            return (yield from look_once(lambda: watch.look(api), run, self.clock, self.deadline, self.log))
        except (ApiError, RunTimeoutError):
            self.log.warning(
                "The %s of an earlier try cannot be asked about and may go on: %s", run, watch.url(api)
            )
            raise

    def _look_well(self, watch: RunWatch) -> Exchange[RunSnapshot]:
        """Return the run as it is; one response that lacks it is not believed."""
        progress = WaitProgress(self.clock.monotonic())
        while True:
            snapshot = yield from self._look(watch)
            lost = progress.saw(snapshot, self.clock.monotonic()) is Verdict.LOST
            if lost or snapshot.state is not RunState.ABSENT:
                return snapshot
            if progress.absences == 1:
                self.log.info(
                    "The %s %s, started before the Clear, is not listed; looking again for %.0f s",
                    self.launch.api.noun,
                    watch.run_id,
                    ABSENT_SECONDS,
                )
            yield from self._pause(
                ABSENT_SECONDS / ABSENT_POLLS, f"{self.launch.api.noun} {watch.run_id} is not listed"
            )

    def _make_way(self, record: Record, watch: RunWatch) -> Exchange[None]:
        noun = self.launch.api.noun
        if not watch.cancel_on_kill:
            raise AmbiguousSubmitError(
                f"an earlier try started {noun} {watch.run_id} with other arguments, it may still be active "
                f"and is not stopped from here; a second {noun} was not started",
                run_id=watch.run_id,
                url=watch.url(self.launch.api),
            )
        try:
            yield from self._stopped(record, watch)
        except NotFoundError as error:
            raise AmbiguousSubmitError(
                f"an earlier try started {noun} {watch.run_id} with other arguments, which is not known now, "
                f"and that does not prove that it has ended; a second {noun} was not started: {error.body}",
                run_id=watch.run_id,
                url=watch.url(self.launch.api),
            ) from error

    # --- a Clear ---------------------------------------------------------------------------------------

    def _end_cleared(self, record: Record, lost: int) -> Exchange[None]:
        """Stop the run that was started before the Clear, if it is certainly ours."""
        launch = self.launch
        if record.id_scope != launch.id_scope:
            self.log.warning(
                "The %s %s, started before the Clear, is left alone at %s: the connection now leads to %s",
                launch.api.noun,
                record.run_id or "(no id is known)",
                record.id_scope,
                launch.id_scope,
            )
            return
        if not record.run_id:
            # Not only to name it: listed later, it would pass for the run that is started now.
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
        watch = watch_of(launch, record)
        snapshot = yield from self._look_well(watch)
        if snapshot.state.is_final and snapshot.state is not RunState.UNTRACKED:
            return
        if snapshot.state is RunState.ABSENT:
            self._warn_of_unknown(watch)
            return
        if not watch.cancel_on_kill:
            self.log.warning(
                "The %s %s, started before the Clear, goes on and is not stopped from here: %s",
                launch.api.noun,
                watch.run_id,
                watch.url(launch.api),
            )
            return
        try:
            yield from self._stopped(record, watch)
        except NotFoundError:
            self._warn_of_unknown(watch)

    def _warn_of_unknown(self, watch: RunWatch) -> None:
        """Name a run that the platform does not know: a list without it proves nothing yet."""
        self.log.warning(
            "The %s %s, started before the Clear, is not known to %s and is not stopped; it may go on: %s",
            self.launch.api.noun,
            watch.run_id,
            self.launch.api.platform,
            watch.url(self.launch.api),
        )

    def _stopped(self, record: Record, watch: RunWatch) -> Exchange[None]:
        """Stop a run and wait until it has ended.

        :raises NotFoundError: if the platform does not know the run.
        """
        # If this fails, a newer try has taken over, and may be waiting for the run.
        self.store.set(record.as_json())
        api, noun, run_id = self.launch.api, self.launch.api.noun, watch.run_id
        self.log.warning(
            "Stopping the %s %s, and waiting up to %.0f s for its end: %s",
            noun,
            run_id,
            STOP_SECONDS,
            watch.url(api),
        )
        yield from watch.cancel(api)
        until = self.clock.monotonic() + STOP_SECONDS
        while self.clock.monotonic() < until:
            snapshot = yield from watch.look(api)
            if snapshot.state.is_final or snapshot.state is RunState.ABSENT:
                return
            yield from self._pause(_LOOK_AGAIN, f"{noun} {run_id} is still winding down")
        self.log.warning("The %s %s is still winding down", noun, run_id)

    # --- a submission ----------------------------------------------------------------------------------

    def _fresh(self, lost: int = 0) -> Exchange[Started]:
        """Submit, again only where the submission before is proven not to have arrived.

        :param lost: how many submissions of this task got no response so far.
        """
        noun = self.launch.api.noun
        for remaining in reversed(range(SUBMISSIONS)):
            launch = yield from self.launch.prepare()
            baseline = yield from launch.record_baseline()
            yield from self._pause(0.0, "nothing was submitted")
            record = Record(
                generation=self.present(),
                phase=Phase.ON_WORKER,
                token=self.new_token(),
                baseline=baseline,
                fingerprint=fingerprint(self.launch.identity()),
                id_scope=launch.id_scope,
            )
            # If this fails, a newer try has taken over, or nothing could be remembered: nothing is sent.
            self.store.set(record.as_json())
            # Whoever is killed before the response leaves no other line about the run.
            self.log.info(
                "Submitting the %s to %s. If this log ends here, it may be running", noun, launch.id_scope
            )
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
                self.log.warning("%s; looking whether the %s was started", error, noun)
                lost += 1
                record = replace(record, timed_out=error.timed_out)
                found = yield from self._search(record, lost, error.retry_after or 0.0)
                if found is not None:
                    watch = watch_of(launch, found)
                    snapshot = yield from watch.look(launch.api)
                    return Started(snapshot, found, watch, watch.url(launch.api), fresh=True)
                yield from self._remove_intent()
                if not remaining or isinstance(error, MalformedReplyError) or not is_passing(error):
                    raise
                self.log.warning("No %s was found; submitting again", noun)
            else:
                return (yield from self._remember(record, snapshot))
        raise AssertionError("the last submission returns or raises")

    def _remove_intent(self) -> Exchange[None]:
        return removed(self.store, self.launch.api.noun, self.clock, self.deadline, self.log)

    def _remember(self, record: Record, snapshot: RunSnapshot) -> Exchange[Started]:
        """Store the id of the run that was started; one that cannot be remembered is not left unseen."""
        api, noun, run_id = self.launch.api, self.launch.api.noun, snapshot.run_id
        watch = self.launch.watch(run_id, record.token)
        url = watch.url(api)
        self.log.info("Started %s %s: %s", noun, run_id, url)
        record = replace(record, run_id=run_id)
        try:
            self.store.set(record.as_json())
        except Exception:
            if is_superseded(self.store):
                self.log.warning(
                    "A newer try has taken over and looks for the %s %s, which is left to it: %s",
                    noun,
                    run_id,
                    url,
                )
            elif self.has_retry:
                # The intent is stored. An outage of the API server must not cost a run.
                self.log.warning(
                    "The %s %s cannot be remembered; it is left to the retry: %s", noun, run_id, url
                )
            elif watch.cancel_on_kill:
                self.log.warning("The %s %s cannot be remembered; stopping it", noun, run_id)
                yield from watch.cancel(api)
            else:
                self.log.warning("The %s %s cannot be remembered and goes on: %s", noun, run_id, url)
            raise
        return Started(snapshot, record, watch, url, fresh=True)
