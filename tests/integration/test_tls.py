"""Whom a worker and a triggerer take for the platform: real TLS on loopback, with certificates made here."""

from __future__ import annotations

import ipaddress
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from airflow_provider_dataops.errors import TransportError
from tests.raw import DRIVERS, get, read_request, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.raw import Server

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
OTHER_HOST = x509.DNSName("other.example")


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.__name__)
def ask(request: pytest.FixtureRequest) -> Any:
    """Run an exchange on a worker, and in a triggerer."""
    return request.param


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


class Identity:
    """A server's certificate, signed by itself, with its key: a file that holds both."""

    def __init__(self, folder: Path, host: x509.GeneralName) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([host]), critical=False)
            .sign(key, hashes.SHA256())
        ).public_bytes(Encoding.PEM)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.certificate, both = folder / "certificate.pem", folder / "both.pem"
        self.certificate.write_bytes(certificate)
        both.write_bytes(certificate + secret)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(both)
        self.heads: list[bytes] = []

    @contextmanager
    def serving(self) -> Iterator[Server]:
        def talk(connection: socket.socket) -> None:
            with self.context.wrap_socket(connection, server_side=True) as encrypted:
                self.heads.append(read_request(encrypted))
                encrypted.sendall(GOOD)

        with serving(talk) as server:
            server.url = f"https://{server.netloc}"
            yield server


def test_a_certificate_that_nobody_vouches_for_gets_no_request(ask: Any, tmp_path: Path) -> None:
    identity = Identity(tmp_path, LOOPBACK)
    with identity.serving() as server, pytest.raises(TransportError, match=r"(?i)certificate") as caught:
        ask(get(server.url), host=server.url)
    assert caught.value.not_sent
    assert not any(identity.heads)


def test_a_trusted_certificate_of_another_host_gets_no_request(ask: Any, tmp_path: Path) -> None:
    identity = Identity(tmp_path, OTHER_HOST)
    extra = {"ca_bundle": str(identity.certificate)}
    with identity.serving() as server, pytest.raises(TransportError, match=r"(?i)certificate") as caught:
        ask(get(server.url), host=server.url, extra=extra)
    assert caught.value.not_sent
    assert not any(identity.heads)


def test_the_connections_own_certificate_is_trusted(ask: Any, tmp_path: Path) -> None:
    identity = Identity(tmp_path, LOOPBACK)
    with identity.serving() as server:
        assert ask(get(server.url), host=server.url, extra={"ca_bundle": str(identity.certificate)}) == {}


def test_anybody_is_trusted_if_the_connection_says_so(ask: Any, tmp_path: Path) -> None:
    with Identity(tmp_path, OTHER_HOST).serving() as server:
        assert ask(get(server.url), host=server.url, extra={"verify_ssl": False}) == {}
