"""Error responses of TRAC's services and of its gateway."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from dataops_sandbox.messages import Answer, DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JSON = "application/json; charset=UTF-8"
TEXT = "text/plain; charset=UTF-8"

_LENGTH_DELIMITED = 2
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


class Code(IntEnum):
    """The gRPC status codes that the platform's services use."""

    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    FAILED_PRECONDITION = 9
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_STATUSES = {
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.FAILED_PRECONDITION: 412,
    Code.UNAVAILABLE: 503,
}
"""HTTP status code of each gRPC code; all other gRPC codes become 500."""


@dataclass(frozen=True)
class Item:
    """One problem that a service has found in a request."""

    detail: str
    path: str = ""
    """Path of the field, from the root of the request; empty if the problem concerns the whole request."""


class ServiceError(DeniedError):
    """A service behind the gateway rejects the request.

    :param message: message for the reason phrase and the headers; empty if the service sends no message
    :param items: all problems that the service found
    """

    def __init__(
        self,
        code: Code,
        message: str,
        items: Sequence[Item] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(_STATUSES.get(code, 500), message, headers=headers)
        self.code = code
        self.items = tuple(items)


class InvalidError(ServiceError, RefusedError):
    """A service rejects a request that is invalid by itself, without regard to the stored objects."""

    def __init__(self, message: str, items: Sequence[Item]) -> None:
        super().__init__(Code.INVALID_ARGUMENT, message, items)


class GatewayError(RefusedError):
    """The gateway rejects the request before it calls a service. The response is one line of text."""


class BareError(DeniedError):
    """The gateway responds with an error status and an empty body."""


def internal() -> ServiceError:
    """Return the error of a service that has failed unexpectedly."""
    return ServiceError(Code.INTERNAL, "Internal server error")


def not_found(message: str) -> ServiceError:
    """Return the error for an object that does not exist."""
    return ServiceError(Code.NOT_FOUND, message)


def bad_state(message: str, items: Sequence[Item] = ()) -> ServiceError:
    """Return the error for a valid request that contradicts the stored objects."""
    return ServiceError(Code.FAILED_PRECONDITION, message, items)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(value)) + value


def encode_details(code: int, message: str, items: Sequence[Item]) -> str:
    """Return the ``trac-error-details-bin`` header: a ``TracErrorDetails`` in base64 without padding."""
    encoded = _varint(1 << 3) + _varint(code) + _bytes_field(2, message.encode())
    for item in items:
        fields = _bytes_field(1, item.detail.encode())
        if item.path:
            fields += _bytes_field(2, item.path.encode())
        encoded += _bytes_field(3, fields)
    return base64.b64encode(encoded).decode().rstrip("=")


def answer_of(denied: DeniedError) -> Answer:
    """Return the error response, in the format of the gateway or of the service that raised the error."""
    if isinstance(denied, BareError):
        return Answer(denied.status, content_type="", headers=denied.headers)
    if isinstance(denied, RefusedError) and not isinstance(denied, ServiceError):
        return Answer(denied.status, denied.reason.encode(), TEXT, denied.headers)
    # An error that a test injects has only an HTTP status code. Derive the gRPC code from the status code.
    codes = {status: code for code, status in _STATUSES.items()}
    code = getattr(denied, "code", codes.get(denied.status, Code.INTERNAL))
    headers = {"grpc-status": str(int(code)), **denied.headers}
    if denied.reason:
        headers["grpc-message"] = quote(denied.reason, safe=_PRINTABLE)
        headers["trac-error-details-bin"] = encode_details(code, denied.reason, getattr(denied, "items", ()))
    return Answer(denied.status, b"", JSON, headers, reason=denied.reason or None)
