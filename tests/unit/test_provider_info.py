"""The provider info: what Airflow reads about this package."""

from __future__ import annotations

import inspect
import json
import re
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.platforms.tailer import arguments, credentials
from airflow_provider_dataops.platforms.toucan import api as toucan
from airflow_provider_dataops.provider_info import get_provider_info

INFO = get_provider_info()
TYPES: list[dict[str, Any]] = INFO["connection-types"]
#: The secret fields that only some types have.
SECRETS = {
    "tailer": {"service_account_secret_json", "firebase_api_key", "refresh_token", "api_token"},
}


def load(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_the_provider_info_matches_airflows_schema() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_the_provider_info_is_found_by_its_entry_point() -> None:
    (found,) = [
        e
        for e in entry_points(group="apache_airflow_provider")
        if e.dist and e.dist.name == INFO["package-name"]
    ]
    assert found.load()() == INFO


def test_everything_in_the_provider_info_can_be_imported() -> None:
    for kind in ("operators", "sensors", "hooks", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                import_module(module)
    for path in INFO["extra-links"]:
        load(path)
    # A wrong path here would be a warning with a traceback in the log of each task that uses an asset.
    for entry in INFO["asset-uris"]:
        for role in ("handler", "factory", "to_openlineage_converter"):
            assert callable(load(entry[role]))


@pytest.mark.parametrize("form", TYPES, ids=lambda form: form["connection-type"])
def test_hooks_agree_with_their_connection_type(form: dict[str, Any]) -> None:
    hook = load(form["hook-class-name"])
    assert hook.conn_type == form["connection-type"]
    assert hook.hook_name == form["hook-name"]
    assert hook.conn_name_attr == f"{hook.conn_type}_conn_id"
    assert hook.default_conn_name == f"{hook.conn_type}_default"


@pytest.mark.parametrize("form", TYPES, ids=lambda form: form["connection-type"])
def test_the_form_shows_a_port_and_no_field_is_mandatory(form: dict[str, Any]) -> None:
    # Airflow 3.3.2 cannot test a connection without a port.
    assert "port" not in form["ui-field-behaviour"]["hidden-fields"]
    assert all("null" in field["schema"]["type"] for field in form["conn-fields"].values())


@pytest.mark.parametrize("form", TYPES, ids=lambda form: form["connection-type"])
def test_a_form_names_the_listing_delay_of_a_platform_that_lists_its_runs(form: dict[str, Any]) -> None:
    runs = import_module(f"airflow_provider_dataops.platforms.{form['connection-type']}.runs")
    launches = [
        value
        for value in vars(runs).values()
        if isinstance(value, type) and issubclass(value, Launch) and value is not Launch
    ]
    assert launches
    for launch in launches:
        assert ("timeout_delay" in form["conn-fields"]) == launch.lists_runs
        if launch.lists_runs:
            words = form["conn-fields"]["listing_delay"]["description"]
            assert f", by default {launch.listing_delay:.0f}." in words
            words = form["conn-fields"]["timeout_delay"]["description"]
            assert f", by default {launch.timeout_delay:.0f}," in words


@pytest.mark.parametrize("form", TYPES, ids=lambda form: form["connection-type"])
def test_secret_fields_have_names_that_airflow_redacts(form: dict[str, Any]) -> None:
    masker = _secrets_masker()
    secret = {
        name for name, field in form["conn-fields"].items() if field["schema"].get("format") == "password"
    }
    assert {name for name in form["conn-fields"] if masker.should_hide_value_for_key(name)} == secret
    assert secret >= {"proxy", "auth_headers"}


@pytest.mark.parametrize("form", [form for form in TYPES if "auth_type" in form["conn-fields"]])
def test_each_credential_names_the_kinds_of_authentication_that_use_it(form: dict[str, Any]) -> None:
    fields = form["conn-fields"]
    kinds = fields["auth_type"]["schema"]["enum"]
    assert all(kind in fields["auth_type"]["description"] for kind in kinds)
    credentials = [
        field["description"]
        for name, field in fields.items()
        if field["schema"].get("format") == "password" and name not in {"proxy", "auth_headers"}
    ]
    assert credentials
    assert all(re.match(f"For ({'|'.join(kinds)})[:,]", words) for words in credentials)
    for name in ("login", "password"):
        assert re.search(rf"\(({'|'.join(kinds)})\b", form["ui-field-behaviour"]["relabeling"][name])


@pytest.mark.parametrize("form", TYPES, ids=lambda form: form["connection-type"])
def test_the_form_shows_no_standard_field_that_the_type_never_uses(form: dict[str, Any]) -> None:
    behaviour, api = form["ui-field-behaviour"], load(form["hook-class-name"]).api_class
    modules = [api.__module__, f"airflow_provider_dataops.platforms.{form['connection-type']}.credentials"]
    sources = [inspect.getsource(import_module(m)) for m in modules if find_spec(m)]
    for name in ("login", "password"):
        used = any(f"fields.{name}" in source for source in sources)
        assert used != (name in behaviour["hidden-fields"])
    # The scheme is a part of the host here.
    assert "schema" in behaviour["hidden-fields"]
    assert {"host", "port"} <= set(behaviour["placeholders"])


@pytest.mark.parametrize(
    ("conn_type", "field", "allowed", "default"),
    [
        ("toucan", "auth_type", toucan.AUTH_TYPES, "basic"),
        ("tailer", "auth_type", credentials.AUTH_TYPES, "service_account"),
        ("tailer", "environment", arguments.ENVIRONMENTS, None),
    ],
)
def test_a_fixed_set_of_values_is_shown_as_a_drop_down(
    conn_type: str, field: str, allowed: tuple[str, ...], default: str | None
) -> None:
    (form,) = [form for form in TYPES if form["connection-type"] == conn_type]
    schema = form["conn-fields"][field]["schema"]
    assert tuple(schema["enum"]) == allowed
    assert schema.get("default") == default
