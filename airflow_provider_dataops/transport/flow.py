"""Add credentials, redirects, retries and errors to the HTTP requests of a platform.

An *exchange* is a generator that yields the requests of one call. :func:`whole` returns an exchange that a
driver can run. It adds the credentials to each request, follows redirects, parses the response, and raises
errors. It sends a request again if that is safe.
"""

from __future__ import annotations

import logging
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urljoin, urlsplit

from airflow_provider_dataops.core.decode import UNREADABLE
from airflow_provider_dataops.core.http import (
    EnsureCredentials,
    Exchange,
    FileBody,
    MultipartBody,
    Pause,
    Reply,
    Request,
    origin,
    same_origin,
)
from airflow_provider_dataops.core.retry import RetryPolicy, Standstill, is_passing, may_repeat, retry_after
from airflow_provider_dataops.core.transfer import Transfer
from airflow_provider_dataops.errors import (
    EXCERPT_LIMIT,
    ApiError,
    AuthenticationError,
    DataOpsError,
    MalformedReplyError,
    PermissionDeniedError,
    UnroutedError,
    error_for_status,
    one_line,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.clock import Clock

T = TypeVar("T")

log = logging.getLogger(__name__)

#: A request fails if the server redirects it more often than this.
MAX_REDIRECTS = 5
#: Secrets with fewer characters than this are not masked, because they may also occur in ordinary words.
#: Airflow has the same limit.
SHORTEST_SECRET = 5
_METHOD_KEPT = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303}) | _METHOD_KEPT


def whole(exchange: Exchange[T], *, api: Api, policy: RetryPolicy, clock: Clock) -> Exchange[T]:
    """Return the exchange with the steps that all platforms need: login, redirects, errors and retries."""
    flow = _Flow(api, policy, clock)
    try:
        step = next(exchange)
        while True:
            try:
                value = yield from flow.repeated(step) if isinstance(step, Request) else _hand_on(step)
            except DataOpsError as error:
                step = exchange.throw(error)
            else:
                step = exchange.send(value)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        exchange.close()


def _hand_on(step: Any) -> Exchange[Any]:
    return (yield step)


@dataclass(frozen=True)
class _Parsed(Generic[T]):
    value: T


