"""Whether the server may have processed a request that failed."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as low
from urllib3.connection import HTTPConnection

from airflow_provider_dataops.errors import TransportError
from airflow_provider_dataops.transport import adapter
from airflow_provider_dataops.transport.adapter import NotConnectedError, _PlainConnection
from tests.unit.transport.failures import RESET

if TYPE_CHECKING:
    from tests.unit.transport.worker import Worker


def not_connected(reason: Exception) -> Exception:
    """Return the error of a failed connection."""
    error = NotConnectedError()
    error.__cause__ = reason
    return error


NO_SOCKET: Any = None
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


class Records(io.RawIOBase):
    """Returns one TLS record for each read, or raises an error."""

    def __init__(self, *records: bytes | OSError) -> None:
        self.records = list(records)

    def readinto(self, buffer: Any) -> int:
        record = self.records.pop(0) if self.records else b""
        if isinstance(record, OSError):
            raise record
        buffer[: len(record)] = record
        return len(record)


class Arrived:
    """A socket that returns the bytes that have arrived, or raises an error, and never waits."""

    def __init__(self, *outcomes: bytes | OSError) -> None:
        self.outcomes = list(outcomes)
        self.timeout: float | None = 30.0

    def gettimeout(self) -> float | None:
        return self.timeout

    def settimeout(self, timeout: float | None) -> None:
        self.timeout = timeout

    def recv_into(self, view: memoryview) -> int:
        assert self.timeout == 0, "the reader must not wait"
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        view[: len(outcome)] = outcome
        return len(outcome)


class TestReader:
    def reader(self, sock: Arrived, *records: bytes | OSError, seconds: float = 60.0) -> io.RawIOBase:
        return adapter._TimedReader(sock, Records(*records), seconds)  # type: ignore[arg-type]

    @pytest.mark.parametrize("nothing", [BlockingIOError(), ssl.SSLWantReadError()], ids=["plain", "tls"])
    def test_records_that_have_arrived_are_read_together(self, nothing: OSError) -> None:
        sock = Arrived(b"cd", b"ef", nothing, nothing)
        reader = self.reader(sock, b"ab", b"gh")
        assert reader.read(100) == b"abcdef"
        assert reader.read(100) == b"gh"
        assert sock.timeout == 30.0

    def test_no_more_is_read_than_was_requested(self) -> None:
        reader = self.reader(Arrived(b"cd"), b"ab")
        assert reader.read(4) == b"abcd"

    def test_an_error_does_not_hide_the_bytes_before_it(self) -> None:
        reader = self.reader(Arrived(ConnectionResetError(104, "reset")), b"ab")
        assert reader.read(100) == b"ab"
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                reader.read(100)

    def test_the_end_of_the_response_is_no_error(self) -> None:
        reader = self.reader(Arrived(b""), b"ab")
        assert (reader.read(100), reader.read(100)) == (b"ab", b"")

    def test_nothing_is_read_after_the_deadline(self) -> None:
        with pytest.raises(TimeoutError, match="too slowly"):
            self.reader(Arrived(), b"ab", seconds=-1.0).read(100)


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
