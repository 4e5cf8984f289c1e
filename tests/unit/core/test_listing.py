"""What is stored of unreadable entries, and of the entries of earlier lists."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from airflow_provider_dataops.core.listing import EntryCache, Listed, read_entries
from tests.unit.fakes import reply

NAMES = ("id", "number", "inputs", "status", "flag", "none")


def reject(_: Any) -> Any:
    raise ValueError("not the documented shape")


def listed(body: bytes) -> Listed[Any]:
    answer = reply(body=body)
    return read_entries(answer, answer.entries(), NAMES, reject)


def test_only_texts_and_numbers_of_an_unreadable_entry_are_stored() -> None:
    entry = {
        "id": "r-1",
        "number": -7,
        "inputs": [1],
        "status": {"id": "s"},
        "flag": True,
        "none": None,
        "other": 5,
    }
    broken = b'{"id": "r-2", "number": 1e999, "status": NaN}'
    body = b"[%s, %s, 5]" % (json.dumps(entry).encode(), broken)
    assert listed(body).unreadable == [{"id": "r-1", "number": -7}, {"id": "r-2"}, {}]


def test_the_unreadable_entries_of_a_large_list_take_little_memory() -> None:
    entry = b'{"id": "r", "number": "?", "inputs": [%s]}' % b",".join([b"[{}]"] * 1_000)
    answer = reply(body=b"[" + b",".join([entry] * 900) + b"]")

    def parse(members: Any) -> Any:
        return int(members["number"])

    tracemalloc.start()
    try:
        found = read_entries(answer, answer.entries(), NAMES, parse)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.unreadable) == 900
    assert peak < len(answer.body)


class TestEntryCache:
    """An entry that was in an earlier list is not read again."""

    @pytest.fixture
    def cache(self) -> EntryCache[str]:
        return EntryCache()

    @pytest.fixture
    def parsed(self) -> list[str]:
        """The entries that were parsed, in this order."""
        return []

    def read(
        self, cache: EntryCache[str], parsed: list[str], entries: list[dict[str, str]], wanted: str = "abc"
    ) -> list[str]:
        answer = reply(body=json.dumps(entries).encode())

        def parse(members: Any) -> str:
            parsed.append("{id} {state}".format(**members))
            return parsed[-1]

        found = read_entries(
            answer,
            answer.entries(),
            ("id", "state"),
            parse,
            key="id",
            wanted=wanted.__contains__,
            cache=cache,
        )
        return found.found

    def test_only_new_and_changed_entries_are_parsed(self, cache: EntryCache[str], parsed: list[str]) -> None:
        first = [{"id": "a", "state": "on"}, {"id": "b", "state": "on"}]
        assert self.read(cache, parsed, first) == ["a on", "b on"]
        second = [{"id": "a", "state": "on"}, {"id": "b", "state": "off"}, {"id": "c", "state": "on"}]
        assert self.read(cache, parsed, second) == ["a on", "b off", "c on"]
        assert parsed == ["a on", "b on", "b off", "c on"]

    def test_an_entry_that_is_no_longer_wanted_is_left_out(
        self, cache: EntryCache[str], parsed: list[str]
    ) -> None:
        entries = [{"id": "a", "state": "on"}, {"id": "b", "state": "on"}]
        self.read(cache, parsed, entries)
        assert self.read(cache, parsed, entries, wanted="b") == ["b on"]

    def test_an_entry_that_cannot_be_parsed_is_parsed_again(self) -> None:
        cache, tries = EntryCache[Any](), list[int]()
        answer = reply(body=b'[{"id": "a"}]')

        def parse(_: Any) -> Any:
            tries.append(1)
            raise ValueError("not the documented shape")

        for _ in range(2):
            found = read_entries(answer, answer.entries(), ("id",), parse, cache=cache)
            assert found.unreadable == [{"id": "a"}]
        assert len(tries) == 2

    def test_it_forgets_its_entries_when_most_are_out_of_date(
        self, cache: EntryCache[str], parsed: list[str]
    ) -> None:
        for state in ("on", "off", "hot"):
            cache.trim(1)
            self.read(cache, parsed, [{"id": "a", "state": state}])
        assert self.read(cache, parsed, [{"id": "a", "state": "on"}]) == ["a on"]
        assert len(parsed) == 3
        cache.trim(1)
        self.read(cache, parsed, [{"id": "a", "state": "on"}])
        assert parsed == ["a on", "a off", "a hot", "a on"]
