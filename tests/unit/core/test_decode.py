"""How JSON from servers is decoded: as a whole, and lists entry by entry."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core import decode

if TYPE_CHECKING:
    from msgspec import Raw


def entries(text: bytes | bytearray) -> list[Any]:
    return [json.loads(bytes(entry)) for entry in decode.array(text)]


def some_value(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if depth == 0 or kind < 0.3:
        return chance.choice([1, -2.5, None, True, "", "é", '}, {"a"', "[,]", '\\"},', "\\", {}, []])
    size = range(chance.randint(0, 4))
    if kind < 0.6:
        return [some_value(chance, depth - 1) for _ in size]
    return {chance.choice(["a", "b", "},{", '"']): some_value(chance, depth - 1) for _ in size}


@pytest.mark.parametrize("seed", range(8))
def test_a_list_that_is_decoded_in_slices_is_complete(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Python's own decoder gives the expected list: for each text, and for the text without one byte."""
    monkeypatch.setattr(decode, "SLICE", 40)
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(200):
        value = [some_value(chance, 3) for _ in range(chance.randint(0, 30))]
        between = chance.choice([(",", ":"), (", ", ": "), (" ,\n ", " : ")])
        text = json.dumps(value, separators=between, ensure_ascii=chance.random() < 0.5).encode()
        assert entries(text) == value
        cut = chance.randrange(len(text))
        broken = text[:cut] + text[cut + 1 :]
        try:
            expected = json.loads(broken)
        except ValueError:
            expected = None
        if isinstance(expected, list):
            assert entries(broken) == expected
        else:
            with pytest.raises(ValueError, match=r"JSON|truncated|array|comma|decode"):
                entries(broken)


def large_list(size: int) -> bytes:
    one = {
        "id": "e-{:08}",
        "runNumber": 12345,
        "status": "Succeeded",
        "createdAt": "2026-11-20T10:05:00.000Z",
        "outputs": [{"id": "o-1", "name": "Premiums }, {2}.csv"}, {"id": "o-2", "name": "Claims.csv"}],
    }
    text = json.dumps(one)
    count = size // len(text)
    return f"[{','.join(text.replace('{:08}', f'{n:08}') for n in range(count))}]".encode()


class Recording:
    """A decoder that stores the size of its largest input."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self.largest = 0

    def decode(self, text: Any) -> list[Raw]:
        self.largest = max(self.largest, len(text))
        found: list[Raw] = self._decoder.decode(text)
        return found


def test_a_large_list_is_decoded_in_small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call of the decoder holds the interpreter's lock, and so blocks the event loop."""
    recording = Recording(decode._ARRAY)
    monkeypatch.setattr(decode, "_ARRAY", recording)
    text = large_list(4 * 1024 * 1024)
    assert sum(1 for _ in decode.array(text)) == text.count(b'"runNumber"')
    assert recording.largest < 2 * decode.SLICE


