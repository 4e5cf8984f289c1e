"""The driver for the triggerer. It uses ``aiohttp``. Only the driver for workers sends and receives files."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import aiohttp
from aiohttp.hdrs import CONTENT_TYPE
from yarl import URL

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK, Clock
from airflow_provider_dataops.core.http import (
    BlockingCall,
    Body,
    Exchange,
    Pause,
    RegisterSecret,
    Reply,
    Request,
)
from airflow_provider_dataops.core.retry import ONCE, RetryPolicy
from airflow_provider_dataops.errors import ApiError, DataOpsError, TransportError
from airflow_provider_dataops.transport import network
from airflow_provider_dataops.transport.body import BodyBuffer
from airflow_provider_dataops.transport.flow import whole
from airflow_provider_dataops.transport.network import CONNECT_TIMEOUT, USER_AGENT, proxy_for, tls_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.connector import Connection

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import EnsureCredentials
    from airflow_provider_dataops.core.settings import Settings

T = TypeVar("T")

#: A response with more bytes than this is parsed in a thread, a smaller one on the event loop. A response of
#: just this size blocks the loop for 30 ms (a list of empty objects), 12 ms (JSON nested too deep) or 5 ms
#: (only escape sequences).
PARSE_IN_THREAD = 64 * 1024
#: How ``aiohttp`` decodes headers: bytes that are not UTF-8 become surrogates.
HEAD_CODEC = ("utf-8", "surrogateescape")
#: The exceptions that ``aiohttp`` raises. It does not wrap all exceptions of the layers below it.
_FAILURES = (aiohttp.ClientError, OSError, ValueError)
#: ``aiohttp`` adds this header unless it is told to leave it out.
_NO_CONTENT_TYPE = frozenset({CONTENT_TYPE})
#: Idle connections stay open for this many seconds. A new one costs more than a request.
KEEP_ALIVE = 60.0


class _Attempt:
    """Records whether a request got a connection. If it got none, nothing was sent."""

    __slots__ = ("connected",)

    def __init__(self) -> None:
        self.connected = False


#: The attempt of the request that the present asyncio task sends.
_attempt: ContextVar[_Attempt] = ContextVar("_attempt")


class _Connector(aiohttp.TCPConnector):
    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Return a connection for a request, and record that the request has got it."""
        connection = await super().connect(req, traces, timeout)
        _attempt.get().connected = True
        return connection


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read the headers. After an error status, close the connection, as the driver for workers does."""
        protocol = connection.protocol
        await super().start(connection)
        if self.status >= 300 and protocol is not None:
            protocol.force_close()
            if self.connection is None:
                # The response has no body, so its connection is already in the pool. Closing the protocol
                # keeps the pool from using this connection again.
                protocol.close()
        return self


def _nothing() -> None:
    """Return the value with which a generator starts."""


def _same(value: T) -> T:
    return value


def _raised(error: DataOpsError) -> NoReturn:
    raise error


def _advanced(exchange: Exchange[Any], outcome: Callable[[], Any]) -> tuple[bool, Any]:
    """Resume a generator with the outcome of its step.

    :param outcome: returns the value of the step, or raises its error.
    :return: whether the generator has ended, and its result or its next step.
    """
    try:
        try:
            value = outcome()
        except DataOpsError as error:
            return False, exchange.throw(error)
        return False, exchange.send(value)
    except StopIteration as done:
        return True, done.value


def _closed(exchange: Exchange[Any], advanced: asyncio.Future[tuple[bool, Any]]) -> None:
    """Close a generator when its thread has ended. The call was cancelled, so the result is dropped."""
    if not advanced.cancelled():
        advanced.exception()
    exchange.close()


class AsyncDriver:
    """Sends a platform's requests on the event loop. All triggers of a connection share one driver.

    :param api: the platform and its connection.
    :param register_secret: masks a secret in the logs.
    :param clock: the time and random numbers.
    """

    def __init__(
        self, api: Api, *, register_secret: Callable[[str], Awaitable[None]], clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.api = api
        self.clock = clock
        self._register_secret = register_secret
        self._session: aiohttp.ClientSession | None = None
        # Reading the environment's proxy takes a fifth of the time of a poll. So the proxy is read once per
        # host.
        self._proxy = cache(partial(proxy_for, api.settings))
        self._timeout = cache(partial(_timeout, api.settings))
        self._login = asyncio.Lock()

    async def open(self) -> None:
        """Open the session. The certificates are read in a thread.

        :raises ConnectionSettingsError: if the certificates cannot be used.
        """
        tls = await asyncio.to_thread(tls_context, self.api.settings)
        self._session = aiohttp.ClientSession(
            # Set no limit here, because requests could time out in aiohttp's queue. The module polling.lanes
            # limits how many requests are sent at the same time.
            connector=_Connector(limit=0, ssl=tls, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Ask for no compression, as the other driver does. Then the size limits apply to the bytes that
            # arrive.
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            trust_env=False,
            auto_decompress=False,
            response_class=_Response,
        )

    async def close(self) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()

    def run(self, exchange: Exchange[T], policy: RetryPolicy = ONCE) -> Awaitable[T]:
        """Send the requests of a call, with credentials, redirects and retries, and return the result.

        :raises DataOpsError: the error that ended the call.
        """
        return self.play(whole(exchange, api=self.api, policy=policy, clock=self.clock))

    async def play(self, exchange: Exchange[T]) -> T:
        """Do the steps that the generator of a call yields, and return the call's result."""
        in_thread: asyncio.Future[tuple[bool, Any]] | None = None
        try:
            has_ended, step = _advanced(exchange, _nothing)
            while not has_ended:
                is_large = False
                try:
                    if isinstance(step, Request):
                        reply = await self._send(step)
                        is_large = len(reply.body) > PARSE_IN_THREAD
                        outcome = partial(step.parse, reply)
                    else:
                        outcome = partial(_same, await self._do(step))
                except DataOpsError as error:
                    outcome = partial(_raised, error)
                if is_large:
                    # The generator's next lines usually work on each entry of the response.
                    in_thread = asyncio.ensure_future(asyncio.to_thread(_advanced, exchange, outcome))
                    has_ended, step = await asyncio.shield(in_thread)
                else:
                    has_ended, step = _advanced(exchange, outcome)
            result: T = step
            return result
        finally:
            if in_thread is None or in_thread.done():
                exchange.close()
            else:
                # This call was cancelled, and the thread still runs the generator.
                in_thread.add_done_callback(partial(_closed, exchange))

    async def _do(self, step: Pause | RegisterSecret | BlockingCall | EnsureCredentials) -> Any:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, RegisterSecret):
            return await self._register_secret(step.secret)
        if isinstance(step, BlockingCall):
            return await asyncio.to_thread(step.work)
        async with self._login:
            # Another trigger may have fetched an access token while this trigger waited for the lock.
            return await self.play(step.fetch()) if self.api.needs_login() else None

    async def _send(self, request: Request[Any]) -> Reply:
        if self._session is None:
            raise RuntimeError("the driver is not open")
        url = URL(request.url, encoded=True)
        headers = {**request.headers, **request.secret_headers}
        if isinstance(request.body, Body) and request.body.content_type:
            headers["Content-Type"] = request.body.content_type
        attempt = _Attempt()
        _attempt.set(attempt)
        try:
            async with self._session.request(
                request.method,
                url,
                headers=headers,
                data=request.body.content if isinstance(request.body, Body) else None,
                skip_auto_headers=_NO_CONTENT_TYPE,
                allow_redirects=False,
                proxy=self._proxy(url.scheme, url.host or ""),
                timeout=self._timeout(request.read_timeout or 0.0),
            ) as response:
                body = b"" if 300 <= response.status < 400 else await _body(response)
                return Reply.received(
                    response.status, response.headers.items(), body, response.reason or "", HEAD_CODEC
                )
        except _FAILURES as error:
            raise TransportError(
                f"{type(error).__name__}: {_words(error)}", not_sent=not attempt.connected
            ) from None


