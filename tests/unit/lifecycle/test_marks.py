"""Which runs an event trigger has reported, as a table: a mark, a list of runs, and what is new."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dataops.core.feed import GAPS, Ended, Listing
from airflow_provider_dataops.lifecycle import marks
from airflow_provider_dataops.lifecycle.marks import IdMark, Mark, NumberMark


def numbered(*ended: int, still_open: tuple[int, ...] = (), at: dict[int, float] | None = None) -> Listing:
    """Return a list of runs with numbers. By default they have ended in the order of their numbers."""
    runs = [
        Ended(run_id=f"e-{n}", payload=dict, number=n, ended_at=(at or {}).get(n, float(n))) for n in ended
    ]
    return Listing(ended={run.run_id: run for run in runs}, open_numbers=frozenset(still_open))


def named(**ended: float | None) -> Listing:
    """Return a list of runs without numbers, with the times at which they ended."""
    runs = {name: Ended(run_id=name, payload=dict, ended_at=time) for name, time in ended.items()}
    return Listing(ended=runs)


def new(mark: Mark, listing: Listing) -> list[str]:
    return [run.run_id for run in mark.new(listing)]


def stored(mark: Mark) -> Any:
    """Return the mark as another triggerer reads it."""
    return type(mark).from_json(json.loads(json.dumps(mark.as_json())))


#: Polls in turn, and the numbers that are new in each. The first poll is the baseline.
NUMBERS: dict[str, list[tuple[Listing, list[int]]]] = {
    "nothing exists at the start": [(numbered(), []), (numbered(1), [1]), (numbered(1, 2), [2])],
    "old runs are not reported": [
        (numbered(1, 2, 3), []),
        (numbered(1, 2, 3), []),
        (numbered(1, 2, 3, 4), [4]),
    ],
    "a run that is open at the start is reported": [
        (numbered(1, 3, still_open=(2,)), []),
        (numbered(1, 2, 3), [2]),
    ],
    "a run ends after a later one": [
        (numbered(4), []),
        (numbered(4, 6, still_open=(5,)), [6]),
        (numbered(4, 5, 6), [5]),
        (numbered(4, 5, 6), []),
    ],
    "a run appears late in the list": [(numbered(4), []), (numbered(4, 6), [6]), (numbered(4, 5, 6), [5])],
    "a stale list without the last runs": [
        (numbered(4), []),
        (numbered(4, 5, 6), [5, 6]),
        (numbered(4), []),
        (numbered(4, 5, 6, 7), [7]),
    ],
    "a stale list in which a reported run is open again": [
        (numbered(4), []),
        (numbered(4, 5), [5]),
        (numbered(4, still_open=(5,)), []),
        (numbered(4, 5), []),
    ],
    "the events come in the order of the ends": [
        (numbered(), []),
        (numbered(1, 2, 3, at={1: 30.0, 2: 10.0, 3: 20.0}), [2, 3, 1]),
    ],
    "the list leaves out the oldest runs": [(numbered(7, 8), []), (numbered(9, 10), [9, 10])],
}


@pytest.mark.parametrize("polls", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("restart", [False, True], ids=["one triggerer", "a restart after each poll"])
def test_each_numbered_run_is_new_once(polls: list[tuple[Listing, list[int]]], restart: bool) -> None:
    mark = NumberMark.baseline(polls[0][0])
    for listing, expected in polls:
        assert new(mark, listing) == [f"e-{n}" for n in expected]
        mark = mark.after(listing)
        if restart:
            mark = stored(mark)


#: The same for runs without numbers.
IDS: dict[str, list[tuple[Listing, list[str]]]] = {
    "nothing exists at the start": [(named(), []), (named(a=5.0), ["a"]), (named(a=5.0, b=6.0), ["b"])],
    "old runs are not reported": [(named(a=5.0, b=6.0), []), (named(a=5.0, b=6.0, c=7.0), ["c"])],
    "a run that ended before the list began": [(named(b=5.0, c=6.0), []), (named(a=4.0, c=6.0), [])],
    "an end that is listed late": [(named(a=5.0, c=9.0), []), (named(a=5.0, b=7.0, c=9.0), ["b"])],
    "two runs that end at the same time": [
        (named(a=5.0), []),
        (named(a=5.0, b=7.0), ["b"]),
        (named(b=7.0, c=7.0), ["c"]),
    ],
    "the events come in the order of the ends": [
        (named(), []),
        (named(a=9.0, b=3.0, c=None), ["b", "a", "c"]),
    ],
    "a run without a time": [
        (named(a=5.0), []),
        (named(a=5.0, b=None), ["b"]),
        (named(b=None, c=8.0), ["c"]),
    ],
    "the time of a reported run changes": [(named(a=5.0), []), (named(b=6.0), ["b"]), (named(b=9.0), [])],
    "a list without the last runs": [
        (named(a=5.0), []),
        (named(b=6.0), ["b"]),
        (named(), []),
        (named(b=6.0), []),
    ],
}


@pytest.mark.parametrize("polls", IDS.values(), ids=IDS)
@pytest.mark.parametrize("restart", [False, True], ids=["one triggerer", "a restart after each poll"])
def test_each_run_without_a_number_is_new_once(polls: list[tuple[Listing, list[str]]], restart: bool) -> None:
    mark = IdMark.baseline(polls[0][0])
    for listing, expected in polls:
        assert new(mark, listing) == expected
        mark = mark.after(listing)
        if restart:
            mark = stored(mark)


class TestAMarkStaysSmall:
    def test_with_a_number_that_never_comes(self) -> None:
        mark = NumberMark.baseline(numbered(1)).after(numbered(1, 3))
        assert mark.open == (2,)
        assert mark.after(numbered(GAPS + 1)).open[0] == 2
        assert mark.after(numbered(GAPS + 2)).open[0] == 4

    def test_with_a_huge_number(self) -> None:
        mark = NumberMark.baseline(numbered(1)).after(numbered(1, 2**60))
        assert len(mark.open) < GAPS

    def test_but_a_very_long_run_stays_open(self) -> None:
        mark = NumberMark.baseline(numbered(1, still_open=(2,)))
        mark = mark.after(numbered(1, 3 * GAPS, still_open=(2,)))
        assert new(mark, numbered(2)) == ["e-2"]

    def test_with_many_ids(self) -> None:
        runs = {f"r-{n:05}": float(n) for n in range(1, 2 * marks.IDS)}
        mark = IdMark.baseline(named()).after(named(**runs))
        assert len(mark.ids) == marks.IDS
        assert len(json.dumps(mark.as_json())) < 32_000
        # The ids that the mark forgot are not reported again.
        assert new(mark, named(**runs)) == []
        assert new(stored(mark), named(**runs, late=2.0 * marks.IDS)) == ["late"]


def test_runs_without_a_time_are_new_once_however_many_others_follow() -> None:
    untimed = {f"u-{n}": None for n in range(marks.IDS + 10)}
    mark = IdMark.baseline(named(**untimed))
    for n in range(3 * marks.IDS):
        listing = named(**untimed, **{f"r-{n}": 100.0 + n})
        assert new(mark, listing) == [f"r-{n}"]
        mark = mark.after(listing)
    # As soon as they are no longer listed, they do not stay in the mark for ever.
    for n in range(marks.IDS):
        mark = mark.after(named(**{f"s-{n}": 5_000.0 + n}))
    assert len(mark.ids) == marks.IDS


class TestTheMarksOfTwoAssets:
    """After a crash, the store of one asset may be older than that of the other."""

    def test_share_only_the_numbers_that_both_contain(self) -> None:
        older, newer = NumberMark(highest=5, open=(3,)), NumberMark(highest=7, open=(6,))
        for mark in (older.common(newer), newer.common(older)):
            assert new(mark, numbered(2, 3, 4, 5, 6, 7)) == ["e-3", "e-6", "e-7"]

    def test_share_only_the_ids_that_both_contain(self) -> None:
        older, newer = IdMark(ids={"b": 2.0}, until=1.0), IdMark(ids={"c": 3.0}, until=2.0)
        for mark in (older.common(newer), newer.common(older)):
            assert new(mark, named(a=1.0, b=2.0, c=3.0)) == ["c"]


@pytest.mark.parametrize("cls", [NumberMark, IdMark])
@pytest.mark.parametrize("value", [None, 7, "x", [], {"highest": "x", "ids": 3}, {"highest": 1, "ids": []}])
def test_something_else_in_the_store_is_a_value_error(cls: type[Mark], value: Any) -> None:
    if cls is NumberMark and isinstance(value, dict) and value["highest"] == 1:
        assert cls.from_json(value) == NumberMark(highest=1)
        return
    with pytest.raises(ValueError, match="not a"):
        cls.from_json(value)
