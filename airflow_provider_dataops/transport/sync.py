"""The driver for workers, on ``requests``."""

from __future__ import annotations

import math
import ssl
import threading
import time
from functools import partial
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
    FileBody,
    FileSource,
    MultipartBody,
    Pause,
    RegisterSecret,
    Reply,
    Request,
    Step,
    header_text,
)
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.errors import (
    ApiError,
    InvalidArgumentError,
    MalformedReplyError,
    TransportError,
)
from airflow_provider_dataops.transport.flow import whole
from airflow_provider_dataops.transport.network import CONNECT_TIMEOUT, USER_AGENT, ca_file, proxy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_dataops.core.api import Api

T = TypeVar("T")

CHUNK = 256 * 1024


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
        self._conceal = register_secret
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
            return self._conceal(step.secret)
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
        proxy = proxy_for(settings, parts.scheme, parts.hostname or "")
        headers: dict[str, str] = {**request.headers, **request.secret_headers}
        upload = None if isinstance(request.body, Body | None) else Upload(request.body.source)
        content, content_type = _content(request.body, upload)
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
                verify=ca_file(settings) if settings.verify_ssl else False,
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
        headers = {name.lower(): _told(value) for name, value in response.headers.items()}
        body = b""
        if request.sink is not None and response.status_code == 200:
            request.sink.begin(headers)
            for chunk in response.iter_content(CHUNK):
                request.sink.write(chunk)
            request.sink.finish()
        else:
            body = self._bounded(response)
        return Reply(response.status_code, headers, body, _told(response.reason or ""))

    def _bounded(self, response: requests.Response) -> bytes:
        """Read an answer into memory, which must be neither too large nor too slow."""
        deadline = self.clock.monotonic() + min(max(self.api.settings.request_timeout, 60.0), self._limit)
        chunks: list[bytes] = []
        size = 0
        # Not iter_content: it would wait for a full chunk, and see a trickling answer's end alone.
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise MalformedReplyError(
                    f"the answer is larger than {MAX_REPLY_BYTES} bytes", status=response.status_code
                )
            if self.clock.monotonic() > deadline:
                raise TransportError("the answer trickles in too slowly")
            chunks.append(chunk)
        return b"".join(chunks)


def _told(text: str) -> str:
    """Return a part of the head, which the library takes for Latin-1, as the server means it."""
    return header_text(text.encode("latin-1"))


def _content(body: Body | FileBody | MultipartBody | None, upload: Upload | None) -> tuple[Any, str | None]:
    """Return what ``requests`` is to send, and its media type."""
    if body is None:
        return None, None
    if isinstance(body, Body):
        return body.content, body.content_type
    if isinstance(body, FileBody):
        return upload, body.content_type
    # Only uploads of forms need it: it is no part of what every worker loads.
    from requests_toolbelt import MultipartEncoder

    form = MultipartEncoder([*body.fields, (body.name, (body.filename, upload, body.content_type))])
    return form, form.content_type


class Upload:
    """A file on its way: read from byte 0, with a length that ``requests`` finds, no more and no less."""

    def __init__(self, source: FileSource) -> None:
        self.failure: Exception | None = None
        self._left = source.size
        self._name = source.name
        self._file = source.open()

    @property
    def len(self) -> int:
        """The bytes that are still to be read."""
        return self._left

    def __iter__(self) -> Iterator[bytes]:
        """Exist, which is how ``requests`` recognises a body to be streamed."""
        return iter(partial(self.read, CHUNK), b"")

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        try:
            chunk = self._file.read(min(size, self._left))
        except OSError as error:
            self.failure = error
            raise
        if not chunk and self._left:
            self.failure = InvalidArgumentError(f"{self._name} became shorter while it was sent")
            raise self.failure
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
