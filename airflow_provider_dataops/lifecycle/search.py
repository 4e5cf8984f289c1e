"""Find the run whose submission got no response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_dataops.core.metrics import Counter
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
    from collections.abc import Callable

    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.watch import RunWatch

_LOOK_AGAIN = 5.0
#: How many seconds pass between two log lines about the progress of a search.
_SAY_AGAIN = 30.0


def watch_of(launch: Launch, record: Record) -> RunWatch:
    """Return the watch for the run of a record. If the search guessed the run, the task must not stop it."""
    watch = launch.earlier(record.baseline).watch(record.run_id, record.token)
    if record.adopted is Adopted.GUESSED:
        watch.cancel_on_kill = False
    return watch


@dataclass(frozen=True, kw_only=True)
class Search:
    """Searches for the run of a submission. The list before the submission did not contain this run.

    Each step of the search is stored in the record, so the next try can continue the search. The record
    contains the new runs that were seen, and the time at which the search ends. If no new run was listed by
    that time, the submission started no run. A run that was listed once stays a candidate.

    :param deadline: when this try must end, in seconds since the epoch.
    :param count: counts what happens, for metrics.
    :param renewed: stores the record with the task's current generation, and returns this record.
    """

    launch: Launch
    store: Store
    clock: Clock
    count: Callable[[Counter], None]
    log: Log
    deadline: float
    renewed: Callable[[Record], Record]

    def run(self, record: Record, lost: int, quiet: float = 0.0) -> Exchange[Record | None]:
        """Return the record with the run's id; ``None`` if the submission started no run.

        If the search ends early, for example because the task is killed, the log says that a run may exist.

        :param lost: how many submissions of this task got no response so far.
        :param quiet: the search begins after this many seconds, because of the server's ``Retry-After``.
        :raises AmbiguousSubmitError: if nothing shows which run the submission started.
        :raises RunTimeoutError: if the deadline comes before the end of the search.
        """
        try:
            return (yield from self._found(record, lost, quiet))
        except (AmbiguousSubmitError, RunTimeoutError):
            # The messages of these errors already say that a run may exist.
            raise
        except BaseException:
            self.log.warning(
                "The search ended early. The %s of the submission may be running at %s",
                self.launch.api.noun,
                self.launch.id_scope,
            )
            raise

    def _found(self, record: Record, lost: int, quiet: float) -> Exchange[Record | None]:
        """Search, and store each step.

        Without a token, the only new run in the list may belong to someone else, and the run of this task
        may appear later. So the search decides only after the listing delay. The delay begins when the
        search begins, because the platform may have received the submission just before.
        """
        launch = self.launch.earlier(record.baseline)
        if not launch.lists_runs and not (launch.resubmits and lost == 1):
            self._refuse_to_resubmit(launch)
        delay = self._delay(launch, record)
        if record.search_until:
            # Another machine may have stored this time, and that machine's clock may be ahead. That must not
            # make the delay longer.
            delay = min(delay, max(0.0, record.search_until - self.clock.wall()))
        else:
            record = self._kept(replace(record, search_until=self.clock.wall() + delay))
        now = self.clock.monotonic()
        settled_at, say_at = now + delay, now + _SAY_AGAIN
        self._announce(launch, max(delay, quiet), quiet)
        yield from self._pause(quiet, launch)
        budget = launch.api.settings.options.outage_budget
        progress = WaitProgress(self.clock.monotonic(), outage_budget=budget)
        while True:
            now = self.clock.monotonic()
            settled = now >= settled_at
            record = self.renewed(record)
            try:
                record = yield from self._seen(launch, record)
            except ApiError as error:
                if settled and isinstance(error, IncompleteListError):
                    self._refuse_to_guess_unseen(launch, error)
                # A failed request does not show whether the run exists.
                if progress.failed(error, self.clock.monotonic()) is not Verdict.WAIT:
                    raise
                again = failure_pause(progress.failures, error, self.clock.random())
                self.log.warning("%s; searching for the %s again in %.0f s", error, launch.api.noun, again)
                yield from self._pause(again, launch)
                continue
            progress.answered(now, self.log)
            if settled and len(record.candidates) > 1:
                # Raise this error only after the delay. The platform may list the run of this task last, and
                # the error should contain the id of that run.
                self._refuse_to_guess(launch, record)
            if record.candidates and (settled or launch.exact):
                return self._adopted(record)
            if settled:
                if record.timed_out and not launch.not_found_is_final:
                    self._refuse_after_timeout(launch, self._delay(launch, record))
                return None
            remaining = max(0.0, settled_at - self.clock.monotonic())
            if now >= say_at and launch.lists_runs:
                say_at = now + _SAY_AGAIN
                seen = (
                    f"{launch.api.noun} {record.candidates[0]} may belong to this task"
                    if record.candidates
                    else "no new run is listed so far"
                )
                self.log.info(
                    "Still searching for the %s, for up to %.0f s more: %s", launch.api.noun, remaining, seen
                )
            yield from self._pause(min(_LOOK_AGAIN, remaining), launch)

    def _announce(self, launch: Launch, seconds: float, quiet: float) -> None:
        """Log what the search looks for, and for how long."""
        api = launch.api
        if not launch.lists_runs:
            self.log.info(
                "A submission to %s got no response, and %s cannot list %ss; this task submits nothing "
                "for %.0f s",
                self.launch.id_scope,
                api.platform,
                api.noun,
                seconds,
            )
            return
        asked = f"; {api.platform} asked for a pause of {quiet:.0f} s first" if quiet else ""
        self.log.info(
            "A submission to %s got no response. Searching for its %s for at least %.0f s%s",
            self.launch.id_scope,
            api.noun,
            seconds,
            asked,
        )

    @staticmethod
    def _delay(launch: Launch, record: Record) -> float:
        """Return the seconds after which the platform certainly lists a run that has started."""
        settings = launch.api.settings
        if not launch.lists_runs:
            return settings.request_timeout
        listing_delay = settings.listing_delay or launch.listing_delay
        if record.timed_out:
            timeout_delay = settings.timeout_delay or launch.timeout_delay
            return max(settings.request_timeout, 2 * listing_delay, timeout_delay)
        return max(settings.request_timeout, listing_delay)

    def _seen(self, launch: Launch, record: Record) -> Exchange[Record]:
        """Read the list, add its new runs to the candidates of the record, and return the record."""
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
            f"it is not known yet whether the submission started a {noun}; the next try continues the search",
        )

    def _adopted(self, record: Record) -> Record:
        launch, run_id = self.launch, record.candidates[0]
        adopted = Adopted.EXACT if launch.exact else Adopted.GUESSED
        found = self._kept(replace(record, run_id=run_id, adopted=adopted))
        self.log.warning(
            "Adopted %s %s (%s) for the submission that got no response: %s",
            launch.api.noun,
            run_id,
            "it has the token of the submission" if launch.exact else "a guess: it is the only new run",
            watch_of(launch, found).url(launch.api),
        )
        self.count(Counter.RUN_ADOPTED)
        return found

    def _refuse_to_resubmit(self, launch: Launch) -> NoReturn:
        platform, noun = launch.api.platform, launch.api.noun
        raise AmbiguousSubmitError(
            f"the submission got no response and {platform} cannot list {noun}s: the {noun} may be running. "
            f"Look at {platform}, then clear the task to start it again. If a second {noun} does no harm, "
            f"set on_ambiguous_submit='resubmit' to start it again once",
            url=launch.watch("").url(launch.api),
        )

    def _refuse_after_timeout(self, launch: Launch, waited: float) -> NoReturn:
        noun = launch.api.noun
        raise AmbiguousSubmitError(
            f"the submission timed out and no new {noun} was listed within {waited:.0f} s, but the {noun} "
            f"may begin later. A second {noun} was not started. Look at "
            f"{launch.api.platform}, then clear the task to start it again",
            url=launch.watch("").url(launch.api),
        )

    def _refuse_to_guess(self, launch: Launch, record: Record) -> NoReturn:
        noun, ids = launch.api.noun, record.candidates
        is_late = record.timed_out and not launch.not_found_is_final
        later = f" The {noun} of this task may begin later, too." if is_late else ""
        raise AmbiguousSubmitError(
            f"a submission got no response and {len(ids)} {noun}s began since then "
            f"({', '.join(ids)}); nothing shows which one belongs to this task.{later} "
            f"Look at them, then clear the task. To prevent this, run such tasks in a "
            f"pool of one slot",
            run_id=ids[0],
            url=launch.watch(ids[0]).url(launch.api),
        )

    def _refuse_to_guess_unseen(self, launch: Launch, error: ApiError) -> NoReturn:
        noun = launch.api.noun
        raise AmbiguousSubmitError(
            f"a submission got no response, and nothing shows whether it started a {noun}: {error}. A second "
            f"{noun} was not started. Look at {launch.api.platform}, then clear the task to start it again",
            url=launch.watch("").url(launch.api),
        ) from error
