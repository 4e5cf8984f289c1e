"""Starting a run exactly once, whatever happened to the tries before.

One generator, with store, clock and platform as arguments: the tests walk it through every point at which a
worker can die. It runs on a worker, before anything is waited for.

    mark -> intent stored -> submit -> id stored
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.core.retry import is_passing
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    ApiError,
    MalformedReplyError,
    NotFoundError,
    RateLimitedError,
    SlotsTakenError,
)
from airflow_provider_dataops.lifecycle.progress import ABSENT_POLLS, ABSENT_SECONDS, Verdict, WaitProgress
from airflow_provider_dataops.lifecycle.record import (
    Adopted,
    Generation,
    Phase,
    Record,
    Store,
    changed,
    fingerprint,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Launch
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.log import Log

#: How often a submission is sent in one try of a task, when each time it is proven not to have arrived.
SUBMISSIONS = 3
#: Seconds to wait for a run of ours that was told to stop, before the next one is started.
STOP_SECONDS = 120.0
_LOOK_AGAIN = 5.0
#: Ended runs that a retry takes as its own.
_STANDS = frozenset({RunState.SUCCEEDED, RunState.UNTRACKED})


@dataclass(frozen=True)
class Started:
    """The run that this task stands for.

    :param fresh: False where it was started by an earlier try.
    """

    snapshot: RunSnapshot
    record: Record
    fresh: bool


@dataclass(frozen=True, kw_only=True)
class DurableStart:
    """What is needed to start a run, or to find the one that was started.

    :param generation: the task's, now.
    :param new_token: makes a token for one submission.
    :param cancels: stop a run of ours that nobody waits for any more, where the platform can.
    :param log: the task's log.
    """

    launch: Launch
    store: Store
    clock: Clock
    generation: Generation
    new_token: Callable[[], str]
    log: Log
    cancels: bool = True

    def run(self) -> Exchange[Started]:
        """Return the run of an earlier try if it still stands for this task, otherwise a new one.

        :raises AmbiguousSubmitError: if it cannot be told which run is ours.
        :raises ApiError: if the platform refused, or could not be asked.
        """
        record = self._remembered()
        if record is None:
            return (yield from self._fresh())
        if record.is_cleared_by(self.generation):
            yield from self._end_cleared(record)
            return (yield from self._fresh())
        self._check_realm(record)
        if not record.run_id:
            found = yield from self._resolved(record)
            if found is None:
                self.log.warning(
                    "The submission of an earlier try never reached %s; submitting", self.launch.id_scope
                )
                return (yield from self._fresh())
            record = found
        return (yield from self._retried(record))

    def _remembered(self) -> Record | None:
        try:
            return Record.from_json(self.store.get())
        except ValueError as error:
            raise AmbiguousSubmitError(
                f"{error}; an earlier try may have started a {self.launch.noun}: look at the platform, "
                "then clear the task state"
            ) from error

    def _check_realm(self, record: Record) -> None:
        """Refuse to look for a run at another place than where it was started; its id means nothing there."""
        launch = self.launch
        if record.id_scope != launch.id_scope:
            raise AmbiguousSubmitError(
                f"an earlier try started {launch.noun} {record.run_id} at {record.id_scope}, the connection "
                f"now leads to {launch.id_scope}; look after the old {launch.noun}, then clear this task",
                run_id=record.run_id,
            )

    # --- a retry ---------------------------------------------------------------------------------------

    def _retried(self, record: Record) -> Exchange[Started]:
        launch, run_id = self.launch.earlier(record.mark), record.run_id
        differing = changed(record.fingerprint, fingerprint(self.launch.identity()))
        snapshot = yield from self._look(launch, run_id)
        active = not snapshot.state.is_final and snapshot.state is not RunState.ABSENT
        stands = active or snapshot.state in _STANDS
        if differing:
            self.log.warning(
                "This try asks for something else than the one before: %s changed. "
                "Use templates that do not depend on the try.",
                ", ".join(differing),
            )
            if active:
                yield from self._make_way(launch, record)
            return (yield from self._fresh())
        if stands:
            self.log.info(
                "The %s %s of an earlier try is %s: %s",
                launch.noun,
                run_id,
                snapshot.state,
                launch.url(run_id),
            )
            record = replace(record, generation=self.generation, phase=Phase.ON_WORKER)
            self.store.set(record.as_json())
            return Started(snapshot, record, fresh=False)
        if snapshot.state is RunState.ABSENT and not launch.not_found_is_final:
            raise AmbiguousSubmitError(
                f"{launch.noun} {run_id} of an earlier try is not known, which proves nothing here; a second "
                f"{launch.noun} was not started: {snapshot.raw_state}",
                run_id=run_id,
                url=launch.url(run_id),
            )
        self.log.warning(
            "The %s %s of an earlier try ended %s%s; starting a new one",
            launch.noun,
            run_id,
            snapshot.state,
            f" ({snapshot.message})" if snapshot.message else "",
        )
        return (yield from self._fresh())

    def _look(self, launch: Launch, run_id: str) -> Exchange[RunSnapshot]:
        """Return the run as it is; one answer that lacks it is not believed."""
        tracker = WaitProgress(self.clock.monotonic())
        while True:
            try:
                snapshot = yield from launch.look(run_id)
            except ApiError:
                self.log.warning(
                    "The %s %s of an earlier try cannot be asked about and may go on: %s",
                    launch.noun,
                    run_id,
                    launch.url(run_id),
                )
                raise
            if tracker.saw(snapshot, self.clock.monotonic()) is Verdict.LOST:
                return snapshot
            if snapshot.state is not RunState.ABSENT:
                return snapshot
            yield Pause(ABSENT_SECONDS / ABSENT_POLLS)

    def _may_stop(self, record: Record) -> bool:
        """Tell whether the run is stopped from here: never one that was only guessed to be ours."""
        return self.cancels and self.launch.can_stop and record.adopted is not Adopted.GUESSED

    def _make_way(self, launch: Launch, record: Record) -> Exchange[None]:
        run_id = record.run_id
        if not self._may_stop(record):
            raise AmbiguousSubmitError(
                f"an earlier try started {launch.noun} {run_id} with other arguments, it is still active and "
                f"is not stopped from here; a second {launch.noun} was not started",
                run_id=run_id,
                url=launch.url(run_id),
            )
        yield from self._stopped(launch, run_id)

    # --- a Clear ---------------------------------------------------------------------------------------

    def _end_cleared(self, record: Record) -> Exchange[None]:
        """Stop the run of before the Clear, where it is ours beyond doubt."""
        launch = self.launch
        if record.id_scope != launch.id_scope:
            self.log.warning(
                "The %s %s of before the Clear is at %s, the connection now leads to %s: it is left alone",
                launch.noun,
                record.run_id or "(no id is known)",
                record.id_scope,
                launch.id_scope,
            )
            return
        if not record.run_id:
            # Not only to name it: listed later, it would pass for the run that is started now.
            try:
                found = yield from self._resolved(record)
            except AmbiguousSubmitError as error:
                self.log.warning("Of before the Clear a %s may be left running: %s", launch.noun, error)
                return
            if found is None:
                return
            record = found
        launch, run_id = launch.earlier(record.mark), record.run_id
        snapshot = yield from self._look(launch, run_id)
        ended = snapshot.state.is_final and snapshot.state is not RunState.UNTRACKED
        if ended or snapshot.state is RunState.ABSENT:
            return
        if not self._may_stop(record):
            self.log.warning(
                "The %s %s of before the Clear goes on, it is not stopped from here: %s",
                launch.noun,
                run_id,
                launch.url(run_id),
            )
            return
        yield from self._stopped(launch, run_id)

    def _stopped(self, launch: Launch, run_id: str) -> Exchange[None]:
        self.log.warning("Stopping the %s %s: %s", launch.noun, run_id, launch.url(run_id))
        try:
            yield from launch.stop(run_id)
        except NotFoundError:
            return
        until = self.clock.monotonic() + STOP_SECONDS
        while self.clock.monotonic() < until:
            snapshot = yield from launch.look(run_id)
            if snapshot.state.is_final or snapshot.state is RunState.ABSENT:
                return
            yield Pause(_LOOK_AGAIN)
        self.log.warning("The %s %s is still winding down", launch.noun, run_id)

    # --- a submission ----------------------------------------------------------------------------------

    def _fresh(self) -> Exchange[Started]:
        for left in reversed(range(SUBMISSIONS)):
            mark = yield from self.launch.mark()
            record = Record(
                generation=self.generation,
                phase=Phase.ON_WORKER,
                token=self.new_token(),
                mark=mark,
                fingerprint=fingerprint(self.launch.identity()),
                id_scope=self.launch.id_scope,
                intent_at=self.clock.wall(),
            )
            # If this fails, a newer try has taken over, or nothing could be remembered: nothing is sent.
            self.store.set(record.as_json())
            try:
                snapshot = yield from self.launch.submit(record.token)
            except ApiError as error:
                if not error.may_have_been_processed:
                    self.store.delete()
                    if isinstance(error, RateLimitedError) and self.launch.waits_for_slot:
                        raise SlotsTakenError(error.message, **error.context) from error
                    raise
                self.log.warning("%s; looking whether the %s was started", error, self.launch.noun)
                if error.retry_after:
                    yield Pause(error.retry_after)
                found = yield from self._resolved(record)
                if found is not None:
                    snapshot = yield from self.launch.look(found.run_id)
                    return Started(snapshot, found, fresh=True)
                self.store.delete()
                if not left or isinstance(error, MalformedReplyError) or not is_passing(error):
                    raise
                self.log.warning("No %s was found; submitting again", self.launch.noun)
            else:
                return (yield from self._remember(record, snapshot))
        raise AssertionError("the last submission returns or raises")

    def _remember(self, record: Record, snapshot: RunSnapshot) -> Exchange[Started]:
        """Store the id of the run that was started; one that cannot be remembered is not left unseen."""
        launch, run_id = self.launch, snapshot.run_id
        self.log.info("Started %s %s: %s", launch.noun, run_id, launch.url(run_id))
        record = replace(record, run_id=run_id)
        try:
            self.store.set(record.as_json())
        except Exception:
            if self._may_stop(record):
                self.log.warning("The %s %s cannot be remembered; stopping it", launch.noun, run_id)
                yield from launch.stop(run_id)
            else:
                url = launch.url(run_id)
                self.log.warning("The %s %s cannot be remembered and goes on: %s", launch.noun, run_id, url)
            raise
        return Started(snapshot, record, fresh=True)

    def _resolved(self, record: Record) -> Exchange[Record | None]:
        """Return the record with the id of the run whose submission got no answer, if there is one.

        Without a token the one new run may be somebody else's while ours is not listed yet, so the listing is
        believed only after the settle time, in both cases. That counts from now, not from the intent: the
        request may have been under way until a moment ago.
        """
        launch = self.launch.earlier(record.mark)
        settle = max(launch.listing_delay, launch.api.settings.request_timeout)
        began = self.clock.monotonic()
        while True:
            waited = self.clock.monotonic() - began
            candidates = yield from launch.find_candidates(record.mark, record.token)
            settled = waited >= settle
            if len(candidates) > 1:
                self._refuse_to_guess(candidates)
            if candidates and (settled or launch.exact):
                adopted = Adopted.EXACT if launch.exact else Adopted.GUESSED
                found = replace(record, run_id=candidates[0].run_id, adopted=adopted)
                self.store.set(found.as_json())
                self.log.warning(
                    "Adopted %s %s (%s) for the submission that got no answer: %s",
                    launch.noun,
                    found.run_id,
                    "its token is ours" if launch.exact else "the only new one; a guess",
                    launch.url(found.run_id),
                )
                return found
            if settled:
                return None
            yield Pause(min(_LOOK_AGAIN, settle - waited))

    def _refuse_to_guess(self, candidates: list[RunSnapshot]) -> NoReturn:
        launch = self.launch
        ids = ", ".join(c.run_id for c in candidates)
        raise AmbiguousSubmitError(
            f"a submission got no answer and {len(candidates)} {launch.noun}s began since then ({ids}); "
            f"which one is ours cannot be told. Look at them, then clear the task. A pool of one slot for "
            f"this kind of task keeps submissions apart",
            run_id=candidates[0].run_id,
            url=launch.url(candidates[0].run_id),
        )
