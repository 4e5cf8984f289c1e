"""Whom a worker and a triggerer take for the platform: real TLS on loopback, with certificates made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import TransportError
from tests.certificates import LOOPBACK, OTHER_HOST, Identity
from tests.raw import DRIVERS, get

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("bare_environment")


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.__name__)
def ask(request: pytest.FixtureRequest) -> Any:
    """Run an exchange on a worker, and in a triggerer."""
    return request.param


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
