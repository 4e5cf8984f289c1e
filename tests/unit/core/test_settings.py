"""The settings of a connection that a form, an environment variable or a user has filled in."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import ConnectionSettingsError
from airflow_provider_dataops.platforms.quantemplate.api import BASE_URL
from tests.unit.platforms.apis import quantemplate, tamr

FORM = dict.fromkeys(
    [
        "auth_url",
        "verify_ssl",
        "ca_bundle",
        "request_timeout",
        "listing_delay",
        "timeout_delay",
        "proxy",
        "auth_headers",
        "link_template",
    ]
)


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_fields_have_their_defaults(empty: Any) -> None:
    settings = quantemplate(host=empty, extra=dict.fromkeys(FORM, empty)).settings
    assert settings.base_url == BASE_URL
    assert (settings.verify_ssl, settings.request_timeout, settings.proxy) == (True, 30.0, "")
    assert (settings.listing_delay, settings.timeout_delay) == (0.0, 0.0)


def test_the_delays_of_a_search_are_read() -> None:
    settings = tamr(extra={"listing_delay": "45", "timeout_delay": 900}).settings
    assert (settings.listing_delay, settings.timeout_delay) == (45.0, 900.0)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "api.example.com"}, "https://api.example.com"),
        ({"host": "api.example.com", "port": 443}, "https://api.example.com"),
        ({"host": "api.example.com", "port": 8443}, "https://api.example.com:8443"),
        ({"host": "https://api.example.com:9/v1/", "port": 443}, "https://api.example.com:9/v1"),
        ({"host": "http://localhost:80/x"}, "http://localhost/x"),
        ({"host": "localhost", "schema": "http", "port": 8099}, "http://localhost:8099"),
        ({"host": "https://API.Example.com/V1"}, "https://api.example.com/V1"),
        ({"host": "http://[::1]:8099"}, "http://[::1]:8099"),
    ],
)
def test_a_host_becomes_a_url(fields: dict[str, Any], url: str) -> None:
    assert quantemplate(**fields).settings.base_url == url


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "ftp://x"}, "http or https"),
        ({"host": "https://user:pa55word@x"}, "login and password"),
        ({"host": "https://x:port"}, "not a URL"),
        ({"host": "https://"}, "host name"),
        ({"host": "https://x?y=1"}, "query"),
        ({"host": "https://x#y"}, "fragment"),
        ({"login": None}, "client id"),
        ({"password": ""}, "client secret"),
        ({"password": "pa55\nword"}, "cannot be sent"),
        ({"password": "pa55wörd"}, "cannot be sent"),
        ({"extra": {"auth_url": "javascript:x"}}, "auth_url"),
        ({"extra": {"verify_ssl": "maybe"}}, "verify_ssl"),
        ({"extra": {"request_timeout": 0}}, "request_timeout"),
        ({"extra": {"request_timeout": "soon"}}, "request_timeout"),
        ({"extra": {"request_timeout": True}}, "request_timeout"),
        ({"extra": {"listing_delay": 0}}, "listing_delay"),
        ({"extra": {"timeout_delay": "soon"}}, "timeout_delay"),
        ({"extra": {"auth_headers": "nonsense"}}, "auth_headers"),
        ({"extra": {"auth_headers": {"X": 1}}}, "auth_headers"),
        ({"extra": {"auth_headers": {"X": "pa55word\r\nY: z"}}}, "cannot be sent"),
        ({"extra": {"link_template": "javascript:alert(1)"}}, "http"),
        ({"extra": {"link_template": "https://x/{password}"}}, "password"),
        ({"extra": {"link_template": "https://x/{run_id.__class__}"}}, "run_id.__class__"),
        ({"extra": {"link_template": "https://x/{run_id"}}, "brace"),
        ({"extra": {"link_template": "https://user:pa55@x/{run_id}"}}, "user:password@"),
        ({"extra": {"link_template": "https://x{run_id}/"}}, "placeholders only after"),
        ({"extra": {"link_template": "{base_url}{run_id}"}}, "placeholders only after"),
        ({"extra": {"link_template": "{base_url}:{run_id}/"}}, "placeholders only after"),
        ({"extra": {"link_template": "https://{run_id}.x/"}}, "placeholders only after"),
        ({"extra": {"link_template": "https://x\\{run_id}"}}, "placeholders only after"),
        ({"extra": {"link_template": "https://x/\n{run_id}"}}, "placeholders only after"),
        ({"extra": {"link_template": "https:///{run_id}"}}, "placeholders only after"),
        ({"extra": {"link_template": "https://[/{run_id}"}}, "placeholders only after"),
        ({"host": "https://my-tenant..example"}, "valid host name"),
        ({"host": f"https://{'a' * 64}.example"}, "valid host name"),
        ({"host": "https://x{y}.example"}, "host name"),
        ({"host": "https://x", "port": 70_000}, "port"),
        ({"extra": {"organisation_id": 5}}, "organisation_id"),
        ({"extra": {"proxy": "socks5://x"}}, "proxy"),
    ],
)
def test_invalid_settings_raise_an_error_before_anything_is_sent(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=words) as caught:
        quantemplate(**fields)
    assert "'qt'" in str(caught.value)
    assert "pa55" not in str(caught.value)


def test_a_key_from_a_mounted_secret_may_end_in_a_line_break() -> None:
    assert tamr(password="apk_1\n").credentials() == {"X-API-KEY": "apk_1"}


def test_secrets_are_not_shown_in_a_repr() -> None:
    extra = {"proxy": "http://u:pr0xyword@p:3128", "auth_headers": {"X": "h3ader"}}
    api = quantemplate(extra=extra)
    assert {"s3cret-of-client", "pr0xyword", "h3ader"} <= set(api.settings.secrets)
    for secret in api.settings.secrets:
        assert secret not in repr(api.settings)
    assert not any("https://" in secret for secret in api.settings.secrets)


def test_the_account_key_depends_on_credentials_host_and_network_settings() -> None:
    same = {
        tamr(password="a").settings.account_key,
        tamr(password="a", host="my-tenant.tamr.cloud").settings.account_key,
    }
    assert len(same) == 1
    others = [
        tamr(password="b"),
        tamr(password="a", host="other"),
        tamr(password="a", extra={"verify_ssl": False}),
        tamr(password="a", extra={"auth_headers": {"X": "y"}}),
        tamr(password="a", extra={"proxy": "http://p"}),
    ]
    assert len({api.settings.account_key for api in others} | same) == 6
    assert quantemplate(login="one").settings.account_key != quantemplate(login="two").settings.account_key


def test_a_host_with_an_empty_label_is_rejected() -> None:
    with pytest.raises(ConnectionSettingsError, match="valid host name"):
        tamr(host="my-tenant..tamr.cloud")
