"""Test a connection in a limited time, and put the cause of a failure into words.

The test runs in Airflow's API server. So it must end soon, even if nothing answers. Its message contains no
text of a server except the host of a redirect. Otherwise a user with permission to edit connections could
read responses of internal hosts.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future, wait
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.http import same_origin
from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import ApiError, AuthenticationError, TransportError
from airflow_provider_dataops.transport.adapter import ON_STAGE, NotConnectedError, Stage
from airflow_provider_dataops.transport.sync import SyncDriver

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.http import Request

#: The time limit for connecting to one address of a host, in seconds.
CONNECT_LIMIT = 1.5
#: The time limit for all requests of a test together, in seconds.
REQUESTS_LIMIT = 3.5
#: After this many seconds the test ends in any case. A DNS lookup has no timeout, and a host may have many
#: addresses.
LIMIT = 4.0
#: How many tests may run at a time in one process. A test whose DNS lookup hangs still counts.
MOST_TESTS = 8

_free = threading.BoundedSemaphore(MOST_TESTS)


class LimitedDriver(SyncDriver):
    """Runs the requests of a test. All of them together get :data:`REQUESTS_LIMIT` seconds."""

    def __init__(
        self, api: Api, *, register_secret: Callable[[str], None], clock: Clock = SYSTEM_CLOCK
    ) -> None:
        super().__init__(api, register_secret=register_secret, clock=clock, limit=REQUESTS_LIMIT)
        self._until = self.clock.monotonic() + REQUESTS_LIMIT
        self.operation = self.url = ""
        self.stages: list[Stage] = []

    def reached(self, stage: Stage) -> None:
        """Record a stage that a request has reached.

        :raises NotConnectedError: if the time is over. Otherwise a login could be sent after the user has
            read that the test failed, and an account could be locked after several tests.
        """
        if self.clock.monotonic() >= self._until:
            raise NotConnectedError(stage)
        self.stages.append(stage)

    def timeouts(self, request: Request[Any]) -> tuple[float, float]:
        """Return two timeouts in seconds: for making the connection, and for the response.

        :raises TransportError: if the time is over.
        """
        self.operation, self.url = request.operation, request.url
        remaining = self._until - self.clock.monotonic()
        if remaining <= 0:
            raise TransportError("TimeoutError: the time of the test is over", not_sent=True)
        connect, read = super().timeouts(request)
        return min(connect, CONNECT_LIMIT, remaining), min(read, remaining)


def run(api: Api, *, host_field: str, register_secret: Callable[[str], None]) -> tuple[bool, str]:
    """Send the requests with which a platform tests its connection, and return the result for Airflow's UI.

    :param host_field: the label of the host in the connection form.
    :raises DataOpsError: if a field of the connection is wrong.
    """
    if not _free.acquire(blocking=False):
        return False, f"{api.platform}: {MOST_TESTS} other tests have not ended yet; try again in a minute"
    try:
        driver = LimitedDriver(api, register_secret=register_secret)
    except BaseException:
        _free.release()
        raise
    result: Future[str] = Future()

    def test() -> None:
        ON_STAGE.set(driver.reached)
        try:
            with closing(driver):
                value = driver.run(api.test(), ONCE)
        except BaseException as error:
            result.set_exception(error)
        else:
            result.set_result(value)
        finally:
            _free.release()

    # Nothing can interrupt a DNS lookup. The thread ends by itself, and nothing waits for it.
    threading.Thread(target=test, name="connection test", daemon=True).start()
    wait([result], timeout=LIMIT)
    if not result.done():
        what = _TOO_SLOW[driver.stages[-1] if driver.stages else Stage.CONNECT]
        return False, f"{api.platform}: {driver.operation}: {what} within {LIMIT:.0f} s"
    try:
        return True, result.result()
    except ApiError as error:
        elsewhere = not same_origin(driver.url, api.settings.base_url)
        where = f"the host {urlsplit(driver.url).hostname}" if elsewhere else f"the field {host_field!r}"
        return False, diagnosis(error, where)


#: The message after :data:`LIMIT` seconds, by the stage that the test had reached.
_TOO_SLOW = {
    Stage.CONNECT: "the host name was not resolved, or the host did not accept the connection,",
    Stage.PROXY: "the proxy did not answer",
    Stage.TLS: "the TLS handshake was not complete",
    Stage.RESPONSE: "the response was not complete",
}
#: Why there is no response, by the name of the exception. ``{}`` is what the request tried to reach.
_NO_RESPONSE = {
    "NameResolutionError": "the name of {} cannot be resolved (DNS)",
    "ConnectTimeoutError": "{} does not accept the connection in time",
    "ReadTimeoutError": "the response timed out",
    "TimeoutError": "the response arrives too slowly",
    "RemoteDisconnected": "{} closed the connection without a response",
    "ConnectionResetError": "{} closed the connection without a response",
}
#: What is wrong with a certificate and what to do, by words in OpenSSL's error message.
_CERTIFICATE = {
    "has expired": "has expired",
    "not yet valid": "is not yet valid; is this machine's clock right?",
    "mismatch": "belongs to another host; is {where} right?",
    "not valid for": "belongs to another host; is {where} right?",
    "self-signed": "is self-signed; if you trust it, name its file in the field 'CA bundle'",
    "self signed": "is self-signed; if you trust it, name its file in the field 'CA bundle'",
    "": "is not trusted; if you trust its issuer, name the issuer's file in the field 'CA bundle'",
}
_HINTS = {
    401: "the credentials are not accepted",
    403: "the credentials are accepted but lack a permission",
    407: "the proxy does not accept its user and password",
    429: "too many requests; the host is reachable",
}


def diagnosis(error: ApiError, where: str) -> str:
    """Return the cause of a failed request, without any text of the server's response.

    :param where: what the user should check: the form's field with the host, or another host that was called.
    """
    what = f"{error.platform}: {error.operation}"
    if error.status is None:
        return f"{what}: {_no_response(error, where)}"
    if error.redirected_to:
        hint = f"the server redirected to {error.redirected_to}; is that the platform's host?"
    elif error.status >= 500:
        hint = "the platform has an internal error"
    elif isinstance(error, AuthenticationError):
        hint = _HINTS[401]
    elif error.is_web_page:
        hint = f"the response is a web page, not JSON; is {where} right, with its path?"
    elif error.status == 404:
        hint = f"not found; is {where} right, with its path?"
    else:
        hint = _HINTS.get(error.status, f"unexpected response; does {where} name the platform?")
    return f"{what}: HTTP {error.status}: {hint}"


def _no_response(error: ApiError, where: str) -> str:
    name, _, text = error.message.partition(": ")
    stage = error.stage if isinstance(error, TransportError) else ""
    if stage == Stage.PROXY:
        refusal = re.match(r"Tunnel connection failed: (\d{3})", text)
        if refusal:
            code = int(refusal[1])
            reason = _HINTS[407] if code == 407 else "the proxy does not connect to the host"
            return f"HTTP {code} of the proxy: {reason}"
        return f"{_cause(name, text, 'the proxy')}; is the field 'Proxy', or HTTPS_PROXY, right?"
    if name == "SSLCertVerificationError":
        problem = next(advice for words, advice in _CERTIFICATE.items() if words in text)
        return f"TLS: the server's certificate {problem.format(where=where)}"
    if stage == Stage.TLS:
        if "TimeoutError" in name:
            return "the TLS handshake timed out"
        return "the TLS handshake failed; is the port right, or must the host begin with http://?"
    return f"{_cause(name, text, 'the host')}; is {where} right and reachable from here?"


def _cause(name: str, text: str, who: str) -> str:
    if name == "NewConnectionError":
        return f"{who} refused the connection" if "refused" in text else f"{who} cannot be reached"
    return _NO_RESPONSE.get(name, "there is no HTTP response").format(who)
