"""The Test button names the cause of each failure on all platforms, and ends in less than five seconds."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.hooks import connection_test
from tests.certificates import LOOPBACK, OTHER_HOST, Identity
from tests.raw import answering, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.bench.base import Bench
    from tests.raw import Talk

#: A text of a server. No message may contain it.
PLANTED = "pl4nted-by-the-server"

pytestmark = pytest.mark.usefixtures("bare_environment")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the limits shorter, so that the tests of all platforms take less time.

    Each is a second longer than the one before, because a busy machine can stop a test that long.
    """
    monkeypatch.setattr(connection_test, "CONNECT_LIMIT", 0.4)
    monkeypatch.setattr(connection_test, "REQUESTS_LIMIT", 1.4)
    monkeypatch.setattr(connection_test, "LIMIT", 2.4)


def message_of(bench: Bench) -> str:
    """Return the message of a test that fails, after less than five seconds."""
    began = time.monotonic()
    works, message = bench._hook().test_connection()
    assert time.monotonic() - began < 5.0
    assert not works
    assert PLANTED not in message
    return str(message)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def dropping_packets() -> Iterator[str]:
    """Return the address of a port that answers no request for a connection, as behind a firewall."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # Fill the queue of connections. From then on, the system drops all packets of new connections.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            yield f"127.0.0.1:{address[1]}"
        finally:
            for one in waiting:
                one.close()


def silent(connection: socket.socket) -> None:
    """Read everything, and never answer."""
    while connection.recv(65_536):
        pass


def slow_tls(connection: socket.socket) -> None:
    """Begin a TLS handshake, and send one byte every 0.2 s."""
    connection.recv(65_536)
    connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while True:
        time.sleep(0.2)
        connection.sendall(b"\x00")


def plain_http(connection: socket.socket) -> None:
    """Respond as a server without TLS responds to a TLS handshake."""
    connection.recv(65_536)
    connection.sendall(f"HTTP/1.1 400 {PLANTED}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.fixture
def _slow_dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the search for the name ``slow.invalid`` take until the end of the test."""
    resolve, over = socket.getaddrinfo, threading.Event()

    def slow(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "slow.invalid":
            over.wait(30.0)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield
    over.set()


class TestLimit:
    """With the real limits, a test takes less than five seconds. :func:`message_of` checks it."""

    @pytest.mark.usefixtures("_slow_dns")
    def test_of_the_search_for_the_host_name(self, tamr: Bench) -> None:
        tamr.connect(host="https://slow.invalid")
        assert "within 4 s" in message_of(tamr)

    def test_of_the_connection(self, tamr: Bench) -> None:
        with dropping_packets() as netloc:
            tamr.connect(host=f"https://{netloc}", port=None)
            assert "the host does not accept the connection in time" in message_of(tamr)

    @pytest.mark.parametrize("talk", [slow_tls, silent])
    def test_of_the_tls_handshake(self, tamr: Bench, talk: Talk) -> None:
        with serving(talk) as server:
            tamr.connect(host=f"https://{server.netloc}", port=None)
            assert "the TLS handshake timed out" in message_of(tamr)

    def test_of_all_requests_together(self, quantemplate: Bench) -> None:
        quantemplate.fault("slow", operation="get_token", delay=2.0)
        with serving(silent) as server:
            quantemplate.connect(host=server.url, port=None, request_timeout=60)
            assert "the response timed out" in message_of(quantemplate)


class TestNoAnswer:
    def test_the_host_name_does_not_exist(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        resolve = socket.getaddrinfo

        def unknown(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host == "unknown.invalid":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return resolve(host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        bench.connect(host="https://unknown.invalid")
        assert "the name of the host cannot be resolved (DNS); is the field" in message_of(bench)

    @pytest.mark.usefixtures("hurried", "_slow_dns")
    def test_the_search_for_the_host_name_takes_too_long(self, bench: Bench) -> None:
        bench.connect(host="https://slow.invalid")
        assert "the host name was not resolved, or the host did not accept" in message_of(bench)

    def test_the_host_refuses_the_connection(self, bench: Bench) -> None:
        bench.connect(host=f"https://127.0.0.1:{closed_port()}", port=None)
        assert "the host refused the connection; is the field" in message_of(bench)

    @pytest.mark.usefixtures("hurried")
    def test_a_firewall_drops_the_packets(self, bench: Bench) -> None:
        with dropping_packets() as netloc:
            bench.connect(host=f"https://{netloc}", port=None)
            assert "the host does not accept the connection in time" in message_of(bench)

    @pytest.mark.usefixtures("hurried")
    def test_the_host_accepts_the_connection_but_does_not_answer(self, bench: Bench) -> None:
        with serving(silent) as server:
            bench.connect(host=server.url, port=None)
            assert "the response timed out" in message_of(bench)

    def test_the_host_closes_the_connection(self, bench: Bench) -> None:
        with serving(answering(b"")) as server:
            bench.connect(host=server.url, port=None)
            assert "the host closed the connection without a response" in message_of(bench)


class TestTls:
    @pytest.mark.parametrize(
        ("host", "is_expired", "trusts", "words"),
        [
            (LOOPBACK, True, True, "the server's certificate has expired"),
            (LOOPBACK, False, False, "the server's certificate is self-signed; if you trust it"),
            (OTHER_HOST, False, True, "the server's certificate belongs to another host; is the field"),
        ],
        ids=["expired", "self-signed", "wrong host"],
    )
    def test_the_certificate_is_not_accepted(
        self, bench: Bench, tmp_path: Path, host: Any, is_expired: bool, trusts: bool, words: str
    ) -> None:
        identity = Identity(tmp_path, host, is_expired=is_expired)
        bundle = {"ca_bundle": str(identity.certificate)} if trusts else {}
        with identity.serving() as server:
            bench.connect(host=server.url, port=None, **bundle)
            assert words in message_of(bench)

    def test_the_server_does_not_speak_tls(self, bench: Bench) -> None:
        with serving(plain_http) as server:
            bench.connect(host=f"https://{server.netloc}", port=None)
            message = message_of(bench)
        assert "the TLS handshake failed; is the port right, or must the host begin with http://?" in message

    @pytest.mark.usefixtures("hurried")
    def test_the_handshake_does_not_end(self, bench: Bench) -> None:
        with serving(slow_tls) as server:
            bench.connect(host=f"https://{server.netloc}", port=None)
            assert "the TLS handshake timed out" in message_of(bench)

    @pytest.mark.usefixtures("hurried")
    def test_the_server_does_not_answer_the_handshake(self, bench: Bench) -> None:
        with serving(silent) as server:
            bench.connect(host=f"https://{server.netloc}", port=None)
            assert "the TLS handshake timed out" in message_of(bench)


class TestProxy:
    def through(self, bench: Bench, proxy: str, scheme: str = "https") -> str:
        """Return the message of a test that sends all requests through a proxy."""
        url = f"{scheme}://platform.invalid"
        # Only Quantemplate has a second host, which returns tokens.
        bench.connect(host=url, port=None, proxy=proxy, auth_url=f"{url}/token")
        return message_of(bench)

    def test_the_proxy_refuses_the_connection(self, bench: Bench) -> None:
        message = self.through(bench, f"http://127.0.0.1:{closed_port()}")
        assert "the proxy refused the connection; is the field 'Proxy', or HTTPS_PROXY, right?" in message

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (407, "HTTP 407 of the proxy: the proxy does not accept its user and password"),
            (403, "HTTP 403 of the proxy: the proxy does not connect to the host"),
        ],
    )
    def test_the_proxy_answers_with_an_error(self, bench: Bench, status: int, words: str) -> None:
        with serving(answering(f"HTTP/1.1 {status} {PLANTED}\r\n\r\n".encode())) as server:
            assert words in self.through(bench, server.url)

    @pytest.mark.usefixtures("hurried")
    def test_the_proxy_does_not_answer(self, bench: Bench) -> None:
        with serving(silent) as server:
            message = self.through(bench, server.url)
        assert "is the field 'Proxy', or HTTPS_PROXY, right?" in message

    def test_the_proxy_rejects_a_request_without_tls(self, bench: Bench) -> None:
        with serving(answering(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")) as server:
            message = self.through(bench, server.url, scheme="http")
        assert "HTTP 407: the proxy does not accept its user and password" in message


class TestResponse:
    def test_the_credentials_are_wrong(self, bench: Bench) -> None:
        bench.use_wrong_secret("wrong")
        assert "HTTP 401: the credentials are not accepted" in message_of(bench)

    @pytest.mark.parametrize("status", [200, 403, 404])
    def test_a_web_page_answers(self, bench: Bench, status: int) -> None:
        page = f"<!DOCTYPE html><title>{PLANTED}</title>"
        bench.fault("html", status=status, body=page)
        message = message_of(bench)
        assert f"HTTP {status}: the response is a web page, not JSON; is the field" in message

    def test_a_web_page_answers_after_quantemplate_returned_a_token(self, quantemplate: Bench) -> None:
        quantemplate.fault("html", status=403, operation="list_executions")
        assert "HTTP 403: the response is a web page, not JSON" in message_of(quantemplate)

    def test_the_path_is_wrong(self, bench: Bench) -> None:
        response = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        with serving(answering(response)) as server:
            bench.connect(host=f"{server.url}/wrong", port=None)
            works, message = bench._hook().test_connection()
        # Quantemplate answers so for a pipeline that does not exist, which its test asks for.
        assert works == (bench.name == "quantemplate")
        assert works or "HTTP 404: not found; is the field" in message

    def test_the_platform_has_an_outage(self, bench: Bench) -> None:
        bench.fault("status", status=503, body=PLANTED)
        assert "HTTP 503: the platform has an internal error" in message_of(bench)


class TestWrongName:
    """The credentials are right, but the tenant, the organisation or the small app does not exist."""

    def test_trac_does_not_list_the_tenant(self, trac: Bench) -> None:
        trac.connect(tenant="NO_SUCH")
        assert "extra field 'tenant' must be a tenant that the gateway lists; given: 'NO_SUCH'" in message_of(
            trac
        )

    def test_toucan_does_not_show_the_small_app(self, toucan: Bench) -> None:
        toucan.connect(small_app="no-such")
        assert "the user sees no small app 'no-such'" in message_of(toucan)

    def test_tailers_account_is_not_one(self, tailer: Bench) -> None:
        tailer.connect(account="99")
        assert "account must be a text of six digits" in message_of(tailer)

    def test_tailers_host_is_wrong_and_the_account_is_not_set(self, tailer: Bench) -> None:
        tailer.connect(host=f"https://127.0.0.1:{closed_port()}", port=None, account=None)
        assert "the host refused the connection" in message_of(tailer)

    def test_the_id_of_quantemplates_organisation_is_not_one(self, quantemplate: Bench) -> None:
        quantemplate.connect(organisation_id="Acme Ltd")
        assert "the id of an organisation begins with c-; given: 'Acme Ltd'" in message_of(quantemplate)

    def test_the_token_endpoint_of_quantemplate_is_wrong(self, quantemplate: Bench) -> None:
        quantemplate.connect(auth_url=f"http://127.0.0.1:{closed_port()}/token")
        message = message_of(quantemplate)
        assert message.startswith("Quantemplate: get token: the host refused the connection")
        assert "is the host 127.0.0.1 right" in message

    def test_tamrs_tenant_has_no_address(self, tamr: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        tamr.connect(host="no-such-tenant", port=None)
        message = message_of(tamr)
        assert "the name of the host cannot be resolved (DNS); is the field 'Tenant' right" in message
