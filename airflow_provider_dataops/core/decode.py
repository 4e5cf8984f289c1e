"""JSON from servers: whole, or a list entry by entry.

A list may hold thousands of runs that nobody waits for. Python's own decoder makes objects of all of them.
That takes thirty times the memory of the text. It also holds the interpreter's lock, so that it stops the
event loop even from a thread. So a list is cut into its entries, a slice at a time, and only what is asked
for is decoded.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

if TYPE_CHECKING:
    from collections.abc import Iterator

#: So much of a list is taken apart at once, in bytes: within some milliseconds.
SLICE = 256 * 1024
#: So many commas are tried for the end of a slice; many lie within an entry.
TRIES = 16
#: A member of an entry that is larger is not decoded, in bytes.
MAX_MEMBER = 1024 * 1024
#: So many levels are kept of JSON that is nested too deep to be decoded. No platform documents half as many.
KEPT_LEVELS = 100

#: What a server may send that cannot be read. RecursionError: JSON that is nested too deep.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
#: A number beyond all floats.
_OUT_OF_RANGE = b"1e999"
#: Each escape of a text: a pair of surrogates, a lone one, any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
#: A text. One that is not closed takes all the rest: a search from each quote in it would be quadratic.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
#: Each text, so that it is passed over, and each constant outside of one.
_TEXT_OR_CONSTANT = re.compile(_TEXT + rb"|(-?(?:NaN|Infinity))", re.DOTALL)
#: Each text, so that it is passed over, and each bracket outside of one.
_TEXT_OR_BRACKET = re.compile(_TEXT + rb"|([\[{])|([\]}])", re.DOTALL)
_ARRAY, _ANYTHING = msgspec.json.Decoder(list[Raw]), msgspec.json.Decoder(Raw)
_START = re.compile(rb"\s*\[")
_COMMA, _COMMA_AFTER_OBJECT = re.compile(rb","), re.compile(rb"\}\s*,")


def loads(text: bytes) -> Any:
    r"""Return a decoded text.

    Half a surrogate pair (``\ud800``) becomes U+FFFD: it could not be encoded again.

    :raises ValueError: if it is not JSON.
    :raises RecursionError: if it is nested too deep.
    """
    return json.loads(_without_surrogates(text).decode("utf-8-sig"))


def array(text: bytes | bytearray | Raw) -> Iterator[Raw]:
    """Return the entries of a JSON array one after the other, none of them decoded.

    A number that cannot be decoded takes the place of what is nested too deep.

    :raises ValueError: if it is no JSON array. That may show after the first entries.
    """
    count = 0
    try:
        for entry in _array(text):
            yield entry
            count += 1
    except RecursionError:
        yield from islice(_array(_shallow(text)), count, None)


def _array(text: bytes | bytearray | Raw) -> Iterator[Raw]:
    view = memoryview(text)
    start = _START.match(view)
    if start is None:
        # Else what is no JSON at all would be reported as JSON of another kind.
        _ANYTHING.decode(view)
    if start is None or len(view) <= SLICE:
        yield from _ARRAY.decode(view)
        return
    position, size = start.end(), SLICE
    while position + size < len(view):
        taken = _slice(view, position, position + size)
        if taken is None:
            # A large entry, or many commas within each.
            size *= 4
            continue
        entries, position = taken
        size = SLICE
        yield from entries
    rest = _ARRAY.decode(b"".join((b"[", view[position:])))
    if not rest and position > start.end():
        raise ValueError("an array that ends in a comma")
    yield from rest


def _slice(view: memoryview, start: int, end: int) -> tuple[list[Raw], int] | None:
    """Return the entries from one position to about another, and the position of the next entry.

    A comma ends an entry of the array exactly if all before it is an array once a bracket follows.
    """
    for comma in (_COMMA_AFTER_OBJECT, _COMMA):
        for found in islice(comma.finditer(view, end, end + SLICE), TRIES):
            try:
                entries = _ARRAY.decode(b"".join((b"[", view[start : found.end() - 1], b"]")))
            except msgspec.DecodeError:
                continue
            if entries:
                return entries, found.end()
    return None


def members(text: bytes | bytearray | Raw, *names: str, others: bool = True) -> dict[str, Raw]:
    """Return those of the named members that a JSON object has, not decoded.

    A number that cannot be decoded takes the place of what is nested too deep.

    :param others: whether it may have other members.
    :raises ValueError: if it is no JSON object, or has others that it must not have.
    """
    decoder = _members(names, others)
    try:
        found = decoder.decode(text)
    except RecursionError:
        found = decoder.decode(_shallow(text))
    values = zip(names, msgspec.structs.astuple(found), strict=True)
    return {name: raw for name, raw in values if raw is not UNSET}


@cache
def _members(names: tuple[str, ...], others: bool) -> msgspec.json.Decoder[Any]:
    fields = [
        (f"member_{n}", Raw | UnsetType, msgspec.field(default=UNSET, name=name))
        for n, name in enumerate(names)
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Members", fields, forbid_unknown_fields=not others))


def begins_with(text: Raw, characters: bytes) -> bool:
    """Return whether a value begins with one of the characters: ``[`` for an array, ``n`` for null."""
    return bytes(memoryview(text)[:1]) in characters


def value(text: Raw) -> Any:
    """Return a decoded member.

    :raises ValueError: if it is not JSON, or too large for a member.
    :raises RecursionError: if it is nested too deep.
    """
    if len(text) > MAX_MEMBER:
        raise ValueError(f"a member of {len(text)} bytes")
    return msgspec.json.decode(text)


def prepared(text: bytes) -> bytes | bytearray:
    """Return a text as a strict decoder takes it apart: without a byte order mark, lone surrogates and NaN.

    A number that cannot be decoded takes the place of NaN and Infinity. So only the entry that has one among
    the members that are read is unreadable.
    """
    paired = _without_surrogates(text.removeprefix(_BOM))
    if b"NaN" not in paired and b"Infinity" not in paired:
        return paired
    strict, view, end = bytearray(), memoryview(paired), 0
    for found in _TEXT_OR_CONSTANT.finditer(paired):
        if found[1]:
            strict += view[end : found.start()]
            strict += _OUT_OF_RANGE
            end = found.end()
    strict += view[end:]
    return strict


def _shallow(text: bytes | bytearray | Raw) -> bytearray:
    """Return a text with a number that cannot be decoded in place of each value below the kept levels.

    So only the entry is unreadable that has one among the members that are read.
    """
    shallow, view, end, level = bytearray(), memoryview(text), 0, 0
    for found in _TEXT_OR_BRACKET.finditer(view):
        if found[1]:
            if level == KEPT_LEVELS:
                shallow += view[end : found.start()]
                shallow += _OUT_OF_RANGE
            level += 1
        elif found[2]:
            level -= 1
            if level == KEPT_LEVELS:
                end = found.end()
    if level <= KEPT_LEVELS:
        shallow += view[end:]
    return shallow


def _without_surrogates(text: bytes) -> bytes | bytearray:
    if _SURROGATE.search(text) is None:
        return text
    paired = bytearray(text)
    for found in _ESCAPE.finditer(text):
        if found[1]:
            paired[found.start() : found.end()] = rb"\ufffd"
    return paired
