"""Multipart forms are parsed correctly at any position of their boundaries, and in little memory."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox.content import CHUNK, Content, ContentWriter
from dataops_sandbox.messages import Call, RefusedError, parse_query
from dataops_sandbox.toucan.form import read_form

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MIB = 1024 * 1024
HEAD = b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
BETWEEN = b'\r\n--b0undary\r\nContent-Disposition: form-data; name="data"\r\n\r\n'
TAIL = b"\r\n--b0undary--\r\n"


def call(directory: Path, pieces: Iterable[bytes]) -> Call:
    writer = ContentWriter(directory)
    for piece in pieces:
        writer.write(piece)
    return Call({}, {}, {"Content-Type": "multipart/form-data; boundary=b0undary"}, writer.finish())


def read(content: Content) -> bytes:
    return b"".join(content.chunks())


@pytest.mark.parametrize("shift", range(-len(BETWEEN) - 2, 3))
def test_boundary_is_found_across_two_pieces(tmp_path: Path, shift: int) -> None:
    # The data look like the beginning of a boundary, but contain none.
    data = (b"\r\n--b0undarx" * CHUNK)[: CHUNK - len(HEAD) + shift]

    parts = read_form(call(tmp_path, [HEAD, data, BETWEEN, b"{}", TAIL]), tmp_path)

    assert parts.keys() == {"file", "data"}
    assert read(parts["file"].content) == data
    assert parts["data"].text() == "{}"
    assert (parts["file"].filename, parts["data"].filename) == ("x", None)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([HEAD, b"a,b", b"\r\n--b0undary\r\n"], "cut off"),
        ([HEAD, b"a,b"], "cut off"),
        ([b"preamble\r\n", HEAD, b"a,b", TAIL], "does not begin"),
        ([b"a,b"], "does not begin"),
    ],
)
def test_incomplete_form_is_refused(tmp_path: Path, pieces: list[bytes], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        read_form(call(tmp_path, pieces), tmp_path)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    size = 24 * MIB
    request = call(tmp_path, [HEAD, *[b"x" * MIB] * (size // MIB), TAIL])
    tracemalloc.start()
    try:
        parts = read_form(request, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert parts["file"].content.size == size
    assert peak < 4 * MIB


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("stage=staging", {"stage": "staging"}),
        ("stage=staging&release", {"stage": "staging", "release": ""}),
        ("release", {"release": ""}),
    ],
)
def test_a_query_can_contain_a_flag_without_a_value(query: str, values: dict[str, str]) -> None:
    assert parse_query(query, frozenset({"stage"}), frozenset({"release"})) == values
