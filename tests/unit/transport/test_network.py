"""Which certificates are trusted, and through which proxy a request goes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import certifi
import pytest

from airflow_provider_dataops.errors import ConnectionSettingsError
from airflow_provider_dataops.transport.network import ca_file, proxy_for, tls_context, trusted
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


class TestProxy:
    @pytest.mark.parametrize(
        ("environment", "proxy"),
        [
            ({}, None),
            ({"https_proxy": "http://p:3128"}, "http://p:3128"),
            ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
            ({"https_proxy": "p:3128"}, "http://p:3128"),
            ({"all_proxy": "http://p:3128"}, "http://p:3128"),
            ({"all_proxy": "http://other", "https_proxy": "http://p"}, "http://p"),
            ({"http_proxy": "http://p"}, None),
            ({"https_proxy": "http://p", "no_proxy": "my-tenant.tamr.cloud"}, None),
            ({"https_proxy": "http://p", "NO_PROXY": ".tamr.cloud"}, None),
            ({"https_proxy": "http://p", "no_proxy": "*"}, None),
            ({"https_proxy": "http://p", "no_proxy": "elsewhere"}, "http://p"),
        ],
    )
    def test_is_read_from_the_environment_for_the_host(
        self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert proxy_for(tamr().settings, "https", "my-tenant.tamr.cloud") == proxy

    def test_of_the_connection_is_used_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "http://p")
        monkeypatch.setenv("no_proxy", "*")
        settings = tamr(extra={"proxy": "http://own:3128"}).settings
        assert proxy_for(settings, "https", "my-tenant.tamr.cloud") == "http://own:3128"

    def test_of_an_unsupported_kind_is_rejected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "socks5://u:pa55word@p")
        with pytest.raises(ConnectionSettingsError, match="'tm'") as caught:
            proxy_for(tamr().settings, "https", "h")
        assert "pa55word" not in str(caught.value)


class TestCertificates:
    def test_of_the_connection_are_used_first(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/of/the/environment.pem")
        own = tmp_path / "own.pem"
        shutil.copy(certifi.where(), own)
        assert ca_file(tamr(extra={"ca_bundle": str(own)}).settings) == str(own)

    def test_of_the_environment_are_the_default(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        settings = tamr().settings
        assert ca_file(settings) == certifi.where()
        first, second = (shutil.copy(certifi.where(), tmp_path / name) for name in ("1.pem", "2.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(second))
        assert ca_file(settings) == str(second)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(first))
        assert ca_file(settings) == str(first)

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_of_the_environment_that_do_not_exist_raise_an_error(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, "/no/such.pem")
        for find in (trusted, tls_context):
            with pytest.raises(ConnectionSettingsError, match=rf"'tm'.*{name} '/no/such\.pem' does not"):
                find(tamr().settings)

    def test_that_are_invalid_raise_an_error_before_anything_is_sent(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("no certificate")
        settings = tamr(extra={"ca_bundle": str(tmp_path / "ca.pem")}).settings
        for find in (trusted, tls_context):
            with pytest.raises(ConnectionSettingsError, match="cannot be read as a file of certificates"):
                find(settings)

    def test_that_do_not_exist_raise_an_error_with_their_path(self) -> None:
        with pytest.raises(ConnectionSettingsError, match=r"'tm'.*'/no/such\.pem' does not exist"):
            ca_file(tamr(extra={"ca_bundle": "/no/such.pem"}).settings)

    def test_are_not_read_if_verify_ssl_is_false(self) -> None:
        settings = tamr(extra={"verify_ssl": "false", "ca_bundle": "/no/such.pem"}).settings
        assert tls_context(settings) is False
