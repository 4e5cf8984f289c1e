"""The plugin: what Airflow's UI gets from it, and what the other processes do not load."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest
from airflow import plugins_manager
from airflow.api_fastapi.app import RESERVED_URL_PREFIXES
from airflow.api_fastapi.core_api.datamodels.plugins import PluginResponse

import airflow_provider_dataops
from airflow_provider_dataops.provider_info import get_provider_info
from airflow_provider_dataops.ui import app, plugin
from airflow_provider_dataops.ui.plugin import RemoteRunsPlugin, is_new_enough, lists, places

EMPTY: dict[str, list[Any]] = {"fastapi_apps": [], "react_apps": []}


@pytest.fixture(autouse=True)
def _fresh_lists() -> None:
    """Let each test make the lists again."""
    lists.cache_clear()


@pytest.fixture
def plugin_info() -> dict[str, Any]:
    """Return what Airflow's API shows about the plugin."""
    plugins_manager._get_plugins.cache_clear()
    (info,) = [info for info in plugins_manager.get_plugin_info() if info["name"] == RemoteRunsPlugin.name]
    return info


def test_the_entry_point_names_the_plugin() -> None:
    (point,) = [p for p in entry_points(group="airflow.plugins") if p.name == "dataops_runs"]
    assert point.load() is RemoteRunsPlugin
    # Airflow would load the plugin twice, and show an import error.
    assert "plugins" not in get_provider_info()


def test_airflow_accepts_all_entries(plugin_info: dict[str, Any]) -> None:
    """Airflow hides all entries of a plugin if one of them is wrong."""
    response = PluginResponse.model_validate(plugin_info)
    assert [(one.destination, one.category, one.url_route) for one in response.react_apps] == [
        ("nav", "browse", "remote-runs"),
        ("dag_run", None, "remote-runs-run"),
    ]
    (served,) = response.fastapi_apps
    assert not served.url_prefix.startswith(tuple(RESERVED_URL_PREFIXES))


def test_the_lists_work_for_the_class_and_for_an_instance() -> None:
    assert RemoteRunsPlugin.fastapi_apps == RemoteRunsPlugin().fastapi_apps
    assert len(RemoteRunsPlugin.fastapi_apps) == 1
    assert len(RemoteRunsPlugin().react_apps) == 2


@pytest.mark.parametrize(
    ("base_url", "prefix"),
    [
        ("", ""),
        ("http://localhost:8080", ""),
        ("http://localhost:8080/", ""),
        ("https://example.com/airflow/", "/airflow"),
        ("https://example.com/data/airflow", "/data/airflow"),
    ],
)
def test_the_urls_begin_with_the_path_of_the_base_url(base_url: str, prefix: str) -> None:
    for place in places(base_url):
        for name in ("icon", "icon_dark_mode"):
            assert place[name].startswith(f"{prefix}/dataops_runs/static/")
        script = f"{prefix}/dataops_runs/static/remote-runs.js"
        assert place["bundle_url"] == f"{script}?v={airflow_provider_dataops.__version__}"


def test_the_files_of_the_places_exist_and_the_script_defines_the_component() -> None:
    for place in places(""):
        for name in ("bundle_url", "icon", "icon_dark_mode"):
            file = app.STATIC / place[name].partition("?")[0].rpartition("/")[2]
            assert file.is_file()
        script = (app.STATIC / "remote-runs.js").read_text(encoding="utf-8")
        assert f'globalThis["{place["name"]}"] = function' in script


@pytest.mark.parametrize(
    ("version", "is_shown"),
    [
        ("3.1.8", False),
        ("3.2.2", False),
        ("3.3.0", True),
        ("3.3.2", True),
        ("3.10.0", True),
        ("4.0.0b1", True),
    ],
)
def test_an_airflow_without_the_task_state_store_gets_no_page(
    monkeypatch: pytest.MonkeyPatch, version: str, is_shown: bool
) -> None:
    assert is_new_enough(version) is is_shown
    monkeypatch.setattr(plugin, "airflow_version", version)
    assert bool(RemoteRunsPlugin.react_apps) is is_shown
    assert bool(RemoteRunsPlugin.fastapi_apps) is is_shown


def test_the_page_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATAOPS__REMOTE_RUNS_PAGE", "False")
    assert lists() == EMPTY


@pytest.mark.parametrize("fault", ["the app", "the option"])
def test_an_error_leaves_the_lists_empty_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Otherwise Airflow's API server would not start."""

    def fail() -> None:
        raise RuntimeError("no such table")

    if fault == "the app":
        monkeypatch.setattr(app, "create_app", fail)
    else:
        monkeypatch.setenv("AIRFLOW__DATAOPS__REMOTE_RUNS_PAGE", "perhaps")
    assert RemoteRunsPlugin.fastapi_apps == RemoteRunsPlugin.react_apps == []
    assert "could not be made" in caplog.text


def test_the_plugin_loads_nothing_that_a_worker_does_not_have() -> None:
    """Each process of Airflow imports the plugin, and reads the lists that it needs itself."""
    script = """
import json, sys
from airflow.providers.common.compat.sdk import AirflowPlugin, conf
before = set(sys.modules)
from airflow_provider_dataops.ui.plugin import RemoteRunsPlugin
plugin = RemoteRunsPlugin()
RemoteRunsPlugin.validate()
plugin.on_load()
[getattr(plugin, name) for name in ("macros", "listeners", "timetables", "operator_extra_links")]
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    ours = "airflow_provider_dataops"
    loaded = set(json.loads(output.splitlines()[-1])) - {ours}
    assert loaded == {f"{ours}.ui", f"{ours}.ui.plugin"}
