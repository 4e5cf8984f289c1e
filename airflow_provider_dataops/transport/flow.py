"""From an exchange to single HTTP requests: credentials, redirects, errors and repeats, each said once.

What is here are generators, too. :func:`whole` turns a platform's exchange into one that a driver can run:
every request in it is authorised, followed through redirects, parsed, and repeated where that is safe.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import urljoin, urlsplit

from airflow_provider_dataops.core.http import EnsureCredentials, Exchange, Pause, Reply, Request, same_origin
from airflow_provider_dataops.core.retry import RetryPolicy, may_repeat, retry_after
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    MalformedReplyError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.clock import Clock

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_REDIRECTS = 5
#: What is shorter would blot out plain words, as Airflow's own masking has it.
SHORTEST_SECRET = 5
_METHOD_KEPT = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303}) | _METHOD_KEPT


def whole(exchange: Exchange[T], *, api: Api, policy: RetryPolicy, clock: Clock) -> Exchange[T]:
    """Return the exchange with everything done that a platform's author need not think of."""
    flow = _Flow(api, policy, clock)
    try:
        step = next(exchange)
        while True:
            try:
                value = yield from flow.repeated(step) if isinstance(step, Request) else _hand_on(step)
            except ApiError as error:
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
    """How one request becomes several: repeats, logins, redirects."""

    api: Api
    policy: RetryPolicy
    clock: Clock

    def repeated(self, request: Request[T]) -> Exchange[T]:
        """Send a request until it succeeds, or fails in a way that is not to be repeated."""
        began = self.clock.monotonic()
        attempt = 1
        while True:
            try:
                return (yield from self._authorised(request))
            except ApiError as error:
                self._describe(error, request, attempt)
                if not may_repeat(error, repeatable=request.repeatable):
                    raise
                elapsed, chance = self.clock.monotonic() - began, self.clock.random()
                wait = self.policy.pause(error, attempt=attempt, elapsed=elapsed, chance=chance)
                if wait is None or self.clock.wall() + wait > self.policy.deadline:
                    raise
                log.warning("%s; trying again in %.1f s", error, wait)
            yield Pause(wait)
            attempt += 1

    def _authorised(self, request: Request[T]) -> Exchange[T]:
        """Send a request with credentials; renew those once if they are refused."""
        api = self.api
        if not request.authenticated:
            return (yield from self._followed(request))
        if api.token is not None and api.needs_login():
            yield EnsureCredentials(self._logged_in)
        authorised = self._with_credentials(request)
        try:
            value: T = yield from self._followed(authorised)
        except AuthenticationError:
            # While this was under way another exchange may have renewed them: those are not to be dropped.
            refused = self._with_credentials(request).secret_headers == authorised.secret_headers
            if refused and not api.forget_login():
                raise
            if api.needs_login():
                yield EnsureCredentials(self._logged_in)
            value = yield from self._followed(self._with_credentials(request))
        return value

    def _with_credentials(self, request: Request[T]) -> Request[T]:
        """Return the request with credentials and the connection's own headers."""
        headers = {**request.secret_headers, **self.api.settings.auth_headers, **self.api.credentials()}
        return replace(request, secret_headers=headers)

    def _logged_in(self) -> Exchange[None]:
        """Fetch credentials. A failure proves that the request they are for was not sent."""
        try:
            yield from whole(self.api.login(), api=self.api, policy=self.policy, clock=self.clock)
        except ApiError as error:
            error.not_sent = True
            raise

    def _followed(self, request: Request[T]) -> Exchange[T]:
        """Send a request and follow redirects, without credentials once they lead to another host."""

        def parse(reply: Reply) -> Reply | _Parsed[T]:
            return reply if reply.status in _REDIRECTS else _Parsed(self._value(request, reply))

        # The driver calls this, so that a large response can be parsed off the event loop.
        bare: Request[Any] = replace(cast("Request[Any]", request), parse=parse)
        for _ in range(MAX_REDIRECTS + 1):
            outcome = yield bare
            if isinstance(outcome, _Parsed):
                value: T = outcome.value
                return value
            bare = _redirected(bare, outcome)
        raise MalformedReplyError(f"more than {MAX_REDIRECTS} redirects")

    def _value(self, request: Request[T], reply: Reply) -> T:
        """Return what the request makes of its response, or raise the error that the response stands for."""
        if not 200 <= reply.status < 300:
            raise self._refusal(request, reply)
        try:
            return request.parse(reply)
        except ApiError as error:
            # What the platform calls a success may be a refusal in its own words.
            error.message = self._without_secrets(error.message, request)
            error.body = self._without_secrets(error.body, request)
            error.args = (error.message,)
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            raise MalformedReplyError(
                self._without_secrets(f"the answer has an unknown shape: {error!r}", request),
                status=reply.status,
                body=self._without_secrets(reply.text(), request),
            ) from error

    def _refusal(self, request: Request[Any], reply: Reply) -> ApiError:
        words = self._without_secrets(self.api.error_text(reply), request)
        reason = self._without_secrets(reply.reason, request)
        text = f"HTTP {reply.status}" + (f" {reason}" if reason else "")
        text += f": {words}" if words and words != reason else ""
        refusal = self.api.error_class(request, reply)(
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
        """Return a server's words without the credentials that it may have repeated.

        Airflow masks them in the task's log, but not in the copy of it that the executor prints.
        """
        sent = (value.rpartition(" ")[2] for value in request.secret_headers.values())
        for secret in sorted({*self.api.settings.secrets, *sent}, key=len, reverse=True):
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text

    def _describe(self, error: ApiError, request: Request[Any], attempt: int) -> None:
        """Complete an error by what was being done; an error of the login keeps its own description."""
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
        raise MalformedReplyError("redirected to what is no URL", status=reply.status) from None


def _sent_on(request: Request[Any], reply: Reply) -> Request[Any]:
    target = urljoin(request.url, reply.headers.get("location", ""))
    where = _without_query(target)
    if request.method != "GET" and (reply.status not in _METHOD_KEPT or not same_origin(request.url, target)):
        # Not a failure that passes: asking again leads to the same place.
        raise ApiError(
            f"{request.method} was redirected to {where}; is the host in the connection right?",
            status=reply.status,
        )
    parts = urlsplit(target)
    if parts.scheme not in {"http", "https"} or (parts.scheme == "http" and request.url.startswith("https:")):
        raise MalformedReplyError(f"redirected to {where}, away from https", status=reply.status)
    if same_origin(request.url, target):
        return replace(request, url=target)
    return replace(request, url=target, secret_headers={})


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    # Signed links carry their secret in the query, odd ones in the host.
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
