"""The headers with credentials, and connections that are rejected."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import ConnectionSettingsError
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import FakeClock, play
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.tenants import TENANTS


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {}),
        ({"login": "", "password": ""}, {}),
        ({"extra": {"api_token": " t0ken "}}, {"Authorization": "Bearer t0ken", "trac_auth_token": "t0ken"}),
        (
            {"login": "ann", "password": "s3cret:é\n"},
            {"Authorization": "Basic " + base64.b64encode("ann:s3cret:é".encode()).decode()},
        ),
    ],
)
def test_credentials_become_headers_and_secrets(fields: dict[str, Any], headers: dict[str, str]) -> None:
    api = trac(**fields)
    assert api.credentials() == headers
    exchange = whole(api.list_tenants(), api=api, policy=ONCE, clock=FakeClock())
    assert play(exchange, TENANTS).requests[0].secret_headers == headers
    shown = repr(vars(api.settings)["secrets"])
    assert all(value.rpartition(" ")[2] in shown for value in headers.values())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": ""}, "host is empty"),
        ({"login": "ann", "password": "x", "extra": {"api_token": "t"}}, "not both"),
        ({"login": "ann"}, "password is empty"),
        ({"password": "s3cret"}, "login is empty, but password is set"),
        ({"login": "a:b", "password": "x"}, "login contains a colon"),
        ({"extra": {"api_token": "t\nX: y"}}, "cannot be sent"),
        ({"extra": {"tenant": "ACME-CORP"}}, "'tenant' must be an identifier"),
        ({"extra": {"meta_prefix": "a b"}}, "'meta_prefix' must be the first part of a URL's path"),
        ({"extra": {"data_prefix": "a/../b"}}, "'data_prefix' must be"),
        ({"extra": {"orch_prefix": "x?y"}}, "'orch_prefix' must be"),
    ],
)
def test_invalid_connections_are_rejected(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=f"'tr'.*{words}") as caught:
        trac(**fields)
    assert "s3cret" not in str(caught.value)
