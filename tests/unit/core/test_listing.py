"""What is stored of unreadable entries."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

from airflow_provider_dataops.core.listing import Listed, read_entries
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
