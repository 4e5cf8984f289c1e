"""Finding the run whose submission got no response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    ApiError,
    IncompleteListError,
    RunTimeoutError,
)
from airflow_provider_dataops.lifecycle.deadlines import pause
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress, failure_pause
from airflow_provider_dataops.lifecycle.record import Adopted, Record, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.watch import RunWatch

_LOOK_AGAIN = 5.0
#: A search that goes on says so after so many seconds.
_SAY_AGAIN = 30.0


def watch_of(launch: Launch, record: Record) -> RunWatch:
    """Return how to wait for the run of a record. A run that is only a guess is never cancelled."""
    watch = launch.earlier(record.baseline).watch(record.run_id, record.token)
    if record.adopted is Adopted.GUESSED:
        watch.cancel_on_kill = False
    return watch


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search for the run of a submission, by what existed before it.

    Each step of it is stored, so that the next try goes on with it: when a list without the run begins to
    count, and which runs were seen. A run that one look has shown stays a candidate.

    :param deadline: when the time allowed for the run is over in this try, seconds since the epoch.
    :param renewed: returns the record with the task's generation now; it stores it, too.
    """

    launch: Launch
    store: Store
    clock: Clock
    log: Log
    deadline: float
    renewed: Callable[[Record], Record]

    def run(self, record: Record, lost: int, quiet: float = 0.0) -> Exchange[Record | None]:
        """Return the record with the id of the run whose submission got no response, if there is one.

        Whatever ends the search before that is known, a kill among it, the log says that there may be a run.

        :param lost: how many submissions of this task got no response so far.
        :param quiet: seconds for which the server asked to be left alone.
        :raises RunTimeoutError: at the deadline.
        """
        try:
            return (yield from self._found(record, lost, quiet))
        except (AmbiguousSubmitError, RunTimeoutError):
            # They say so themselves.
            raise
        except BaseException:
            self.log.warning(
                "The search for the %s of the submission ended early. It may be running at %s",
                self.launch.api.noun,
                self.launch.id_scope,
            )
            raise

    def _found(self, record: Record, lost: int, quiet: float) -> Exchange[Record | None]:
        """Search, and store each step.

        Without a token the one new run may be somebody else's while ours is not listed yet. So "one" and
        "none" count only after the listing delay. That counts from the start of the search, not from the
        intent: the request may have been under way until then.
        """
        launch = self.launch.earlier(record.baseline)
        if not launch.lists_runs and not (launch.resubmits and lost == 1):
            self._refuse_to_resubmit(launch)
        delay = self._delay(launch, record)
        if record.search_until:
            # Another machine's clock, or a clock that was set meanwhile, makes it no longer.
            delay = min(delay, max(0.0, record.search_until - self.clock.wall()))
        else:
            record = self._kept(replace(record, search_until=self.clock.wall() + delay))
        now = self.clock.monotonic()
        settled_at, say_at = now + delay, now + _SAY_AGAIN
        self._announce(launch, max(delay, quiet), quiet)
        yield from self._pause(quiet, launch)
        progress = WaitProgress(self.clock.monotonic())
        while True:
            now = self.clock.monotonic()
            settled = now >= settled_at
            record = self.renewed(record)
            try:
                record = yield from self._seen(launch, record)
            except ApiError as error:
                if settled and isinstance(error, IncompleteListError):
                    self._refuse_to_guess_unseen(launch, error)
                # A failed look shows nothing, neither a run nor that there is none.
                if progress.failed(error, self.clock.monotonic()) is not Verdict.WAIT:
                    raise
                again = failure_pause(progress.failures, error, self.clock.random())
                self.log.warning("%s; looking again for the %s in %.0f s", error, launch.api.noun, again)
                yield from self._pause(again, launch)
                continue
            progress.answered(now, self.log)
            if settled and len(record.candidates) > 1:
                # Only now: ours may be listed after those of others, and is to be named.
                self._refuse_to_guess(launch, record.candidates)
            if record.candidates and (settled or launch.exact):
                return self._adopted(record)
            if settled:
                if record.timed_out and not launch.not_found_is_final:
                    self._refuse_after_timeout(launch, self._delay(launch, record))
                return None
            remaining = max(0.0, settled_at - self.clock.monotonic())
            if now >= say_at and launch.lists_runs:
                say_at = now + _SAY_AGAIN
                seen = f"{record.candidates[0]} may be it" if record.candidates else "none was seen so far"
                self.log.info("Still looking for the %s for %.0f s: %s", launch.api.noun, remaining, seen)
            yield from self._pause(min(_LOOK_AGAIN, remaining), launch)

    def _announce(self, launch: Launch, seconds: float, quiet: float) -> None:
        """Log what is looked for, and for how long."""
        api = launch.api
        if not launch.lists_runs:
            self.log.info(
                "A submission to %s got no response, and %s lists no %ss; nothing is submitted for %.0f s",
                self.launch.id_scope,
                api.platform,
                api.noun,
                seconds,
            )
            return
        asked = f"; {api.platform} asked to be left alone for the first {quiet:.0f} s" if quiet else ""
        self.log.info(
            "Looking for the %s of a submission to %s that got no response, for %.0f s at least%s",
            api.noun,
            self.launch.id_scope,
            seconds,
            asked,
        )

    @staticmethod
    def _delay(launch: Launch, record: Record) -> float:
        """Return the seconds after which a run that was really started is sure to be listed."""
        settings = launch.api.settings
        if not launch.lists_runs:
            return settings.request_timeout
        listing_delay = settings.listing_delay or launch.listing_delay
        if record.timed_out:
            timeout_delay = settings.timeout_delay or launch.timeout_delay
            return max(settings.request_timeout, 2 * listing_delay, timeout_delay)
        return max(settings.request_timeout, listing_delay)

    def _seen(self, launch: Launch, record: Record) -> Exchange[Record]:
        """Return the record with the candidates that are listed now, beside those that were."""
        if not launch.lists_runs:
            return record
        listed = yield from launch.find_candidates(record.baseline, record.token)
        new = [run.run_id for run in listed if run.run_id not in record.candidates]
        return self._kept(replace(record, candidates=(*record.candidates, *new))) if new else record

    def _kept(self, record: Record) -> Record:
        self.store.set(record.as_json())
        return record

    def _pause(self, seconds: float, launch: Launch) -> Exchange[None]:
        noun = launch.api.noun
        return pause(
            seconds,
            self.clock,
            self.deadline,
            f"whether the submission started a {noun} is not known yet; the next try goes on looking for it",
        )

    def _adopted(self, record: Record) -> Record:
        launch, run_id = self.launch, record.candidates[0]
        adopted = Adopted.EXACT if launch.exact else Adopted.GUESSED
        found = self._kept(replace(record, run_id=run_id, adopted=adopted))
        self.log.warning(
            "Adopted %s %s (%s) for the submission that got no answer: %s",
            launch.api.noun,
            run_id,
            "its token is ours" if launch.exact else "the only new one; a guess",
            watch_of(launch, found).url(launch.api),
        )
        return found

    def _refuse_to_resubmit(self, launch: Launch) -> NoReturn:
        platform, noun = launch.api.platform, launch.api.noun
        raise AmbiguousSubmitError(
            f"the submission got no answer and {platform} lists no {noun}s: the {noun} may be running. Look "
            f"at {platform}, then clear the task to start it again; or give on_ambiguous_submit='resubmit', "
            f"where a second {noun} does no harm, to have it started again once",
            url=launch.watch("").url(launch.api),
        )

    def _refuse_after_timeout(self, launch: Launch, waited: float) -> NoReturn:
        noun = launch.api.noun
        raise AmbiguousSubmitError(
            f"the submission timed out and no {noun} of it was listed within {waited:.0f} s, which proves "
            f"nothing here: it may begin later. A second {noun} was not started. Look at "
            f"{launch.api.platform}, then clear the task to start it again",
            url=launch.watch("").url(launch.api),
        )

    def _refuse_to_guess(self, launch: Launch, ids: Sequence[str]) -> NoReturn:
        raise AmbiguousSubmitError(
            f"a submission got no answer and {len(ids)} {launch.api.noun}s began since then "
            f"({', '.join(ids)}); nothing shows which one is ours. Look at them, then clear the task. "
            f"A pool of one slot for this kind of task keeps submissions apart",
            run_id=ids[0],
            url=launch.watch(ids[0]).url(launch.api),
        )

    def _refuse_to_guess_unseen(self, launch: Launch, error: ApiError) -> NoReturn:
        noun = launch.api.noun
        raise AmbiguousSubmitError(
            f"a submission got no answer, and nothing shows whether it started a {noun}: {error}. A second "
            f"{noun} was not started. Look at {launch.api.platform}, then clear the task to start it again",
            url=launch.watch("").url(launch.api),
        ) from error
