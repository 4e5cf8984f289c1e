"""Whether the server may have processed a request that failed."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as low
from urllib3.connection import HTTPConnection

from airflow_provider_dataops.errors import TransportError
from airflow_provider_dataops.transport.adapter import NotConnectedError, _PlainConnection
from tests.unit.transport.failures import RESET

if TYPE_CHECKING:
    from tests.unit.transport.worker import Worker


def not_connected(reason: Exception) -> Exception:
    """Return the error of a failed connection."""
    error = NotConnectedError()
    error.__cause__ = reason
    return error


PLAIN = HTTPConnection("h", 443)


@pytest.mark.parametrize(
    ("error", "words", "not_sent"),
    [
        (not_connected(low.NewConnectionError(PLAIN, "refused")), "NewConnectionError: .*refused", True),
        (
            not_connected(low.NameResolutionError("h", PLAIN, socket.gaierror(-2, "not known"))),
            "NameResolutionError: .*not known",
            True,
        ),
        (
            not_connected(low.ConnectTimeoutError(PLAIN, "timed out")),
            "ConnectTimeoutError: .*timed out",
            True,
        ),
        (
            not_connected(ssl.SSLCertVerificationError(1, "self-signed")),
            "SSLCertVerificationError: .*self-signed",
            True,
        ),
        (
            not_connected(OSError("Tunnel connection failed: 407 Who?")),
            "OSError: Tunnel connection failed: 407 Who?",
            True,
        ),
        (RESET, "ConnectionResetError: .*reset", False),
        (
            requests.ReadTimeout(low.ReadTimeoutError(HTTPConnectionPool("h"), "/x", "Read timed out.")),
            "ReadTimeoutError: .*Read timed out",
            False,
        ),
        (
            requests.exceptions.SSLError(low.SSLError(ssl.SSLEOFError(8, "EOF occurred"))),
            "SSLEOFError: .*EOF occurred",
            False,
        ),
        (
            requests.exceptions.ChunkedEncodingError(
                low.ProtocolError("Connection broken", low.IncompleteRead(3, 5))
            ),
            "IncompleteRead: .*3 bytes read",
            False,
        ),
        (low.DecodeError("not gzip"), "DecodeError: ", False),
        # Errors of the standard library that the HTTP libraries do not convert.
        (http.client.LineTooLong("header line"), "LineTooLong: .*header line", False),
        (
            UnicodeError("label too long"),
            "UnicodeError: the request or the response is not valid HTTP",
            False,
        ),
        (requests.ConnectionError(), "ConnectionError: no further details", False),
    ],
)
def test_the_error_shows_whether_the_server_may_have_processed_the_request(
    worker: Worker, error: Exception, words: str, not_sent: bool
) -> None:
    with pytest.raises(TransportError, match=f"^Tamr: create job .* failed: {words}") as caught:
        worker.create(error)
    assert caught.value.not_sent is not_sent
    assert caught.value.may_have_been_processed is not not_sent


class SlowSocket:
    """A socket on a slow connection. It takes a few bytes at a time."""

    def __init__(self) -> None:
        self.received = b""

    def send(self, data: memoryview) -> int:
        self.received += data[:1_000]
        return min(1_000, len(data))


def test_the_timeout_applies_to_each_part_of_a_block() -> None:
    connection = _PlainConnection("h")
    sock = SlowSocket()
    connection.sock = sock
    connection.send(bytes(2_500) + b"end")
    assert sock.received == bytes(2_500) + b"end"
