"""Decode JSON from servers: a whole text, or a list entry by entry.

A list may contain thousands of runs that no task waits for. Python's ``json`` module makes objects of all of
them. The objects take thirty times the memory of the text. The module's decoder also holds the interpreter's
lock, so it blocks the event loop even if it runs in a thread. This module therefore splits a list into its
entries, slice by slice. It decodes only the entries and members that the caller asks for.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
from msgspec import UNSET, Raw, UnsetType

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A list is split in slices of about this many bytes. One slice takes some milliseconds.
SLICE = 256 * 1024
#: How many commas are tried as the end of a slice. Commas inside an entry do not end a slice.
TRIES = 16
#: The largest size of a member of an entry, in bytes. A larger member is not decoded, and counts as
#: unreadable.
MAX_MEMBER = 1024 * 1024
#: If JSON is nested too deep, only this many outer levels are kept. Documented responses have far fewer.
KEPT_LEVELS = 100

#: The exceptions that can occur when code reads unexpected JSON from a server. RecursionError occurs if the
#: JSON is nested too deep.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
#: A number that cannot be decoded, because it is too large for a float.
_OUT_OF_RANGE = b"1e999"
#: An escape sequence in a JSON string: a surrogate pair, a lone surrogate (group 1), or any other sequence.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
#: Matches a JSON string. A string without a closing quote matches up to the end of the text, because
#: otherwise the search would take quadratic time.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
#: Matches NaN or Infinity outside of strings (group 1). Also matches each JSON string, so that the code can
#: skip the string.
_TEXT_OR_CONSTANT = re.compile(_TEXT + rb"|(-?(?:NaN|Infinity))", re.DOTALL)
#: Matches an opening bracket (group 1) or a closing bracket (group 2) outside of strings. Also matches each
#: JSON string, so that the code can skip the string.
_TEXT_OR_BRACKET = re.compile(_TEXT + rb"|([\[{])|([\]}])", re.DOTALL)
_ARRAY, _ANYTHING = msgspec.json.Decoder(list[Raw]), msgspec.json.Decoder(Raw)
_START = re.compile(rb"\s*\[")
_COMMA, _COMMA_AFTER_OBJECT = re.compile(rb","), re.compile(rb"\}\s*,")


def loads(text: bytes) -> Any:
    r"""Return the value of a JSON text.

    A lone surrogate (``\ud800``) becomes U+FFFD, because UTF-8 cannot encode a lone surrogate.

    :raises ValueError: if the text is not JSON.
    :raises RecursionError: if the JSON is nested too deep.
    """
    return json.loads(_without_surrogates(text.removeprefix(_BOM)).decode())


def array(text: bytes | bytearray | Raw) -> Iterator[Raw]:
    """Return the entries of a JSON array one after the other. The entries are not decoded.

    A value that is nested too deep is replaced by a number that cannot be decoded. So only the entry with
    this value is unreadable.

    :raises ValueError: if the text is not a JSON array. Some entries may have been returned before
        the error.
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
        # If the text is not JSON, this line raises an error that says so. The code below would say only
        # that the text is not an array.
        _ANYTHING.decode(view)
    if start is None or len(view) <= SLICE:
        yield from _ARRAY.decode(view)
        return
    position, size = start.end(), SLICE
    while position + size < len(view):
        taken = _slice(view, position, position + size)
        if taken is None:
            # The entry is large or contains many commas: try a larger slice.
            size *= 4
            continue
        entries, position = taken
        size = SLICE
        yield from entries
    rest = _ARRAY.decode(b"".join((b"[", view[position:])))
    if not rest and position > start.end():
        raise ValueError("the array ends with a comma")
    yield from rest


def _slice(view: memoryview, start: int, end: int) -> tuple[list[Raw], int] | None:
    """Return the entries from ``start`` to a comma after ``end``, and the position after this comma.

    The comma must separate two entries. To test that, the text between ``start`` and the comma is put in
    brackets. If this is a valid array, the comma separates two entries.

    :return: ``None`` if the function finds no such comma.
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
    """Return some members of a JSON object. The members are not decoded.

    A value that is nested too deep is replaced by a number that cannot be decoded. So only the member with
    this value is unreadable.

    :param names: the members to return. A member that the object does not have is left out.
    :param others: whether the object may have other members, too.
    :raises ValueError: if the text is not a JSON object, or has members that are not allowed.
    """
    decoder = _members(names, others)
    try:
        found = decoder.decode(text)
    except RecursionError:
        found = decoder.decode(_shallow(text))
    values = zip(names, msgspec.structs.astuple(found), strict=True)
    return {name: raw for name, raw in values if raw is not UNSET}


def values(text: bytes | bytearray | Raw, *names: str) -> dict[str, Any]:
    """Return the decoded values of some members of a JSON object.

    :param names: the members to return. A member that the object does not have is left out.
    :raises ValueError: if the text is not a JSON object, or one of these members cannot be decoded.
    :raises RecursionError: if one of these members is nested too deep.
    """
    found: dict[str, Any] | None = None
    if len(text) <= MAX_MEMBER:
        # One call is three times as fast as a call for each member. But it also fails if a member that the
        # caller does not ask for is nested too deep.
        try:
            found = _values(names).decode(text)
        except (ValueError, RecursionError):
            found = None
    if found is None:
        found = {name: value(raw) for name, raw in members(text, *names).items()}
    return found


@cache
def _values(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    kind = TypedDict("Values", dict.fromkeys(names, Any), total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(kind)


@cache
def _members(names: tuple[str, ...], others: bool) -> msgspec.json.Decoder[Any]:
    fields = [
        (f"member_{n}", Raw | UnsetType, msgspec.field(default=UNSET, name=name))
        for n, name in enumerate(names)
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Members", fields, forbid_unknown_fields=not others))


def begins_with(text: Raw, characters: bytes) -> bool:
    """Return whether a JSON value begins with one of the characters, for instance ``[`` for an array."""
    return bytes(memoryview(text)[:1]) in characters


def value(text: Raw) -> Any:
    """Return the decoded value of a member.

    :raises ValueError: if the member is not JSON, or larger than :data:`MAX_MEMBER`.
    :raises RecursionError: if the member is nested too deep.
    """
    if len(text) > MAX_MEMBER:
        raise ValueError(f"a member has {len(text)} bytes; the limit is {MAX_MEMBER}")
    return msgspec.json.decode(text)


def prepared(text: bytes) -> bytes | bytearray:
    """Return JSON for a strict decoder: without byte order mark, lone surrogates, NaN and Infinity.

    NaN and Infinity are replaced by a number that cannot be decoded. So an entry becomes unreadable only if
    the caller decodes a member with this number. The other entries stay readable.
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
    """Return JSON with at most :data:`KEPT_LEVELS` levels. Deeper values become an undecodable number.

    So an entry becomes unreadable only if the caller decodes a member with this number.
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