@dataclass(frozen=True)
class _Flow:
    """Sends one request of a platform, with the retries, logins and redirects that it needs."""

    api: Api
    policy: RetryPolicy
    clock: Clock

    def repeated(self, request: Request[T]) -> Exchange[T]:
        """Send a request until it succeeds, or fails in a way that must not be retried."""
        standstill = Standstill(self.clock)
        transfer = self._transfer(request)
        if transfer is not None:
            report = request.moved

            def moved(position: int, size: int | None) -> None:
                report(position, size)
                standstill.reached(position)
                transfer.moved(position, size)

            request = request.changed(moved=moved)
        attempt = 1
        while True:
            try:
                return (yield from self._authorised(request))
            except ApiError as error:
                self._describe(error, request, attempt)
                if not may_repeat(error, repeatable=request.repeatable):
                    raise
                elapsed, chance = standstill.seconds(), self.clock.random()
                wait = self.policy.pause(error, attempt=attempt, elapsed=elapsed, chance=chance)
                if wait is None or self.clock.wall() + wait > self.policy.deadline:
                    raise
                log.warning("%s; next attempt in %.1f s", error, wait)
            yield Pause(wait)
            standstill.next_attempt()
            attempt += 1

    def _transfer(self, request: Request[Any]) -> Transfer | None:
        """Return the object that logs the progress of a file; ``None`` for a request without a file."""
        platform = self.api.platform
        if isinstance(request.body, FileBody | MultipartBody):
            return Transfer("upload", f"to {platform}", request.body.source.name, self.clock, log)
        if request.sink is not None:
            return Transfer("download", f"from {platform}", request.sink.name, self.clock, log)
        return None

    def _authorised(self, request: Request[T]) -> Exchange[T]:
        """Send a request with credentials. After a 401, fetch new credentials once and send it again."""
        api = self.api
        if not request.authenticated:
            return (yield from self._followed(request))
        known = api.login_refusal
        if api.token is not None and api.needs_login():
            yield self._ensure_credentials(known)
        authorised = self._with_credentials(request)
        try:
            value: T = yield from self._followed(authorised)
        except AuthenticationError:
            # If another call has fetched new credentials meanwhile, keep those credentials.
            refused = self._with_credentials(request).secret_headers == authorised.secret_headers
            if refused and not api.forget_login():
                raise
            if api.needs_login():
                yield self._ensure_credentials(known)
            value = yield from self._followed(self._with_credentials(request))
        return value

    def _with_credentials(self, request: Request[T]) -> Request[T]:
        """Return the request with credentials and the connection's own headers."""
        headers = {**request.secret_headers, **self.api.settings.auth_headers, **self.api.credentials()}
        return request.changed(secret_headers=headers)

    def _ensure_credentials(self, known: ApiError | None) -> EnsureCredentials:
        """Return the step that fetches credentials. If this step fails, the request itself was not sent.

        :param known: the rejection of a login that the call knew when it began.
        """

        def log_in() -> Exchange[None]:
            refusal = self.api.login_refusal
            if refusal is not None and refusal is not known:
                # The login of another call was rejected meanwhile. Raise its error and do not log in, because
                # more rejections could block the account or this machine.
                raise copy(refusal)
            try:
                yield from whole(self.api.login(), api=self.api, policy=self.policy, clock=self.clock)
            except ApiError as error:
                error.not_sent = True
                if error.locks_out or isinstance(error, AuthenticationError):
                    self.api.login_refusal = error
                raise

        return EnsureCredentials(log_in)

    def _followed(self, request: Request[T]) -> Exchange[T]:
        """Send a request and follow redirects. Requests to another host contain no credentials."""

        def parse(reply: Reply) -> Reply | _Parsed[T]:
            if reply.status in _REDIRECTS:
                return reply
            try:
                return _Parsed(self._value(request, reply))
            except ApiError as error:
                if elsewhere is None:
                    raise
                raise _from_elsewhere(error, request.url, elsewhere) from error

        # The driver calls ``parse``, because it can parse a large response in a thread.
        bare: Request[Any] = request.changed(parse=parse)
        elsewhere: str | None = None
        for _ in range(MAX_REDIRECTS + 1):
            outcome = yield bare
            if isinstance(outcome, _Parsed):
                value: T = outcome.value
                return value
            bare = _redirected(bare, outcome)
            if elsewhere is None and not same_origin(request.url, bare.url):
                elsewhere = bare.url
        raise MalformedReplyError(f"the server redirected the request more than {MAX_REDIRECTS} times")

    def _value(self, request: Request[T], reply: Reply) -> T:
        """Return the value of a response, or raise the error that the response reports."""
        if not 200 <= reply.status < 300:
            raise self._refusal(request, reply)
        try:
            return request.parse(reply)
        except ApiError as error:
            # A response with a 2xx status code may report an error. The error's text may contain a secret.
            error.message = self._without_secrets(error.message, request)
            error.body = self._without_secrets(error.body, request)
            error.args = (error.message,)
            raise
        except UNREADABLE as error:
            raise MalformedReplyError(
                self._without_secrets(
                    f"the response does not have the documented fields: {error!r}", request
                ),
                status=reply.status,
                body=self._without_secrets(reply.text(), request),
            ) from error

    def _refusal(self, request: Request[Any], reply: Reply) -> ApiError:
        try:
            words, error_class = self.api.error_text(reply), self.api.error_class(request, reply)
        except (ApiError, *UNREADABLE):
            # The body cannot be read, but the status code is enough for the error.
            words, error_class = reply.text(), error_for_status(reply.status)
        words = one_line(self._without_secrets(words, request)[:EXCERPT_LIMIT])
        reason = self._without_secrets(reply.reason, request)
        text = f"HTTP {reply.status}" + (f" {reason}" if reason else "")
        text += f": {words}" if words and words != reason else ""
        refusal = error_class(
            text,
            status=reply.status,
            body=words,
            retry_after=retry_after(reply, self.clock.wall()),
            date=reply.date,
        )
        if self.api.locks_out and isinstance(refusal, AuthenticationError | PermissionDeniedError):
            refusal.locks_out = refusal.permanent = True
        return refusal

    def _without_secrets(self, text: str, request: Request[Any]) -> str:
        """Return a server's text, with ``***`` in place of credentials that the server repeated.

        Airflow masks credentials in the task's log, but not in the copy of the log that the executor prints.
        """
        sent = (value.rpartition(" ")[2] for value in request.secret_headers.values())
        for secret in sorted({*self.api.settings.secrets, *sent}, key=len, reverse=True):
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text

    def _describe(self, error: ApiError, request: Request[Any], attempt: int) -> None:
        """Add the platform and the request to an error. The error of a login already contains its request."""
        error.attempt = attempt
        if not error.operation:
            error.platform = self.api.platform
            error.operation = request.operation
            error.method = request.method
            error.path = request.path


def _redirected(request: Request[Any], reply: Reply) -> Request[Any]:
    try:
        return _sent_on(request, reply)
    except ValueError:
        raise MalformedReplyError("the server redirected to an invalid URL", status=reply.status) from None


def _sent_on(request: Request[Any], reply: Reply) -> Request[Any]:
    target = urljoin(request.url, reply.headers.get("location", ""))
    scheme = urlsplit(target).scheme
    if scheme not in {"http", "https"}:
        raise MalformedReplyError(
            "the server redirected to a URL that is not http or https", status=reply.status
        )
    where = _from_to(request.url, target)
    if request.method != "GET" and (reply.status not in _METHOD_KEPT or not same_origin(request.url, target)):
        # After this error, the request is not retried, because a retry within minutes does not help. Waiting
        # tasks keep waiting, because the redirect may lead to a maintenance page.
        raise UnroutedError(
            f"the server redirected {request.method} {where}; check the host in the connection",
            status=reply.status,
            redirected_to=origin(target),
        )
    if scheme == "http" and request.url.startswith("https:"):
        raise MalformedReplyError(
            f"the server redirected {where}, from https to http",
            status=reply.status,
            redirected_to=origin(target),
        )
    if same_origin(request.url, target):
        return request.changed(url=target)
    return request.changed(url=target, secret_headers={})


def _from_elsewhere(error: ApiError, asked: str, answered: str) -> ApiError:
    """Return the error to raise if a redirect led to another host and that host returned an error."""
    message = (
        f"the server redirected {_from_to(asked, answered)}, which gets no credentials: {error.message}; "
        "check the host in the connection"
    )
    if is_passing(error):
        elsewhere = error.again_as(type(error), message)
        elsewhere.redirected_to = origin(answered)
        return elsewhere
    return UnroutedError(message, status=error.status, body=error.body, redirected_to=origin(answered))


def _from_to(source: str, target: str) -> str:
    """Describe a redirect without paths and queries, because a signed link contains secrets there."""
    if same_origin(source, target):
        return f"to another path of {origin(source)}"
    return f"from {origin(source)}/*** to {origin(target)}/***"
