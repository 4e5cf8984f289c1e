"""Servers that send the exact bytes that a test chooses, and both drivers to send requests to them."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.http import Exchange, Request, call
from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.transport.aio import AsyncDriver
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.loops import run
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_dataops.core.clock import Clock

    Talk = Callable[[socket.socket], None]


class Server(socketserver.ThreadingTCPServer):
    """Calls ``talk`` with each new connection, and counts the connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.connections = 0
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.netloc = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.netloc}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        # A client that has read enough closes the connection.
        with suppress(OSError):
            self.talk(request)

    def shutdown_request(self, request: Any) -> None:
        with suppress(OSError):
            request.shutdown(socket.SHUT_WR)
            # Read what the client still sends. Otherwise, the system resets the connection.
            request.settimeout(1.0)
            while request.recv(65_536):
                pass
        self.close_request(request)


@contextmanager
def serving(talk: Talk) -> Iterator[Server]:
    """Run a server on loopback until the block ends, and yield it."""
    with Server(talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Read the head of a request, and return it; return what arrived if the client stops early."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (received := connection.recv(65_536)):
            break
        head += received
    return head


def answering(*answers: bytes) -> Talk:
    """Send these responses, one for each request of a connection, then close the connection."""

    def talk(connection: socket.socket) -> None:
        for answer in answers:
            if not read_request(connection):
                return
            connection.sendall(answer)

    return talk


def repeating(head: bytes, again: bytes) -> Talk:
    """Send a response that never ends: the head, then the same bytes again and again."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(again)

    return talk


def worker(exchange: Exchange[Any], clock: Clock = SYSTEM_CLOCK, **fields: Any) -> Any:
    """Run an exchange as a worker does."""
    driver = SyncDriver(tamr(**fields), register_secret=lambda _: None, clock=clock, sleep=lambda _: None)
    try:
        return driver.run(exchange, ONCE)
    finally:
        driver.close()


def triggerer(exchange: Exchange[Any], clock: Clock = SYSTEM_CLOCK, **fields: Any) -> Any:
    """Run an exchange as a triggerer does."""

    async def main() -> Any:
        driver = AsyncDriver(tamr(**fields), register_secret=_mask_nothing, clock=clock)
        await driver.open()
        try:
            return await driver.run(exchange)
        finally:
            await driver.close()

    return run(main())


async def _mask_nothing(_: str) -> None:
    pass


DRIVERS = [worker, triggerer]


def get(url: str, **options: Any) -> Exchange[Any]:
    """Return an exchange that sends a GET request."""
    return call(Request(operation="read it", method="GET", url=url, repeatable=True, **options))


def post(url: str, **options: Any) -> Exchange[Any]:
    """Return an exchange that sends a POST request, which must not be repeated."""
    return call(Request(operation="start it", method="POST", url=url, **options))
