"""Limit how long ``requests`` waits for response headers, and raise a special error if nothing was sent."""

from __future__ import annotations

import http.client
import io
import logging
import ssl
import time
from contextvars import ContextVar
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import requests
    from urllib3 import PoolManager


#: Whether this thread is sending a request of this provider.
_sending: ContextVar[bool] = ContextVar("_sending", default=False)


def _hide_queries(record: logging.LogRecord) -> bool:
    """Remove the query from URLs that ``urllib3`` logs. A query may contain a key or a link's signature."""
    if _sending.get() and isinstance(record.args, tuple):
        record.args = tuple(
            f"{arg.partition('?')[0]}?***" if isinstance(arg, str) and "?" in arg else arg
            for arg in record.args
        )
    return True


for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(_hide_queries)


class Stage(StrEnum):
    """The stages of a request. A connection test names the stage that failed."""

    #: Find the address of the host, and connect to it.
    CONNECT = "connect"
    #: Connect to the proxy, and ask it for a connection to the host.
    PROXY = "proxy"
    #: Exchange certificates and keys with the host.
    TLS = "TLS"
    #: Send the request, and receive the response.
    RESPONSE = "response"


#: Called with each stage that a request of this thread reaches. Only a connection test sets it.
ON_STAGE: ContextVar[Callable[[Stage], None]] = ContextVar("ON_STAGE")


class NotConnectedError(HTTPError):
    """No connection was made, so nothing was sent. ``__cause__`` is the reason.

    :param stage: the stage that failed.
    """

    def __init__(self, stage: Stage = Stage.CONNECT) -> None:
        super().__init__()
        self.stage = stage


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a deadline. The socket's own timeout is not enough: each byte restarts it."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, seconds: float) -> None:
        self._sock = sock
        self._raw = raw
        self._seconds = seconds
        self._failure: OSError | None = None
        self.restart()

    def restart(self) -> None:
        """Set a new deadline: the full timeout begins again."""
        self._deadline = time.monotonic() + self._seconds

    def readable(self) -> bool:
        """Return ``True``, because :class:`io.BufferedReader` requires it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the bytes that have arrived. Wait only for the first of them.

        :raises OSError: if the connection failed, and all bytes before the failure were returned.
        :raises TimeoutError: if the deadline has passed.
        """
        if self._failure is not None:
            raise self._failure
        if time.monotonic() > self._deadline:
            raise TimeoutError("the response arrives too slowly")
        view = memoryview(buffer)
        filled = self._raw.readinto(view) or 0
        return filled + self._arrived(view[filled:]) if filled else 0

    def _arrived(self, view: memoryview) -> int:
        """Read more bytes, but only those that have arrived.

        TLS returns records of at most 16 KiB. To collect them saves a fifth of the CPU time of a download.
        """
        filled = 0
        timeout = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            while filled < len(view) and (more := self._sock.recv_into(view[filled:])):
                filled += more
        except (BlockingIOError, ssl.SSLWantReadError):
            # A part of the next record may have arrived. The next call waits for the rest.
            pass
        except OSError as error:
            self._failure = error
        finally:
            self._sock.settimeout(timeout)
        return filled

    def close(self) -> None:
        """Close the socket's file."""
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response. Its headers and each piece of its body must arrive within the read timeout."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._reader = _TimedReader(sock, self.fp.detach(), sock.gettimeout() or 0.0)
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        """Read the status line and the headers."""
        super().begin()
        if self.status >= 300:
            # After an error, TRAC's gateway closes the connection or sends a second response. So the
            # connection must not be used again.
            self.will_close = True

    def read1(self, n: int = -1) -> bytes:
        """Read the next piece of the body."""
        self._reader.restart()
        return super().read1(n)


class _Connection(HTTPConnection):
    response_class = _Response
    _stage = Stage.CONNECT

    def connect(self) -> None:
        self._enter(Stage.CONNECT if self.proxy is None else Stage.PROXY)
        try:
            super().connect()
        except (OSError, ValueError, HTTPError, http.client.HTTPException) as error:
            raise NotConnectedError(self._stage) from error
        self._enter(Stage.RESPONSE)

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        if on_stage := ON_STAGE.get(None):
            on_stage(stage)

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if self.proxy is None:
            self._enter(Stage.TLS)
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()
        self._enter(Stage.TLS)


class _PlainConnection(_Connection):
    def send(self, data: Any) -> None:
        """Send bytes. The timeout ends the request only if no byte is sent meanwhile.

        ``sendall`` of a socket without TLS applies the timeout to all bytes together. So a large block would
        fail on a slow connection. With TLS, ``sendall`` applies the timeout to each record of 16 KiB.
        """
        if self.sock is None:
            self.connect()
        rest = memoryview(data)
        while rest:
            rest = rest[self.sock.send(rest) :]


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class BoundedAdapter(HTTPAdapter):
    """Sends the requests of a session. It never retries a request.

    :raises NotConnectedError: if it is certain that nothing was sent.
    """

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        _bound(self.poolmanager)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and return the response. The body is not read yet."""
        token = _sending.set(True)
        try:
            return super().send(*args, **kwargs)
        finally:
            _sending.reset(token)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Set which certificates to trust for a connection."""
        try:
            super().cert_verify(*args, **kwargs)  # type: ignore[no-untyped-call]
        except OSError as error:
            raise NotConnectedError from error

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool manager for connections through a proxy."""
        return _bound(super().proxy_manager_for(*args, **kwargs))


def _bound(manager: PoolManager) -> PoolManager:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager
