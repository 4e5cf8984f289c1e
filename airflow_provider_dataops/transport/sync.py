"""The driver for workers. It uses ``requests``."""

from __future__ import annotations

import http.client
import math
import re
import ssl
import threading
import time
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK, Clock
from airflow_provider_dataops.core.headers import announced_size
from airflow_provider_dataops.core.http import (
    BlockingCall,
    Body,
    EnsureCredentials,
    Exchange,
    Pause,
    RegisterSecret,
    Reply,
    Request,
    Step,
)
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.errors import ApiError, DataOpsError, TransportError
from airflow_provider_dataops.transport import network
from airflow_provider_dataops.transport.adapter import BoundedAdapter, NotConnectedError
from airflow_provider_dataops.transport.body import CHUNK, DOWNLOAD_CHUNK, BodyBuffer, Unpacker
from airflow_provider_dataops.transport.flow import whole
from airflow_provider_dataops.transport.network import CONNECT_TIMEOUT, USER_AGENT, proxy_for, trusted
from airflow_provider_dataops.transport.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Api

T = TypeVar("T")

#: The exceptions to expect: ``requests`` and ``urllib3`` do not wrap all exceptions of the layers below them.
_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    ValueError,
)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return ``None``, so ``requests`` does not read a redirect's body. The flow follows redirects."""


class SyncDriver:
    """Sends a platform's requests in a worker, with one session and its pool of connections.

    :param api: the platform and its connection.
    :param register_secret: masks a secret in the logs.
    :param sleep: waits for a number of seconds. Operators pass a function that also notices a killed task.
    :param clock: the time and random numbers.
    :param limit: the longest time for connecting, and for the response, in seconds. It replaces longer
        timeouts of the Airflow connection.
    :raises ConnectionSettingsError: if the certificates or the proxy cannot be used.
    """

    def __init__(
        self,
        api: Api,
        *,
        register_secret: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        clock: Clock = SYSTEM_CLOCK,
        limit: float = math.inf,
    ) -> None:
        self.api = api
        self.clock = clock
        self._register_secret = register_secret
        self._sleep = sleep
        self._limit = limit
        self._session = _Session()
        # With trust_env, .netrc would replace the Authorization header. Each request gets its proxy below.
        self._session.trust_env = False
        self._session.headers = requests.structures.CaseInsensitiveDict({"User-Agent": USER_AGENT})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        adapter = BoundedAdapter()
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # Reading the environment's proxy takes a fifth of the time of a small request. So it is read once per
        # host.
        self._proxy = cache(partial(proxy_for, api.settings))
        # Raise errors about wrong settings here. Later, such an error would look as if a submission had
        # begun.
        self._trusted = trusted(api.settings)
        base = urlsplit(api.settings.base_url)
        self._proxy(base.scheme, base.hostname or "")
        self._login_turn = threading.Lock()

    def run(self, exchange: Exchange[T], policy: RetryPolicy | None = None) -> T:
        """Send the requests of a call, with credentials, redirects and retries, and return the result.

        :raises DataOpsError: the error that ended the call.
        """
        policy = policy or RetryPolicy()
        return self.play(whole(exchange, api=self.api, policy=policy, clock=self.clock))

    def play(self, exchange: Exchange[T]) -> T:
        """Do the steps that the generator of a call yields, and return the call's result."""
        try:
            step = next(exchange)
            while True:
                try:
                    value = self._do(step)
                except DataOpsError as error:
                    step = exchange.throw(error)
                else:
                    step = exchange.send(value)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            exchange.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _do(self, step: Step) -> Any:
        if isinstance(step, Pause):
            return self._sleep(step.seconds)
        if isinstance(step, RegisterSecret):
            return self._register_secret(step.secret)
        if isinstance(step, BlockingCall):
            return step.work()
        if isinstance(step, EnsureCredentials):
            # Several threads may share a driver to upload files. Only one of them logs in, because many
            # rejected logins could lock the account.
            with self._login_turn:
                return self.play(step.fetch()) if self.api.needs_login() else None
        return step.parse(self._send(step))

    def timeouts(self, request: Request[Any]) -> tuple[float, float]:
        """Return two timeouts in seconds: for making the connection, and for the response."""
        read = max(request.read_timeout or 0.0, self.api.settings.request_timeout)
        return min(CONNECT_TIMEOUT, self._limit), min(read, self._limit)

    def _send(self, request: Request[Any]) -> Reply:
        parts = urlsplit(request.url)
        proxy = self._proxy(parts.scheme, parts.hostname or "")
        headers: dict[str, str] = {**request.headers, **request.secret_headers}
        upload: Upload | None = None
        content: Any = None
        content_type = None
        if isinstance(request.body, Body):
            content, content_type = request.body.content, request.body.content_type
        elif request.body is not None:
            content = upload = Upload(request.body, request.moved)
            content_type = upload.content_type
        if content_type:
            headers["Content-Type"] = content_type
        if request.sink is not None:
            # Ask for no compression, so that Content-Length is the size of the file.
            headers.setdefault("Accept-Encoding", "identity")
        try:
            prepared = self._prepared(request, headers, content)
            response = self._session.send(
                prepared,
                allow_redirects=False,
                stream=True,
                timeout=self.timeouts(request),
                proxies={parts.scheme: proxy} if proxy else {},
                verify=self._trusted,
            )
            with response:
                return self._receive(request, response)
        except _FAILURES as error:
            if upload is not None and upload.failure is not None:
                raise upload.failure from None
            raise _transport_error(error) from None
        finally:
            if upload is not None:
                upload.close()

    def _prepared(
        self, request: Request[Any], headers: dict[str, str], content: Any
    ) -> requests.PreparedRequest:
        try:
            return self._session.prepare_request(
                requests.Request(request.method, request.url, headers=headers, data=content)
            )
        except ValueError as error:
            # A header or the URL is invalid. Do not log the error's text: it may quote the header or the URL,
            # and so a secret.
            raise TransportError(
                f"{type(error).__name__}: the request cannot be sent; check the fields of the connection",
                not_sent=True,
            ) from None

    def _receive(self, request: Request[Any], response: requests.Response) -> Reply:
        headers = response.headers
        body = b""
        if request.sink is not None and response.status_code in (200, 204):
            names = {name.lower(): value for name, value in headers.items()}
            request.sink.begin(names)
            size = announced_size(names)
            unpacker = Unpacker(headers.get("Content-Encoding", ""))
            received = 0
            request.moved(received, size)
            while chunk := response.raw.read1(DOWNLOAD_CHUNK, decode_content=False):
                for piece in unpacker.pieces(chunk):
                    request.sink.write(piece)
                    received += len(piece)
                    request.moved(received, size)
            unpacker.finish()
            request.sink.finish()
        elif not 300 <= response.status_code < 400:
            body = self._body(response)
        return Reply.received(
            response.status_code, headers.items(), body, response.reason or "", ("latin-1", "strict")
        )

    def _body(self, response: requests.Response) -> bytes:
        """Return the body of a response.

        :raises ReplyTooLargeError: if the body is larger than ``MAX_REPLY_BYTES``.
        :raises TransportError: if the body arrives too slowly.
        """
        seconds = max(self.api.settings.request_timeout, network.TOTAL_TIMEOUT)
        deadline = self.clock.monotonic() + min(seconds, self._limit)
        body = BodyBuffer(response.status_code, response.headers)
        try:
            # iter_content would wait for a full chunk, so the deadline could not be checked in time.
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                if not body.add(chunk):
                    break
                if self.clock.monotonic() > deadline:
                    raise TransportError("the response arrives too slowly")
        except (*_FAILURES, ApiError):
            # If the response reports an error, go on without the rest of the body: the status code is enough.
            if response.status_code < 300:
                raise
        return body.content()


