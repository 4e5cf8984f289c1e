"""What Airflow reads of this package."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.sdk.log import _secrets_masker

from airflow_provider_dataops.provider_info import get_provider_info

INFO = get_provider_info()
TYPES: list[dict[str, Any]] = INFO["connection-types"]


def load(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_it_is_what_airflow_expects() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_it_is_found_by_its_entry_point() -> None:
    (found,) = [
        e
        for e in entry_points(group="apache_airflow_provider")
        if e.dist and e.dist.name == INFO["package-name"]
    ]
    assert found.load()() == INFO


def test_everything_it_names_is_there() -> None:
    for kind in ("operators", "sensors", "hooks", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                import_module(module)
    for path in INFO["extra-links"]:
        load(path)


@pytest.mark.parametrize("told", TYPES, ids=lambda t: t["connection-type"])
def test_hooks_agree_with_their_connection_type(told: dict[str, Any]) -> None:
    hook = load(told["hook-class-name"])
    assert hook.conn_type == told["connection-type"]
    assert hook.hook_name == told["hook-name"]
    assert hook.conn_name_attr == f"{hook.conn_type}_conn_id"
    assert hook.default_conn_name == f"{hook.conn_type}_default"


@pytest.mark.parametrize("told", TYPES, ids=lambda t: t["connection-type"])
def test_the_form_shows_a_port_and_no_field_is_mandatory(told: dict[str, Any]) -> None:
    # Airflow 3.3.2 tests no connection without a port.
    assert "port" not in told["ui-field-behaviour"]["hidden-fields"]
    assert all("null" in field["schema"]["type"] for field in told["conn-fields"].values())


@pytest.mark.parametrize("told", TYPES, ids=lambda t: t["connection-type"])
def test_secret_fields_bear_names_that_airflow_redacts(told: dict[str, Any]) -> None:
    masker = _secrets_masker()
    secret = {
        name for name, field in told["conn-fields"].items() if field["schema"].get("format") == "password"
    }
    assert {name for name in told["conn-fields"] if masker.should_hide_value_for_key(name)} == secret
    assert secret == {"proxy", "auth_headers"}


def test_discovery_loads_nothing() -> None:
    script = (
        "import sys; before = set(sys.modules); import airflow_provider_dataops.provider_info as p;"
        "p.get_provider_info(); print(sorted(m for m in set(sys.modules) - before"
        " if m.split('.')[0] in {'airflow', 'requests', 'aiohttp', 'airflow_provider_dataops'}))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "['airflow_provider_dataops', 'airflow_provider_dataops.provider_info']"


def test_dag_files_do_not_pay_for_what_runs_elsewhere() -> None:
    modules = [m for kind in ("operators", "sensors") for e in INFO[kind] for m in e["python-modules"]]
    script = (
        f"import sys, airflow.sdk, importlib; [importlib.import_module(m) for m in {modules!r}];"
        "print([m for m in ('requests', 'aiohttp', 'airflow.triggers', 'airflow.triggers.base',"
        " 'airflow_provider_dataops.transport', 'airflow_provider_dataops.platforms.http') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"
