"""From an exchange to single HTTP requests: credentials, redirects, errors and repeats, each said once.

What is here are generators, too. :func:`whole` turns a platform's exchange into one that a driver can run:
every request in it is authorised, followed through redirects, judged, and repeated where that is safe.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
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
    from collections.abc import Callable

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

    def send(request: Request[Any]) -> Exchange[Any]:
        return _repeated(request, api=api, policy=policy, clock=clock)

    return _through(exchange, send)


def _through(exchange: Exchange[T], send: Callable[[Request[Any]], Exchange[Any]]) -> Exchange[T]:
    """Run an exchange with each of its requests replaced by an exchange."""
    try:
        step = next(exchange)
        while True:
            try:
                value = yield from send(step) if isinstance(step, Request) else _hand_on(step)
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


def _repeated(request: Request[T], *, api: Api, policy: RetryPolicy, clock: Clock) -> Exchange[T]:
    """Send a request until it succeeds, or fails in a way that is not to be repeated."""
    began = clock.monotonic()
    attempt = 1
    while True:
        try:
            return (yield from _authorised(request, api=api, policy=policy, clock=clock))
        except ApiError as error:
            _describe(error, request, api, attempt)
            if not may_repeat(error, repeatable=request.repeatable):
                raise
            elapsed = clock.monotonic() - began
            wait = policy.pause(error, attempt=attempt, elapsed=elapsed, chance=clock.random())
            if wait is None:
                raise
            log.warning("%s; trying again in %.1f s", error, wait)
        yield Pause(wait)
        attempt += 1


def _authorised(request: Request[T], *, api: Api, policy: RetryPolicy, clock: Clock) -> Exchange[T]:
    """Send a request with credentials; renew those once if they are refused."""
    login = EnsureCredentials(partial(logged_in, api, policy=policy, clock=clock))
    if request.authenticated and api.needs_login():
        yield login
    authorised = api.authorise(request)
    try:
        value: T = yield from _followed(authorised, api=api, clock=clock)
    except AuthenticationError:
        if not request.authenticated:
            raise
        # While this was under way another exchange may have renewed them: those are not to be dropped.
        refused = api.authorise(request).secret_headers == authorised.secret_headers
        if refused and not api.forget_login():
            raise
        if api.needs_login():
            yield login
        value = yield from _followed(api.authorise(request), api=api, clock=clock)
    return value


def logged_in(api: Api, *, policy: RetryPolicy, clock: Clock) -> Exchange[None]:
    """Fetch credentials. A failure proves that the request they are for was not sent."""

    def send(request: Request[Any]) -> Exchange[Any]:
        return _repeated(request, api=api, policy=policy, clock=clock)

    try:
        yield from _through(api.login(), send)
    except ApiError as error:
        error.not_sent = True
        raise


def _followed(request: Request[T], *, api: Api, clock: Clock) -> Exchange[T]:
    """Send a request and follow redirects, without credentials once they lead to another host."""

    def judge(reply: Reply) -> Reply | _Parsed[T]:
        if reply.status in _REDIRECTS:
            return reply
        return _Parsed(_judged(request, reply, api=api, clock=clock))

    # The driver calls this, so that a large answer can be parsed off the event loop.
    bare: Request[Any] = replace(cast("Request[Any]", request), parse=judge)
    for _ in range(MAX_REDIRECTS + 1):
        outcome = yield bare
        if isinstance(outcome, _Parsed):
            value: T = outcome.value
            return value
        bare = _redirected(bare, outcome)
    raise MalformedReplyError(f"more than {MAX_REDIRECTS} redirects")


@dataclass(frozen=True)
class _Parsed(Generic[T]):
    value: T


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


def _judged(request: Request[T], reply: Reply, *, api: Api, clock: Clock) -> T:
    if 200 <= reply.status < 300:
        try:
            return request.parse(reply)
        except ApiError as error:
            # What the platform calls a success may be a refusal in its own words.
            error.message = _without_secrets(error.message, request, api)
            error.body = _without_secrets(error.body, request, api)
            error.args = (error.message,)
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            raise MalformedReplyError(
                _without_secrets(f"the answer has an unknown shape: {error!r}", request, api),
                status=reply.status,
                body=_without_secrets(reply.text(), request, api),
            ) from error
    words = _without_secrets(api.error_text(reply), request, api)
    reason = _without_secrets(reply.reason, request, api)
    text = f"HTTP {reply.status}" + (f" {reason}" if reason else "")
    text += f": {words}" if words and words != reason else ""
    refusal = api.error_class(request, reply)(
        text, status=reply.status, body=words, retry_after=retry_after(reply, clock.wall())
    )
    if api.locks_out and isinstance(refusal, AuthenticationError | PermissionDeniedError):
        refusal.locks_out = refusal.permanent = True
    raise refusal


def _without_secrets(text: str, request: Request[Any], api: Api) -> str:
    """Return a server's words without the credentials that it may have repeated.

    Airflow masks them in the task's log, but not in the copy of it that the executor prints.
    """
    sent = (value.rpartition(" ")[2] for value in request.secret_headers.values())
    for secret in sorted({*api.settings.secrets, *sent}, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def _describe(error: ApiError, request: Request[Any], api: Api, attempt: int) -> None:
    """Complete an error by what was being done; an error of the login keeps its own description."""
    if error.operation:
        error.attempt = attempt
        return
    error.platform = api.platform
    error.operation = request.operation
    error.method = request.method
    error.path = request.path
    error.attempt = attempt