def test_a_list_of_tiny_entries_takes_no_more_memory_than_its_text() -> None:
    text = b"[" + b"0," * 4_000_000 + b"0]"
    tracemalloc.start()
    try:
        assert sum(1 for _ in decode.array(text)) == 4_000_001
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(text)


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b"[1", b"[1] 2", b"[1,]", b"<html>", b"[NaN]"])
def test_a_text_that_is_no_array_is_rejected(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|truncated|Expected"):
        entries(text)


DEEP = b"[" * 100_000 + b'"]"' + b"]" * 100_000


@pytest.mark.parametrize("size", [3, 10_000])
def test_only_an_entry_that_is_nested_too_deep_is_unreadable(size: int) -> None:
    one, deep = b'{"a": 1, "b": "]}[{\\""}', b'{"a": 2, "b": ' + DEEP + b"}"
    listed = [one] * size
    listed[size // 3] = deep
    listed[-1] = DEEP
    found = list(decode.array(b"[" + b", ".join(listed) + b"]"))
    assert len(found) == size
    for n, entry in enumerate(found):
        if n == size - 1:
            with pytest.raises(ValueError, match="Expected `object`"):
                decode.members(entry, "a")
        elif n == size // 3:
            assert values(entry, "a") == {"a": 2}
            with pytest.raises(ValueError, match="out of range"):
                values(entry, "b")
        else:
            assert bytes(entry) == one


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"[1, " + b"[" * 100_000 + b"]" * 99_999, b"[" + DEEP, DEEP + b"]"]
)
def test_a_deeply_nested_text_that_is_no_array_is_rejected(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|truncated"):
        entries(text)


def values(text: bytes | Raw, *names: str) -> dict[str, Any]:
    """Decode members one by one, and check that decoding them at once gives the same."""
    found = {name: decode.value(raw) for name, raw in decode.members(text, *names).items()}
    assert decode.values(text, *names) == found
    return found


class TestMembers:
    def test_have_only_the_requested_names(self) -> None:
        assert values(b'{"a": 1, "b": [2], "c": null}', "a", "c", "d") == {"a": 1, "c": None}

    def test_with_the_same_name_are_replaced_by_the_last_as_in_python(self) -> None:
        text = b'{"a": 1, "\\u0061": {"b": 1, "b": 2}}'
        assert values(text, "a") == json.loads(text) == {"a": {"b": 2}}

    def test_with_other_names_can_be_rejected(self) -> None:
        assert values(b"{}", "a") == {}
        with pytest.raises(ValueError, match="unknown field `b`"):
            decode.members(b'{"a": 1, "b": 2}', "a", others=False)

    def test_with_other_names_are_not_decoded(self) -> None:
        junk = b"[[]," * 300 + b"[]" + b"]" * 300
        text = b'{"a": 1, "junk": [' + b",".join([junk] * 2_000) + b"]}"
        tracemalloc.start()
        try:
            assert values(text, "a") == {"a": 1}
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < len(text)

    def test_are_found_next_to_one_that_is_nested_too_deep(self) -> None:
        text = b'{"deep": ' + DEEP + b', "list": [1, ' + DEEP + b', 2], "a": 1}'
        assert values(text, "a") == {"a": 1}
        first, _, last = decode.array(decode.members(text, "list")["list"])
        assert (bytes(first), bytes(last)) == (b"1", b"2")

    def test_that_are_huge_are_not_decoded(self) -> None:
        with pytest.raises(ValueError, match="a member has"):
            values(b'{"a": "' + b"x" * decode.MAX_MEMBER + b'"}', "a")


class TestPrepared:
    @pytest.mark.parametrize(
        ("text", "prepared"),
        [
            (b'{"a": 1}', b'{"a": 1}'),
            (b"\xef\xbb\xbf[1]", b"[1]"),
            (rb'["\ud800", "\uDC00x", "\ud83d\ude80"]', rb'["\ufffd", "\ufffdx", "\ud83d\ude80"]'),
            (rb'["\\ud800", "\\\ud800"]', rb'["\\ud800", "\\\ufffd"]'),
            (rb'["\ud800\ud83d\ude80"]', rb'["\ufffd\ud83d\ude80"]'),
            (b"[NaN,-Infinity , Infinity]", b"[1e999,1e999 , 1e999]"),
            (rb'["NaN", "a, NaN, \"NaN,", {"NaN": 1}]', rb'["NaN", "a, NaN, \"NaN,", {"NaN": 1}]'),
            (rb'["NaN\\", NaN, "\\\"NaN", NaN]', rb'["NaN\\", 1e999, "\\\"NaN", 1e999]'),
        ],
    )
    def test_text_is_accepted_by_a_strict_decoder(self, text: bytes, prepared: bytes) -> None:
        assert bytes(decode.prepared(text)) == prepared
        assert list(decode.array(decode.prepared(b"[" + prepared + b"]")))

    def test_text_with_nan_makes_only_its_own_entry_unreadable(self) -> None:
        first, second = decode.array(decode.prepared(b'[{"a": NaN}, {"a": 1, "b": NaN}]'))
        with pytest.raises(ValueError, match="out of range"):
            values(first, "a")
        assert values(second, "a") == {"a": 1}

    @pytest.mark.parametrize("end", [b"", b"\\", b" NaN"])
    def test_text_without_an_end_is_read_once_and_rejected(self, end: bytes) -> None:
        text = b'[NaN, "' + rb"\"" * (512 * 1024) + end
        started = time.process_time()
        prepared = decode.prepared(text)
        assert time.process_time() - started < 2
        assert prepared == text.replace(b"NaN", b"1e999", 1)
        with pytest.raises(ValueError, match="truncated"):
            entries(prepared)


def test_deep_json_with_half_a_surrogate_pair_is_decoded_without_recursion() -> None:
    depth = 400
    text = b"[" * depth + rb'"\ud800"' + b"]" * depth
    value = decode.loads(text)
    for _ in range(depth):
        (value,) = value
    assert value == "\ufffd"
