"""Read TRAC's errors: a short text in the reason phrase, and a protobuf message in a header."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DETAILS = "trac-error-details-bin"
#: The body of the gateway's 404 for a call that it does not have.
NO_METHOD = "REST API METHOD NOT FOUND"
#: With one of these gRPC statuses, a 500 means that TRAC rejected the request. 12 is UNIMPLEMENTED: TRAC does
#: not support a format, for instance. 15 is DATA_LOSS: TRAC cannot read the content. A real
#: installation sent both, and created nothing.
_REFUSALS = frozenset({"12", "15"})
#: The gRPC status UNKNOWN.
_UNKNOWN = "2"
#: An error message lists at most this many problems of a request.
ITEMS = 20


@dataclass(frozen=True)
class Details:
    """TRAC's own text about an error.

    :param items: the problems of the request, each with the path of the wrong field. A path may be empty.
    """

    message: str
    items: tuple[tuple[str, str], ...] = ()

    def text(self, reason: str) -> str:
        """Return the text on one line. The message is left out if it is the same as the reason phrase."""
        shown = [f"{detail} [{path}]" if path else detail for detail, path in self.items[:ITEMS]]
        if len(self.items) > ITEMS:
            shown.append(f"and {len(self.items) - ITEMS} more")
        parts = shown if self.message == reason and shown else [self.message, *shown]
        return "; ".join(part for part in parts if part)


def is_refusal(headers: Mapping[str, str], operation: str) -> bool:
    """Return whether TRAC rejected the request, although the status code is 500 or higher.

    :param operation: what the request does. If TRAC does not support ``IMPORT_DATA`` jobs, it rejects them
        with the gRPC status UNKNOWN. For all other requests, UNKNOWN does not mean a rejection.
    """
    status = headers.get("grpc-status")
    return status in _REFUSALS or (status == _UNKNOWN and "IMPORT_DATA" in operation)


def details_of(headers: Mapping[str, str]) -> Details | None:
    """Return the text about an error in the headers of a response; ``None`` if there is no such text."""
    try:
        text = headers[DETAILS].strip()
        # TRAC sends base64 without padding.
        return _decoded(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (KeyError, ValueError):
        pass
    message = unquote(headers.get("grpc-message", ""))
    return Details(message) if message else None


def _decoded(content: bytes) -> Details:
    """Return the content of a protobuf message ``TracErrorDetails``.

    In this message, field 1 is the code, field 2 the message, and field 3 the items. In an item, field 1 is
    the detail, and field 2 is the path of the wrong field.
    """
    message, items = "", []
    for number, value in _fields(content):
        if number == 2:
            message = value.decode(errors="replace")
        elif number == 3:
            texts = {n: v.decode(errors="replace") for n, v in _fields(value)}
            items.append((texts.get(1, ""), texts.get(2, "")))
    return Details(message, tuple(items))


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the string fields and the nested messages of a protobuf message, each with its field number.

    :raises ValueError: if the content is not a protobuf message, or if the message is cut off.
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
            raise ValueError("the protobuf message is cut off")
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
    raise ValueError("the protobuf message is cut off")
