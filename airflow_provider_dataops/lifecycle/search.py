"""Finding the run whose submission got no response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.errors import AmbiguousSubmitError
from airflow_provider_dataops.lifecycle.record import Adopted, Record, Store

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.core.watch import RunWatch

_LOOK_AGAIN = 5.0


def watch_of(launch: Launch, record: Record) -> RunWatch:
    """Return how to wait for the run of a record. A run that is only a guess is never cancelled."""
    watch = launch.earlier(record.baseline).watch(record.run_id, record.token)
    if record.adopted is Adopted.GUESSED:
        watch.cancel_on_kill = False
    return watch


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search for the run of a submission, by what existed before it."""

    launch: Launch
    store: Store
    clock: Clock
    log: Log

    def run(self, record: Record, lost: int) -> Exchange[Record | None]:
        """Return the record with the id of the run whose submission got no response, if there is one.

        Without a token the one new run may be somebody else's while ours is not listed yet. So "one" and
        "none" count only after the listing delay. That counts from now, not from the intent: the request may
        have been under way until a moment ago.

        :param lost: how many submissions of this task got no response so far.
        """
        launch = self.launch.earlier(record.baseline)
        if not launch.lists_runs and not (launch.resubmits and lost == 1):
            self._refuse_to_resubmit(launch)
        delay = max(launch.listing_delay, launch.api.settings.request_timeout)
        began = self.clock.monotonic()
        while True:
            waited = self.clock.monotonic() - began
            candidates: list[RunSnapshot] = []
            if launch.lists_runs:
                candidates = yield from launch.find_candidates(record.baseline, record.token)
            settled = waited >= delay
            if len(candidates) > 1:
                self._refuse_to_guess(launch, candidates)
            if candidates and (settled or launch.exact):
                return self._adopted(record, candidates[0].run_id)
            if settled:
                return None
            yield Pause(min(_LOOK_AGAIN, delay - waited))

    def _adopted(self, record: Record, run_id: str) -> Record:
        launch = self.launch
        adopted = Adopted.EXACT if launch.exact else Adopted.GUESSED
        found = replace(record, run_id=run_id, adopted=adopted)
        self.store.set(found.as_json())
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

    def _refuse_to_guess(self, launch: Launch, candidates: list[RunSnapshot]) -> NoReturn:
        ids = [candidate.run_id for candidate in candidates]
        raise AmbiguousSubmitError(
            f"a submission got no answer and {len(ids)} {launch.api.noun}s began since then "
            f"({', '.join(ids)}); nothing shows which one is ours. Look at them, then clear the task. "
            f"A pool of one slot for this kind of task keeps submissions apart",
            run_id=ids[0],
            url=launch.watch(ids[0]).url(launch.api),
        )
