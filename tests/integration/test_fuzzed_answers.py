"""For any response of a server, each driver returns a typed result or raises an error of the provider."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_dataops.core.http import read_nothing
from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.files.destinations import Download
from tests.raw import DRIVERS, get, post, read_request, serving

if TYPE_CHECKING:
    import socket

    from airflow_provider_dataops.core.http import Exchange

STATUSES = (200, 204, 206, 302, 303, 307, 400, 401, 403, 404, 409, 412, 429, 500, 503)
LINES = st.sampled_from([f"HTTP/1.1 {status} OK".encode() for status in STATUSES]) | st.sampled_from(
    [
        b"HTTP/1.1 \xb2\xb2\xb2 OK",
        b"HTTP/1.1 -1",
        b"HTTP/1.1 1000 OK",
        b"HTTP/1.1 99999999999999999999 OK",
        b"HTTP/1.1 101 Switching",
        b"HTTP/9.9 200 OK",
        b"HTTP/1.0 500 \xed\xa0\x80\x00\xff",
        b"ICY 200 OK",
        b"",
    ]
)
NUMBERS = [b"\xb2", "²".encode(), b"-1", b"+2", b"1e999", b"nan", b"5, 6", b"0x10", b"1_0", b"9" * 5_000, b""]
DATES = [
    b"Mon, 01 Jan 99999999999 00:00:00 GMT",
    b"Mon, 01 Jan 0001 00:00:00 +2359",
    b"Fri, 31 Dec 9999 23:59:59 -2359",
    b"1 Jan 99 99999999999999999999:0:0",
    b"Mon, 01 Jan 2000 00:00:00 +99999999999999999999",
]
PLACES = [
    b"http://[::1",
    b"http://a..b/",
    b"/\xe9",
    "/é☃".encode(),
    b"http://\xed\xa0\x80/",
    b"http://h:99999/",
    b"//",
    b"http://" + b"a" * 70 + b"/",
    b"http://*.x/",
    b"http://%/",
    b"http://xn--/",
    b"ftp://x",
    b"?\x00",
    b"\\\\",
    b"http://user:pw@127.0.0.1:1/",
]
TEXTS = st.binary(max_size=8)
HEADERS = st.one_of(
    st.tuples(st.just(b"Content-Length"), st.sampled_from(NUMBERS)),
    st.tuples(st.just(b"Transfer-Encoding"), st.sampled_from([b"chunked", b"gzip", b"chunked, chunked"])),
    st.tuples(st.just(b"Content-Encoding"), st.sampled_from([b"gzip", b"br", b"deflate", b"gzip, gzip"])),
    st.tuples(st.just(b"Location"), st.sampled_from(PLACES)),
    st.tuples(st.sampled_from([b"Retry-After", b"Date"]), st.sampled_from(DATES + NUMBERS)),
    st.tuples(st.just(b"Content-Type"), st.sampled_from([b"text/html; charset=\xff", b"application/json"])),
    st.tuples(st.just(b"Set-Cookie"), st.sampled_from([b"a=b; expires=\xff", b"=;=;", b"a=b; max-age=9e9"])),
    st.tuples(st.sampled_from([b"grpc-message", b"X", b"", b" X", b"X\x00"]), TEXTS),
)
#: JSON that can be decoded, but is so deep that a recursive function fails on it.
DEEP = b'{"a":' * 900 + rb'"\ud800"' + b"}" * 900
BODIES = st.one_of(
    TEXTS,
    st.sampled_from(
        [
            b"{}",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n",
            b"\xb2\r\nhello\r\n",
            b"f" * 40 + b"\r\nx",
            b"0\r\nA: b\r\n\r\n",
            b"\x1f\x8b\x08\x00garbage",
            rb'{"message": "\ud800\u0000"}',
            b'{"error": {"message": 1e999}}',
            b'{"error": [{"message": null}]}',
            b"[" * 100_000,
            b"9" * 5_000,
            DEEP,
        ]
    ),
)
ENDS = st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r", b""])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    end = draw(ENDS)
    lines = [draw(LINES), *(name + b": " + value for name, value in draw(st.lists(HEADERS, max_size=3)))]
    return b"".join(line + end for line in lines) + draw(ENDS) + draw(BODIES)


def download(url: str) -> Exchange[Any]:
    """Return an exchange that downloads a file."""
    return get(url, sink=Download("memory", BytesIO), parse=read_nothing)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.__name__)
def test_a_driver_raises_only_errors_of_the_provider(driver: Any) -> None:
    answer = b""
    messages: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with serving(talk) as server:

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @example(b"HTTP/1.1 503 Busy\r\nRetry-After: " + DATES[0] + b"\r\n\r\n")
        @example(b"HTTP/1.1 429 Busy\r\nRetry-After: " + DATES[2] + b"\r\nDate: " + DATES[1] + b"\r\n\r\n")
        @example(b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{}")
        @example(b"HTTP/1.1 400 Bad\r\n\r\n" + DEEP)
        @given(answers())
        def ask(fuzzed: bytes) -> None:
            nonlocal answer
            answer = fuzzed
            for exchange in (get(server.url), post(server.url), download(server.url)):
                try:
                    driver(exchange, host=server.url)
                except DataOpsError as error:
                    # The message must be valid UTF-8, because it is logged and is sent in an event.
                    messages.append(str(error).encode())

        ask()
    assert messages
