"""The driver for workers, on ``requests``."""

from __future__ import annotations

import math
import ssl
import threading
import time
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK, Clock
from airflow_provider_dataops.core.http import (
    MAX_REPLY_BYTES,
    BlockingCall,
    Body,
    EnsureCredentials,
    Exchange,
    Pause,
    RegisterSecret,
    Reply,
    Request,
    Step,
    too_large,
)
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.errors import ApiError, TransportError
from airflow_provider_dataops.transport.flow import whole
from airflow_provider_dataops.transport.network import CONNECT_TIMEOUT, USER_AGENT, proxy_for, trusted
from airflow_provider_dataops.transport.upload import CHUNK, Upload, streamed

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Api

T = TypeVar("T")


class SyncDriver:
    """Runs exchanges with one platform from a worker, on one pooled session.

    :param sleep: how pauses are made; operators give one that looks at their flags.
    :param register_secret: masks a secret in the logs.
    :param limit: seconds within which each step, connecting or the answer, must come; where the connection's
        own limits are too long.
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
        self._session = requests.Session()
        # Else .netrc would replace our Authorization header; proxies are told for each request instead.
        self._session.trust_env = False
        self._session.headers = requests.structures.CaseInsensitiveDict({"User-Agent": USER_AGENT})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        adapter = HTTPAdapter(max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # The environment is read once for each host: that takes a fifth of the time of a small request.
        self._proxy = cache(partial(proxy_for, api.settings))
        self._trusted = cache(partial(trusted, api.settings))
        self._login_turn = threading.Lock()

    def run(self, exchange: Exchange[T], policy: RetryPolicy | None = None) -> T:
        """Run an exchange of the platform to its end and return what it returns."""
        policy = policy or RetryPolicy()
        return self.play(whole(exchange, api=self.api, policy=policy, clock=self.clock))

    def play(self, exchange: Exchange[T]) -> T:
        """Do what an exchange says, step by step."""
        try:
            step = next(exchange)
            while True:
                try:
                    value = self._do(step)
                except ApiError as error:
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
            # Several threads may share a driver to send files; a login of each could lock the account.
            with self._login_turn:
                return self.play(step.fetch()) if self.api.needs_login() else None
        return step.parse(self._send(step))

    def _send(self, request: Request[Any]) -> Reply:
        settings = self.api.settings
        parts = urlsplit(request.url)
        proxy = self._proxy(parts.scheme, parts.hostname or "")
        headers: dict[str, str] = {**request.headers, **request.secret_headers}
        upload: Upload | None = None
        content: Any = None
        content_type = None
        if isinstance(request.body, Body):
            content, content_type = request.body.content, request.body.content_type
        elif request.body is not None:
            upload, content, content_type = streamed(request.body)
        if content_type:
            headers["Content-Type"] = content_type
        if request.sink is not None:
            # A compressed body would make the announced length useless as a check.
            headers.setdefault("Accept-Encoding", "identity")
        try:
            response = self._session.request(
                request.method,
                request.url,
                headers=headers,
                data=content,
                allow_redirects=False,
                stream=True,
                timeout=(
                    min(CONNECT_TIMEOUT, self._limit),
                    min(max(request.read_timeout or 0.0, settings.request_timeout), self._limit),
                ),
                proxies={parts.scheme: proxy} if proxy else {},
                verify=self._trusted(),
            )
            with response:
                return self._receive(request, response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if upload is not None and upload.failure is not None:
                raise upload.failure from None
            raise _transport_error(error) from None
        finally:
            if upload is not None:
                upload.close()

    def _receive(self, request: Request[Any], response: requests.Response) -> Reply:
        headers = response.headers
        body = b""
        if request.sink is not None and response.status_code == 200:
            request.sink.begin({name.lower(): value for name, value in headers.items()})
            for chunk in response.iter_content(CHUNK):
                request.sink.write(chunk)
            request.sink.finish()
        else:
            body = self._bounded(response)
        return Reply.received(
            response.status_code, headers.items(), body, response.reason or "", ("latin-1", "strict")
        )

    def _bounded(self, response: requests.Response) -> bytes:
        """Read an answer into memory, which must be neither too large nor too slow."""
        deadline = self.clock.monotonic() + min(max(self.api.settings.request_timeout, 60.0), self._limit)
        chunks: list[bytes] = []
        size = 0
        # Not iter_content: it would wait for a full chunk, and see a trickling answer's end alone.
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise too_large(response.status_code, response.headers, MAX_REPLY_BYTES)
            if self.clock.monotonic() > deadline:
                raise TransportError("the answer trickles in too slowly")
            chunks.append(chunk)
        return b"".join(chunks)


def _transport_error(error: Exception) -> TransportError:
    """Say what went wrong on the way, and whether the server can have seen the request."""
    reason: BaseException = error
    while (inner := _inner(reason)) is not None:
        reason = inner
    never_connected = isinstance(
        reason,
        urllib3.exceptions.NewConnectionError
        | urllib3.exceptions.ConnectTimeoutError
        | ssl.SSLCertVerificationError,
    )
    no_tunnel = "Tunnel connection failed" in str(reason)
    text = str(reason).rpartition(">: ")[2] or "no more is known"
    if isinstance(error, ValueError):
        # A header or URL that cannot be sent: the text would repeat it.
        text = "the request cannot be sent; is the connection filled in right?"
    return TransportError(f"{type(reason).__name__}: {text}", not_sent=never_connected or no_tunnel)


def _inner(error: BaseException) -> BaseException | None:
    """Return what an error of ``requests`` or ``urllib3`` was made from."""
    if isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return None
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    if isinstance(inner, BaseException):
        return inner
    return next((arg for arg in error.args if isinstance(arg, BaseException)), None)
