"""The connection forms and the Test button, as a user works with them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from airflow_provider_dataops.provider_info import FORMS
from tests.browser.connections import STANDARD, ConnectionsPage, delete_all
from tests.browser.samples import SAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from dataops_sandbox import Sandbox
    from devtools.airflow_client import AirflowClient
    from tests.browser.pictures import Pictures

PLATFORMS = sorted(FORMS)
#: What Airflow shows of a stored secret.
REDACTED = "***"
#: Pixels of the pictures of the list: the row of the connection, and the message below it.
LIST_HEIGHT = 430
#: The changes that make the credentials of a connection wrong.
WRONG: dict[str, dict[str, Any]] = {
    "quantemplate": {"password": "wrong-secret"},
    "tailer": {"auth_type": "bearer", "api_token": "wrong-secret"},
    "tamr": {"password": "wrong-secret"},
    "toucan": {"password": "wrong-secret"},
    "trac": {"api_token": "wrong-secret"},
}


def typed(sandbox: Sandbox, platform: str) -> dict[str, Any]:
    """Return what a user types into the form for a connection to the sandbox."""
    fields = sandbox.connection(platform)
    port = int(sandbox.url.rpartition(":")[2])
    standard = {name: fields[name] for name in STANDARD if name in fields}
    return {"port": port, **standard, **fields["extra"], "verify_ssl": False, "request_timeout": 12}


@pytest.fixture
def connections(page: Page, airflow: AirflowClient) -> ConnectionsPage:
    """Return the list of connections. It is empty, and not open yet."""
    delete_all(airflow)
    return ConnectionsPage(page, airflow.connection_forms())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_form_stores_what_a_user_types(
    connections: ConnectionsPage,
    airflow: AirflowClient,
    sandbox: Sandbox,
    pictures: Pictures,
    platform: str,
) -> None:
    conn_id = f"{platform}_default"
    connections.open_from_menu()
    form = connections.form(platform)
    form.open(conn_id, FORMS[platform]["name"])
    form.fill(SAMPLES[platform])
    for section, suffix in (("Standard Fields", ""), ("Extra Fields", "-extra")):
        form.open_section(section)
        pictures.of_dialogue(form.dialogue, f"connection-{platform}{suffix}")
    values = typed(sandbox, platform)
    assert SAMPLES[platform].keys() <= values.keys()
    form.fill(values)
    form.save()

    stored = airflow.connection(conn_id)
    found = {**stored, **json.loads(stored["extra"])}
    assert stored["conn_type"] == platform
    secrets = {name for name, field in form.fields.items() if field["schema"].get("format") == "password"}
    for name in values.keys() & {*secrets, "password"}:
        # The green test below shows that the right secret is stored.
        values[name] = REDACTED
    assert {name: found[name] for name in values} == values

    connections.open()
    result = connections.test(conn_id)
    assert result["status"] is True, result
    expect(connections.icon(conn_id, "green")).to_be_visible()
    expect(connections.message("Successful", re.compile(re.escape(result["message"])))).to_be_visible()
    pictures.of_page(connections.page, f"test-{platform}-good", height=LIST_HEIGHT)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_test_button_names_the_cause_of_a_failure(
    connections: ConnectionsPage,
    airflow: AirflowClient,
    sandbox: Sandbox,
    pictures: Pictures,
    platform: str,
) -> None:
    conn_id = f"{platform}_default"
    # The form stores every field, and it does not show a field that the extra of a connection does not have.
    fields = dict.fromkeys(connections.forms[platform]["extra_fields"])
    given = sandbox.connection(platform)
    port = int(sandbox.url.rpartition(":")[2])
    airflow.create_connection(conn_id, {**given, "port": port, "extra": {**fields, **given["extra"]}})

    connections.open()
    connections.edit(conn_id, platform, WRONG[platform])
    connections.open()
    result = connections.test(conn_id)
    assert result["status"] is False, result
    expect(connections.icon(conn_id, "red")).to_be_visible()
    expect(connections.message("Failed", re.compile("401.*(credentials|token|key|secret)"))).to_be_visible()
    pictures.of_page(connections.page, f"test-{platform}-bad", height=LIST_HEIGHT)

    # The tokens may come from a host that exists, so the credentials must be right again.
    values = typed(sandbox, platform)
    right = {name: values[name] for name in WRONG[platform] if name in values}
    connections.edit(conn_id, platform, {**right, "host": "https://no-such-host.invalid"})
    result = connections.test(conn_id)
    assert result["status"] is False, result
    expect(connections.message("Failed", re.compile("resolve|DNS"))).to_be_visible()
