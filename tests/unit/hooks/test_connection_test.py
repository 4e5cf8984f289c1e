"""How a failed test of a connection is put into words."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_dataops.core.http import Request
from airflow_provider_dataops.errors import ApiError, AuthenticationError, ServerError, TransportError
from airflow_provider_dataops.hooks import connection_test
from airflow_provider_dataops.hooks.connection_test import diagnosis
from airflow_provider_dataops.transport.adapter import NotConnectedError, Stage
from tests.unit.fakes import FakeClock
from tests.unit.platforms.apis import tamr

VERIFY = "SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "


def words(error: ApiError) -> str:
    error.platform, error.operation = "Fake", "list runs"
    return diagnosis(error, "the field 'Host'").removeprefix("Fake: list runs: ")


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("certificate has expired", "has expired"),
        ("certificate is not yet valid", "is not yet valid; is this machine's clock right?"),
        (
            "Hostname mismatch, certificate is not valid for 'h'",
            "belongs to another host; is the field",
        ),
        ("IP address mismatch, certificate is not valid for '1.2.3.4'", "belongs to another host"),
        ("self-signed certificate", "is self-signed; if you trust it"),
        ("self signed certificate in certificate chain", "is self-signed; if you trust it"),
        ("unable to get local issuer certificate", "is not trusted; if you trust its issuer"),
    ],
)
def test_a_certificate_that_is_not_accepted(reason: str, advice: str) -> None:
    message = words(TransportError(f"{VERIFY}{reason} (_ssl.c:1006)", stage="TLS"))
    assert message.startswith(f"TLS: the server's certificate {advice}")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            TransportError("SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number", stage="TLS"),
            "the TLS handshake failed; is the port right, or must the host begin with http://?",
        ),
        (TransportError("TimeoutError: The handshake timed out", stage="TLS"), "the TLS handshake timed out"),
        (
            TransportError("NewConnectionError: [Errno 113] No route to host", stage="connect"),
            "the host cannot be reached; is the field 'Host' right and reachable from here?",
        ),
        (
            TransportError("NameResolutionError: Failed to resolve", stage="proxy"),
            "the name of the proxy cannot be resolved (DNS); is the field 'Proxy', or HTTPS_PROXY, right?",
        ),
        (
            TransportError("OSError: Tunnel connection failed: 502 Bad Gateway", stage="proxy"),
            "HTTP 502 of the proxy: the proxy does not connect to the host",
        ),
        (
            TransportError("IncompleteRead: 3 bytes read"),
            "there is no HTTP response; is the field 'Host' right and reachable from here?",
        ),
        (ServerError("502", status=502, body="<html>"), "HTTP 502: the platform has an internal error"),
        (
            AuthenticationError("401", status=401, body="<html>"),
            "HTTP 401: the credentials are not accepted",
        ),
    ],
)
def test_other_causes(error: ApiError, message: str) -> None:
    assert words(error) == message


def test_all_limits_together_are_below_five_seconds() -> None:
    limits = connection_test
    assert 0 < limits.CONNECT_LIMIT < limits.REQUESTS_LIMIT < limits.LIMIT < 4.5


class TestAfterTheTime:
    """The user has read that the test failed. No request may follow."""

    @pytest.fixture
    def driver(self) -> connection_test.LimitedDriver:
        clock = FakeClock()
        driver = connection_test.LimitedDriver(tamr(), register_secret=lambda _: None, clock=clock)
        clock.now += connection_test.REQUESTS_LIMIT
        return driver

    def test_no_request_begins(self, driver: connection_test.LimitedDriver) -> None:
        with pytest.raises(TransportError, match="time of the test is over"):
            driver.timeouts(Request(operation="list jobs", method="GET", url="https://acme.tamr.cloud/"))

    def test_no_request_is_sent_on_a_connection_that_was_made_late(
        self, driver: connection_test.LimitedDriver
    ) -> None:
        with pytest.raises(NotConnectedError):
            driver.reached(Stage.RESPONSE)


def test_tests_that_hang_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_test, "_free", threading.BoundedSemaphore(1))
    connection_test._free.acquire()
    is_good, message = connection_test.run(tamr(), host_field="Tenant", register_secret=lambda _: None)
    assert not is_good
    assert "try again in a minute" in message


def test_each_stage_has_words_for_a_test_that_takes_too_long() -> None:
    assert set(connection_test._TOO_SLOW) == set(Stage)
