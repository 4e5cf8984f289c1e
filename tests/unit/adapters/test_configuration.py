"""How the provider reads the section ``[dataops]`` of Airflow's configuration."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import conf
from airflow.sdk import Connection

import airflow_provider_dataops
from airflow_provider_dataops.adapters import configuration
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.errors import ConfigurationError
from airflow_provider_dataops.provider_info import get_provider_info
from airflow_provider_dataops.registry import PLATFORMS, hook_class

if TYPE_CHECKING:
    from airflow_provider_dataops.hooks.base import DataOpsHook

OPTIONS: dict[str, dict[str, Any]] = get_provider_info()["config"]["dataops"]["options"]
ROOT = Path(airflow_provider_dataops.__file__).parent


def set_option(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setenv(f"AIRFLOW__DATAOPS__{name.upper()}", str(value))


def test_airflow_lists_each_option_with_the_default_that_applies() -> None:
    for name, option in OPTIONS.items():
        assert conf.get("dataops", name) == option["default"]
    for conn_type in PLATFORMS:
        read = configuration.options(conn_type)
        assert read.outage_budget == Options.outage_budget == float(OPTIONS["outage_budget"]["default"])
        assert read.deferral_guard == Options.deferral_guard == float(OPTIONS["deferral_guard"]["default"])
        lanes = int(OPTIONS["max_concurrent_requests"]["default"])
        assert read.max_concurrent_requests == Options.max_concurrent_requests == lanes
        assert read.publish_progress is Options.publish_progress is True
        assert OPTIONS["publish_progress"]["default"] == "True"


def test_the_page_lists_the_options_with_their_defaults() -> None:
    page = (ROOT.parent / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[:2] for line in page.splitlines() if line.startswith("| `")]
    listed = {name.strip("|` "): default.strip("`") for name, default in rows}
    assert listed == {name: option["default"] for name, option in OPTIONS.items()}


@pytest.mark.parametrize("conn_type", PLATFORMS)
def test_the_defaults_of_the_delays_are_those_of_the_platforms(conn_type: str) -> None:
    runs = vars(import_module(f"airflow_provider_dataops.platforms.{conn_type}.runs")).values()
    launches = [v for v in runs if isinstance(v, type) and issubclass(v, Launch) and v is not Launch]
    read = configuration.options(conn_type)
    assert launches
    for launch in launches:
        assert (read.listing_delay, read.timeout_delay) == (launch.listing_delay, launch.timeout_delay)
    assert (f"{conn_type}_listing_delay" in OPTIONS) == (read.listing_delay > 0)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("outage_budget", "outage_budget", 0.0),
        ("max_concurrent_requests", "max_concurrent_requests", 100),
        ("tamr_listing_delay", "listing_delay", 45.5),
        ("timeout_delay", "timeout_delay", 600.0),
        ("deferral_guard", "deferral_guard", 20.0),
    ],
)
def test_an_option_replaces_the_default(
    monkeypatch: pytest.MonkeyPatch, name: str, field: str, value: float
) -> None:
    set_option(monkeypatch, name, value)
    assert getattr(configuration.options("tamr"), field) == value


@pytest.mark.parametrize(
    ("value", "read"), [("False", False), ("f", False), ("0", False), ("true", True), ("1", True), ("", True)]
)
def test_an_option_can_be_true_or_false(monkeypatch: pytest.MonkeyPatch, value: str, read: bool) -> None:
    set_option(monkeypatch, "publish_progress", value)
    assert configuration.options("tamr").publish_progress is read


def test_the_guard_is_longer_than_the_heartbeat_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "30")
    assert configuration.deferral_guard() == 31.0


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_option_means_the_default(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    set_option(monkeypatch, "outage_budget", value)
    assert configuration.options("tamr").outage_budget == Options.outage_budget


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("outage_budget", "-1", "a number from 0 to 86400"),
        ("outage_budget", "half an hour", "a number from 0 to 86400"),
        ("outage_budget", "nan", "a number from 0 to 86400"),
        ("max_concurrent_requests", "0", "a whole number from 1 to 100"),
        ("max_concurrent_requests", "101", "a whole number from 1 to 100"),
        ("max_concurrent_requests", "2.5", "a whole number from 1 to 100"),
        ("tamr_listing_delay", "0", "a number from 1 to 86400"),
        ("timeout_delay", "inf", "a number from 1 to 86400"),
        ("deferral_guard", "121", "a number from 0 to 120"),
        ("publish_progress", "sometimes", "one of true, t, 1, false, f, 0"),
    ],
)
def test_an_error_names_the_option_its_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    set_option(monkeypatch, name, value)
    with pytest.raises(ConfigurationError) as caught:
        configuration.options("tamr")
    assert str(caught.value) == f"Airflow's option [dataops] {name} must be {allowed}; given: {value!r}"
    assert caught.value.permanent


@pytest.mark.parametrize("name", ["listing_delay", "timeout_delay"])
def test_a_field_of_the_connection_overrides_the_option(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_option(monkeypatch, "tamr_listing_delay", 200)
    set_option(monkeypatch, "timeout_delay", 200)
    hook: type[DataOpsHook[Any]] = hook_class("tamr")
    without = Connection(conn_id="c", conn_type="tamr", host="h", password="k")
    assert getattr(hook.api_from(without).settings, name) == 200.0
    extra = f'{{"{name}": 50}}'
    overridden = Connection(conn_id="c", conn_type="tamr", host="h", password="k", extra=extra)
    assert getattr(hook.api_from(overridden).settings, name) == 50.0


def test_only_one_module_reads_the_section() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.startswith("get")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "conf"
        and ast.unparse(node.args[0]) in {"SECTION", "'dataops'"}
    }
    assert readers == {"adapters/configuration.py"}
