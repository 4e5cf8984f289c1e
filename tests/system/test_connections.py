"""The UI's forms for connections, its Test button, and the connections that it stores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.provider_info import get_provider_info
from tests.system import planted

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from devtools.airflow_client import AirflowClient

TYPES = {entry["connection-type"]: entry for entry in get_provider_info()["connection-types"]}
PLATFORMS = sorted(TYPES)


def with_wrong_credentials(connection: dict[str, Any], platform: str) -> dict[str, Any]:
    """Return a copy of a connection, with a credential that the platform does not know."""
    extra = connection["extra"]
    if platform == "tailer":
        extra = {**extra, "auth_type": "bearer", "api_token": planted.STORED_PASSWORD}
    elif platform == "trac":
        extra = {**extra, "api_token": planted.STORED_PASSWORD}
    else:
        return {**connection, "password": planted.STORED_PASSWORD}
    return {**connection, "extra": extra}


def fields(sandbox: Sandbox, platform: str, **changes: Any) -> dict[str, Any]:
    """Return a connection as the UI's form stores it: with a port, and with every field."""
    given = planted.connection(sandbox, platform)
    empty = dict.fromkeys(["ca_bundle", "proxy", "request_timeout", "verify_ssl"])
    return {**given, "port": 443, "extra": {**empty, **given["extra"]}, **changes}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_form_has_the_fields_of_the_connection_type(airflow: AirflowClient, platform: str) -> None:
    form = airflow.connection_forms()[platform]
    assert form["standard_fields"]["host"]["title"]
    assert not form["standard_fields"]["port"]["hidden"]
    shown = form["extra_fields"]
    assert {"proxy", "auth_headers", "link_template", "request_timeout"} <= set(shown)
    secret = {name for name, field in shown.items() if field["schema"].get("format") == "password"}
    declared = TYPES[platform]["conn-fields"]
    assert set(declared) == set(shown)
    assert secret == {name for name, field in declared.items() if field["schema"].get("format") == "password"}
    assert secret >= {"auth_headers", "proxy"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_test_button_accepts_good_and_rejects_bad_credentials(
    airflow: AirflowClient, sandbox: Sandbox, platform: str
) -> None:
    good = fields(sandbox, platform)
    airflow.create_connection(f"{platform}_good", good)
    result = airflow.test_connection(f"{platform}_good", good)
    assert result["status"] is True
    # TRAC itself has no users, so its test shows only that the tenant exists.
    assert ("lists the tenant" if platform == "trac" else "accepted") in result["message"]

    bad = with_wrong_credentials(good, platform)
    airflow.create_connection(f"{platform}_bad", bad)
    result = airflow.test_connection(f"{platform}_bad", bad)
    assert result["status"] is False
    assert "HTTP 401: the credentials are not accepted" in result["message"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_test_button_shows_no_text_of_the_server(
    airflow: AirflowClient, sandbox: Sandbox, platform: str
) -> None:
    connection = fields(sandbox, platform)
    airflow.create_connection(f"{platform}_echo", connection)
    fault = sandbox.add_fault("status", platform=platform, status=418, body=planted.SERVER_BODY)
    try:
        result = airflow.test_connection(f"{platform}_echo", connection)
    finally:
        sandbox.clear_faults()
    assert fault.hits
    assert result["status"] is False
    assert "HTTP 418" in result["message"]
    assert planted.found_in(json.dumps(result).encode()) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_ui_does_not_show_stored_secrets(airflow: AirflowClient, sandbox: Sandbox, platform: str) -> None:
    proxy = f"http://user:{planted.PROXY_PASSWORD}@127.0.0.1:1"
    given = fields(sandbox, platform)
    given["extra"]["proxy"] = proxy
    airflow.create_connection(f"{platform}_shown", given)
    shown = json.dumps(airflow.connection(f"{platform}_shown"))
    assert "link_template" in shown
    assert planted.found_in(shown.encode()) == []
