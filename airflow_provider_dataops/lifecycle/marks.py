"""A *mark* records which runs an event trigger has reported. Airflow stores it for the next triggerer.

Runs do not end in the order in which they start. So the highest run number, or the newest end, is not enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from airflow_provider_dataops.core.feed import GAPS
from airflow_provider_dataops.core.json import JsonDataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_dataops.core.feed import Ended, Listing

#: A mark contains the ids of this many runs. With ids of 40 characters, it takes 20 KB.
IDS = 300


class Mark(JsonDataclass):
    """Which runs an event trigger has reported."""

    @classmethod
    def baseline(cls, listing: Listing) -> Self:
        """Return the mark of a new trigger. It contains all runs that have ended before."""
        raise NotImplementedError

    def new(self, listing: Listing) -> list[Ended]:
        """Return the runs that the mark does not contain, in the order in which they ended."""
        return sorted((run for run in listing.ended.values() if not self.has(run)), key=lambda run: run.order)

    def has(self, run: Ended) -> bool:
        """Return whether the mark contains a run."""
        raise NotImplementedError

    def after(self, listing: Listing) -> Self:
        """Return the mark that also contains the ended runs of a listing."""
        raise NotImplementedError

    def common(self, other: Self) -> Self:
        """Return the mark that contains only the runs that both marks contain."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class NumberMark(Mark):
    """A mark for runs with numbers that count up.

    :param highest: the highest number of a run that was reported.
    :param open: the lower numbers that were not reported, in ascending order: these runs have not ended, or
        were not in the list.
    """

    highest: int = 0
    open: tuple[int, ...] = ()

    @classmethod
    def baseline(cls, listing: Listing) -> Self:
        """Return the mark of a new trigger. Only the runs that have not ended are open."""
        return cls(
            highest=max((*(run.number for run in listing.ended.values()), *listing.open_numbers), default=0),
            open=tuple(sorted(listing.open_numbers)),
        )

    def has(self, run: Ended) -> bool:
        """Return whether the mark contains a run."""
        return run.number <= self.highest and run.number not in self.open

    def after(self, listing: Listing) -> Self:
        """Return the mark that also contains the ended runs of a listing."""
        ended = {run.number for run in listing.ended.values()}
        highest = max((self.highest, *ended))
        oldest = highest - GAPS
        passed = {n for n in listing.open_numbers if self.highest < n <= highest}
        passed |= {*range(max(self.highest, oldest) + 1, highest + 1)}
        still_open = ({*self.open} | passed) - ended
        still_open = {n for n in still_open if n > oldest or n in listing.open_numbers}
        return type(self)(highest=highest, open=tuple(sorted(still_open)))

    def common(self, other: Self) -> Self:
        """Return the mark that contains only the runs that both marks contain."""
        highest = min(self.highest, other.highest)
        either = {n for n in (*self.open, *other.open) if n <= highest}
        return type(self)(highest=highest, open=tuple(sorted(either)))


@dataclass(frozen=True, kw_only=True)
class IdMark(Mark):
    """A mark for runs without numbers.

    :param ids: when each of the last :data:`IDS` runs ended, by id, in seconds since the epoch. The
        listed runs without this time are always in it.
    :param until: all runs that ended until this time count as reported.
    """

    ids: Mapping[str, float] = field(default_factory=dict)
    until: float = 0.0

    @classmethod
    def baseline(cls, listing: Listing) -> Self:
        """Return the mark of a new trigger. Runs that ended before the runs of the list are old, too."""
        mark = cls().after(listing)
        return cls(ids=mark.ids, until=max(mark.until, min(mark.ids.values(), default=0.0)))

    def has(self, run: Ended) -> bool:
        """Return whether the mark contains a run."""
        return self._has(run.run_id, run.ended_at)

    def _has(self, run_id: str, ended_at: float | None) -> bool:
        return run_id in self.ids or (ended_at is not None and ended_at <= self.until)

    def after(self, listing: Listing) -> Self:
        """Return the mark that also contains the ended runs of a listing."""
        runs = [run for run in listing.ended.values() if run.run_id in self.ids or not self.has(run)]
        times = dict(self.ids)
        newest = max((*times.values(), *_times(runs)), default=0.0)
        for run in runs:
            # Keep the first time of a run without a time: it must not stay in the mark for ever.
            known = times.get(run.run_id, newest)
            times[run.run_id] = known if run.ended_at is None else run.ended_at
        # Only its id shows that a run without a time was reported. So keep it while the run is listed.
        listed = {run.run_id for run in runs if run.ended_at is None}
        timed = sorted((time, run_id) for run_id, time in times.items() if run_id not in listed)
        dropped, last = timed[:-IDS], timed[-IDS:]
        ids = {run_id: time for time, run_id in last} | {run_id: times[run_id] for run_id in listed}
        return type(self)(ids=ids, until=max((self.until, *(time for time, _ in dropped))))

    def common(self, other: Self) -> Self:
        """Return the mark that contains only the runs that both marks contain."""
        either = {**self.ids, **other.ids}
        both = {
            name: time for name, time in either.items() if self._has(name, time) and other._has(name, time)
        }
        return type(self)(ids=both, until=min(self.until, other.until))


def _times(runs: Iterable[Ended]) -> list[float]:
    return [run.ended_at for run in runs if run.ended_at is not None]
