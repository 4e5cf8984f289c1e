"""How TRAC reports errors: in the reason phrase, and in full in a header with a small protobuf message."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DETAILS = "trac-error-details-bin"
#: What the gateway says where it knows no such call; the text of a 404 of its own.
NO_METHOD = "REST API METHOD NOT FOUND"
#: The gRPC statuses of a 500 that is about the request: UNIMPLEMENTED, as of a format, and DATA_LOSS, which
#: is said of content that cannot be read. Seen on a real platform, as is that nothing was made.
_REFUSALS = frozenset({"12", "15"})
_UNKNOWN = "2"
#: How many single problems an error repeats.
ITEMS = 20


@dataclass(frozen=True)
class Details:
    """The platform's own words about an error.

    :param items: the single problems, each with the field that it is about, where there is one.
    """

    message: str
    items: tuple[tuple[str, str], ...] = ()

    def text(self, reason: str) -> str:
        """Return the words in one line, without the message where the reason phrase has said it."""
        shown = [f"{detail} [{path}]" if path else detail for detail, path in self.items[:ITEMS]]
        if len(self.items) > ITEMS:
            shown.append(f"and {len(self.items) - ITEMS} more")
        parts = shown if self.message == reason and shown else [self.message, *shown]
        return "; ".join(part for part in parts if part)


def is_refusal(headers: Mapping[str, str], operation: str) -> bool:
    """Return whether a response with a status from 500 on is about the request, and not about the platform.

    :param operation: what was asked for: a job of a type that is not supported ends in UNKNOWN.
    """
    status = headers.get("grpc-status")
    return status in _REFUSALS or (status == _UNKNOWN and "IMPORT_DATA" in operation)


def details_of(headers: Mapping[str, str]) -> Details | None:
    """Return what the headers of an answer say about an error, ``None`` if they say nothing."""
    try:
        text = headers[DETAILS].strip()
        # The header goes without padding.
        return _decoded(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (KeyError, ValueError):
        pass
    message = unquote(headers.get("grpc-message", ""))
    return Details(message) if message else None


def _decoded(content: bytes) -> Details:
    """Read ``TracErrorDetails``: 1 code, 2 message, 3 items, each with 1 detail and 2 fieldPath."""
    message, items = "", []
    for number, value in _fields(content):
        if number == 2:
            message = value.decode(errors="replace")
        elif number == 3:
            texts = {n: v.decode(errors="replace") for n, v in _fields(value)}
            items.append((texts.get(1, ""), texts.get(2, "")))
    return Details(message, tuple(items))


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Go through a protobuf message; of fields that are no text or message only the number matters.

    :raises ValueError: if it is cut off or no such message.
    """
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            _, at = _varint(content, at)
            continue
        if wire == 2:
            size, at = _varint(content, at)
        else:
            size = {1: 8, 5: 4}.get(wire, len(content) + 1)
        if at + size > len(content):
            raise ValueError("cut off")
        if wire == 2:
            yield number, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("cut off")