def _timeout(settings: Settings, read_timeout: float) -> aiohttp.ClientTimeout:
    limit = max(read_timeout, settings.request_timeout)
    return aiohttp.ClientTimeout(
        total=max(limit, network.TOTAL_TIMEOUT), connect=CONNECT_TIMEOUT, sock_read=limit
    )


def _words(error: Exception) -> str:
    """Return the text of an error, without a URL: a proxy's URL or a query may contain a secret."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{error.status} {error.message.encode(*HEAD_CODEC).decode(errors='replace')}"
    if isinstance(error, aiohttp.InvalidURL):
        return "the URL is not valid"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    return str(error) or "no response in time"


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a response. The body must arrive within the request's time limit.

    :raises ReplyTooLargeError: if the body is larger than ``MAX_REPLY_BYTES``.
    """
    body = BodyBuffer(response.status, response.headers)
    try:
        async for chunk in response.content.iter_any():
            # Decompress in a thread, because a small compressed chunk may take long to decompress.
            packed = body.unpacker.is_needed
            if not (await asyncio.to_thread(body.add, chunk) if packed else body.add(chunk)):
                break
    except (*_FAILURES, ApiError):
        # If the response reports an error, go on without the rest of the body: the status code is enough.
        if response.status < 300:
            raise
    return body.content()