def _transport_error(error: Exception) -> TransportError:
    """Return the error for a library's exception. ``not_sent``: it is certain that nothing was sent."""
    not_sent = isinstance(error, NotConnectedError | requests.exceptions.InvalidURL)
    stage = error.stage if isinstance(error, NotConnectedError) else ""
    reason: BaseException = error
    while (inner := _inner(reason)) is not None:
        reason = inner
    # The text begins with the name of a Python object and the host. Remove both: users know the host.
    text = re.sub(r"^\w+\(host=.*?\): ", "", str(reason).rpartition(">: ")[2]) or "no further details"
    if isinstance(reason, ValueError) and not isinstance(reason, ssl.SSLError):
        # Replace the text, because it may contain a header of the request, and so a secret.
        text = "the request or the response is not valid HTTP"
    return TransportError(
        f"{type(reason).__name__}: {text}",
        not_sent=not_sent,
        timed_out=isinstance(reason, urllib3.exceptions.ReadTimeoutError),
        stage=stage,
    )


def _inner(error: BaseException) -> BaseException | None:
    """Return the exception that an error of ``requests`` or ``urllib3`` wraps; ``None`` if there is none."""
    if isinstance(error, NotConnectedError):
        return error.__cause__
    if isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return None
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    if isinstance(inner, BaseException):
        return inner
    return next((arg for arg in error.args if isinstance(arg, BaseException)), None)
