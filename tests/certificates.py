"""Certificates for servers on loopback, and servers that show them."""

from __future__ import annotations

import ipaddress
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.raw import read_request, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.raw import Server

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
OTHER_HOST = x509.DNSName("other.example")


class Identity:
    """A server's certificate, signed by itself, with its key: a file that holds both.

    :param is_expired: whether the certificate's last day was yesterday.
    """

    def __init__(self, folder: Path, host: x509.GeneralName, *, is_expired: bool = False) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=-1 if is_expired else 1))
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
