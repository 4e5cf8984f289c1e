"""How both drivers react to servers that send too much, too slowly, or only part of a response."""

from __future__ import annotations

import gzip
import logging
import shutil
import socket
import struct
import threading
import time
import tracemalloc
import zlib
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import certifi
import pytest

from airflow_provider_dataops.core.http import Reply
from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    MalformedReplyError,
    NotFoundError,
    TransportError,
)
from airflow_provider_dataops.transport import aio, body, network, sync
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.raw import DRIVERS, answering, get, post, read_request, repeating, serving, worker
from tests.unit.platforms.apis import MemorySink, tamr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.raw import Server, Talk

Driver = Any

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(30_000_000))


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.__name__)
def ask(request: pytest.FixtureRequest) -> Driver:
    """Return the function that runs an exchange as a worker, or as a triggerer."""
    return request.param


@pytest.fixture(autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_REPLY_BYTES", 1_000_000)
    monkeypatch.setattr(body, "MAX_ERROR_BYTES", 100_000)
    monkeypatch.setattr(network, "TOTAL_TIMEOUT", 0.3)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def compressed(content: bytes, encoding: str = "gzip") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def trickling(head: bytes, pieces: Iterable[bytes]) -> Talk:
    """Send the head of a response at once, then one piece of the rest every few milliseconds."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        for piece in pieces:
            time.sleep(0.01)
            connection.sendall(piece)

    return talk


class TestTooLargeResponse:
    @pytest.mark.parametrize("status", [302, 307])
    def test_the_body_of_a_redirect_is_not_read(self, ask: Driver, status: int) -> None:
        endless = repeating(f"HTTP/1.1 {status} Go\r\nLocation: /there\r\n\r\n".encode(), bytes(65_536))

        def talk(connection: socket.socket) -> None:
            if b" /there " in connection.recv(4, socket.MSG_PEEK) + connection.recv(65_536, socket.MSG_PEEK):
                return answering(GOOD)(connection)
            return endless(connection)

        with serving(talk) as server:
            assert ask(get(f"{server.url}/here"), host=server.url) == {}

    def test_an_error_response_of_any_size_keeps_its_status(self, ask: Driver) -> None:
        with (
            serving(repeating(b"HTTP/1.1 404 No\r\n\r\n", b"x" * 65_536)) as server,
            pytest.raises(NotFoundError, match="HTTP 404 No: xxx"),
        ):
            ask(get(server.url), host=server.url)

    def test_a_success_raises_an_error(self, ask: Driver) -> None:
        with (
            serving(repeating(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536)) as server,
            pytest.raises(MalformedReplyError, match="larger than 1000000 bytes"),
        ):
            ask(get(server.url), host=server.url)

    def test_a_small_body_that_is_too_large_after_decompression_raises_an_error(self, ask: Driver) -> None:
        tracemalloc.start()
        try:
            with (
                serving(answering(compressed(BOMB))) as server,
                pytest.raises(MalformedReplyError, match="larger than 1000000 bytes"),
            ):
                ask(get(server.url), host=server.url)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        ("begin", "again"),
        [
            pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, id="continue"),
            pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 1_000, id="headers"),
            pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65_536, id="header"),
            pytest.param(b"HTTP/1.1 200 ", b"x" * 65_536, id="reason"),
            pytest.param(b"", b"x" * 65_536, id="no line"),
        ],
    )
    def test_a_head_without_an_end_raises_an_error_after_the_timeout(
        self, ask: Driver, begin: bytes, again: bytes
    ) -> None:
        began = time.monotonic()
        with serving(repeating(begin, again)) as server, pytest.raises(TransportError) as caught:
            ask(post(server.url), host=server.url, extra={"request_timeout": 0.3})
        assert caught.value.may_have_been_processed
        assert time.monotonic() - began < 5.0


class TestTooSlowResponse:
    @pytest.mark.parametrize(
        ("head", "piece"),
        [
            pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="continue"),
            pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x", id="header"),
            pytest.param(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n", id="headers"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x", id="body"),
            pytest.param(CHUNKED, b"1\r\nx\r\n", id="chunks"),
            pytest.param(CHUNKED + b"5;", b"x", id="a chunk's length"),
            pytest.param(CHUNKED + b"0\r\n", b"X: x\r\n", id="trailers"),
        ],
    )
    def test_a_slow_response_raises_an_error_after_the_timeout(
        self, ask: Driver, head: bytes, piece: bytes
    ) -> None:
        began = time.monotonic()
        with serving(trickling(head, repeat(piece))) as server, pytest.raises(TransportError) as caught:
            ask(post(server.url), host=server.url, extra={"request_timeout": 0.3})
        assert caught.value.may_have_been_processed
        assert time.monotonic() - began < 2.0

    def test_an_error_status_counts_although_the_body_is_too_slow(self, ask: Driver) -> None:
        head = b"HTTP/1.1 400 No\r\nContent-Length: 9999\r\n\r\n"
        with serving(trickling(head, repeat(b"x"))) as server, pytest.raises(BadRequestError) as caught:
            ask(post(server.url), host=server.url, extra={"request_timeout": 0.3})
        assert not caught.value.may_have_been_processed

    @pytest.mark.parametrize("rest", [b"", b"x"], ids=["cut off", "not compressed"])
    def test_an_error_status_counts_although_the_body_is_incomplete(self, ask: Driver, rest: bytes) -> None:
        head = b"HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
        with serving(answering(head + rest)) as server, pytest.raises(BadRequestError):
            ask(post(server.url), host=server.url)

    def test_a_file_may_take_longer_than_the_timeout_if_its_bytes_keep_coming(self) -> None:
        sink = MemorySink()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n"
        with serving(trickling(head, repeat(b"x", 60))) as server:
            url = server.url
            worker(get(url, sink=sink, parse=Reply.text), host=url, extra={"request_timeout": 0.3})
        assert sink.content == b"x" * 60

    @pytest.mark.parametrize("piece", [b"", b"1;" + b"y" * 30], ids=["silence", "no byte of the file"])
    def test_a_file_raises_an_error_after_the_timeout_if_none_of_its_bytes_come(self, piece: bytes) -> None:
        silent = threading.Event()

        def nothing() -> Iterator[bytes]:
            silent.wait(2.0)
            yield from ()

        pieces = chain([piece], repeat(b"y")) if piece else nothing()
        with (
            serving(trickling(CHUNKED, pieces)) as server,
            pytest.raises(TransportError, match="ime"),
        ):
            worker(get(server.url, sink=MemorySink()), host=server.url, extra={"request_timeout": 0.3})
        silent.set()

    def test_a_slow_proxy_raises_an_error_after_the_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sync, "CONNECT_TIMEOUT", 0.3)
        endless = trickling(b"HTTP/1.1 200 OK\r\n", repeat(b"X: x\r\n"))
        with serving(endless) as server, pytest.raises(TransportError) as caught:
            worker(get("https://h.invalid/"), extra={"proxy": server.url})
        assert caught.value.not_sent

    def test_a_connection_that_never_opens_raises_an_error_without_the_query(
        self, ask: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The query of a login or of a signed link contains a secret."""
        for driver in (sync, aio):
            monkeypatch.setattr(driver, "CONNECT_TIMEOUT", 0.3)
        ended = threading.Event()

        def silent(_: socket.socket) -> None:
            ended.wait(5.0)

        with serving(silent) as server, pytest.raises(TransportError) as caught:
            ask(get(server.url.replace("http:", "https:") + "/token?key=s3cret"), host=server.url)
        ended.set()
        assert "s3cret" not in f"{caught.value!r}{caught.value}"
        assert caught.value.not_sent


class TestCompressedResponse:
    @pytest.mark.parametrize(
        ("content", "encoding"),
        [
            (gzip.compress(b'{"a": 1}', mtime=0), "gzip"),
            (gzip.compress(b'{"a":', mtime=0) + gzip.compress(b" 1}", mtime=0), "x-gzip"),
            (zlib.compress(b'{"a": 1}'), "Deflate"),
            (b'{"a": 1}', "identity"),
        ],
    )
    def test_json_is_decompressed(self, ask: Driver, content: bytes, encoding: str) -> None:
        with serving(answering(compressed(content, encoding))) as server:
            assert ask(get(server.url), host=server.url) == {"a": 1}

    @pytest.mark.parametrize(("content", "encoding"), [(b"{}", "br"), (b"{}", "gzip, gzip"), (b"{}", "gzip")])
    def test_json_that_cannot_be_decompressed_is_malformed(
        self, ask: Driver, content: bytes, encoding: str
    ) -> None:
        with serving(answering(compressed(content, encoding))) as server, pytest.raises(MalformedReplyError):
            ask(get(server.url), host=server.url)

    def test_files_are_decompressed_in_small_pieces(self) -> None:
        sizes = []

        class Sizes(MemorySink):
            def write(self, chunk: bytes) -> None:
                sizes.append(len(chunk))

        with serving(answering(compressed(BOMB))) as server:
            worker(get(server.url, sink=Sizes(), parse=Reply.text), host=server.url)
        assert sum(sizes) == 30_000_000
        assert max(sizes) <= body.CHUNK

    def test_files_that_are_cut_off_raise_an_error(self) -> None:
        with (
            serving(answering(compressed(BOMB[:-20]))) as server,
            pytest.raises(TransportError, match="ended before the compressed body was complete"),
        ):
            worker(get(server.url, sink=MemorySink()), host=server.url)


def reset(connection: socket.socket) -> None:
    """Reset a connection as soon as a byte has arrived."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def respond_without_tls(connection: socket.socket) -> None:
    """Respond as an HTTP port responds to a TLS handshake."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def close(connection: socket.socket) -> None:
    """Close a connection as soon as something has arrived."""
    connection.recv(65_536)
    connection.close()


class TestWhetherTheRequestWasSent:
    @pytest.mark.parametrize("talk", [reset, close, respond_without_tls])
    def test_it_was_not_sent_if_there_is_no_tls(self, ask: Driver, talk: Talk) -> None:
        with serving(talk) as server, pytest.raises(TransportError) as caught:
            ask(post(f"https://{server.netloc}/"), host=server.url)
        assert caught.value.not_sent

    @pytest.mark.parametrize("talk", [reset, close])
    def test_it_may_have_been_sent_if_the_connection_breaks_without_a_response(
        self, ask: Driver, talk: Talk
    ) -> None:
        with serving(talk) as server, pytest.raises(TransportError) as caught:
            ask(post(server.url), host=server.url)
        assert not caught.value.not_sent

    def test_it_was_not_sent_if_the_file_of_certificates_is_missing(self, tmp_path: Path) -> None:
        bundle = tmp_path / "ca.pem"
        shutil.copy(certifi.where(), bundle)
        driver = SyncDriver(tamr(extra={"ca_bundle": str(bundle)}), register_secret=lambda _: None)
        bundle.unlink()
        with serving(respond_without_tls) as server, pytest.raises(TransportError, match="CA cert") as caught:
            driver.run(post(f"https://{server.netloc}/"), ONCE)
        assert caught.value.not_sent

    def test_it_may_have_been_sent_if_a_reused_connection_breaks(self, ask: Driver) -> None:
        def talk(connection: socket.socket) -> None:
            answering(GOOD)(connection)
            close(connection)

        def exchange() -> Any:
            yield from get(server.url)
            return (yield from post(server.url))

        with serving(talk) as server, pytest.raises(TransportError) as caught:
            ask(exchange(), host=server.url)
        assert server.connections == 1
        assert not caught.value.not_sent

    @pytest.mark.parametrize("host", ["a..b", "a" * 64, "*.b", "xn--a", "h:99999", "\u2603..x", "%"])
    def test_it_was_not_sent_if_the_host_name_is_invalid(self, ask: Driver, host: str) -> None:
        with pytest.raises(TransportError) as caught:
            ask(post(f"https://{host}/"))
        assert caught.value.not_sent

    @pytest.mark.parametrize(
        "talk", [reset, close, answering(b"HTTP/1.1 407 Who\r\n\r\n")], ids=["reset", "close", "407"]
    )
    def test_it_was_not_sent_if_the_proxy_does_not_connect(self, ask: Driver, talk: Talk) -> None:
        with serving(talk) as server, pytest.raises(TransportError) as caught:
            ask(post("https://h.invalid/"), extra={"proxy": server.url})
        assert caught.value.not_sent


def request_twice(driver_ask: Driver, server: Server, status: str) -> None:
    """Send two requests. The first gets a response with this status, the second a success."""

    def exchange() -> Any:
        if status != "200 OK":
            with pytest.raises(ApiError):
                yield from get(server.url)
        else:
            yield from get(server.url)
        return (yield from get(server.url))

    assert driver_ask(exchange(), host=server.url) == {}


class TestConnections:
    @pytest.mark.parametrize("at_once", [True, False])
    @pytest.mark.parametrize("content", [b"", b"no such method"])
    @pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "503 Unavailable"])
    def test_are_closed_after_an_error_response(
        self, ask: Driver, status: str, content: bytes, at_once: bool
    ) -> None:
        """TRAC's gateway then closes the connection, and may send a second response to the same request."""
        refusal = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
        stray = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        refused = threading.Event()

        def talk(connection: socket.socket) -> None:
            if refused.is_set():
                return answering(GOOD)(connection)
            refused.set()
            head, _, rest = refusal.partition(b"\r\n\r\n")
            read_request(connection)
            connection.sendall(head + b"\r\n\r\n")
            if not at_once:
                time.sleep(0.02)
            connection.sendall(rest)
            return answering(stray)(connection)

        with serving(talk) as server:
            request_twice(ask, server, status)
            assert server.connections == 2

    def test_are_reused_after_a_success(self, ask: Driver) -> None:
        with serving(answering(GOOD, GOOD)) as server:
            request_twice(ask, server, "200 OK")
            assert server.connections == 1


def test_the_http_library_does_not_log_a_query(caplog: pytest.LogCaptureFixture) -> None:
    """A query may contain a web API key, or the signature of a link."""
    caplog.set_level(logging.DEBUG)
    bad_header = b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\n{}"
    with serving(answering(bad_header)) as server:
        worker(get(f"{server.url}/v1/token?key=web-api-key"), host=server.url)
    assert "GET /v1/token?***" in caplog.text
    assert "web-api-key" not in caplog.text
