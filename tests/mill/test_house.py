"""Mill follows the same rules as the package's own platforms."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import airflow
import jsonschema
import pytest

from airflow_provider_dataops.provider_info import get_provider_info
from tests.mill.graft import PACKAGE, ROOT
from tests.unit import test_house, test_provider_info

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = {
    path.relative_to(ROOT).with_suffix("").as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.rglob("*.py"))
}
ROLES = list(FILES)


@pytest.mark.parametrize("path", ROLES)
@pytest.mark.parametrize(
    "rule",
    [
        test_house.test_imports_point_inwards,
        test_house.test_a_platform_imports_no_other_platform,
        test_house.test_no_module_imports_a_private_name_of_another,
    ],
    ids=lambda rule: rule.__name__,
)
def test_a_module_follows_each_rule_about_imports(
    path: str, rule: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(test_house.FILES, path, FILES[path])
    rule(path)


@pytest.mark.parametrize("path", ROLES)
def test_no_import_is_deferred(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(test_house.FILES, path, FILES[path])
    assert test_house.deferred(path) == []


def test_a_dag_file_loads_no_http_client() -> None:
    script = (
        f"import json, sys, tests.mill.graft, {PACKAGE}.operators.mill, {PACKAGE}.sensors.mill\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    loaded = set(json.loads(printed.splitlines()[-1]))
    modules = (
        "core.api",
        "core.http",
        "hooks.mill",
        "triggers.mill",
        "platforms.mill.api",
        "platforms.mill.runs",
    )
    assert f"{PACKAGE}.operators.mill" in loaded
    assert not loaded & {"requests", "aiohttp", "urllib3", *(f"{PACKAGE}.{module}" for module in modules)}


class TestProviderInfo:
    @pytest.fixture
    def info(self) -> dict[str, Any]:
        return get_provider_info()

    def test_matches_the_schema_of_airflow(self, info: dict[str, Any]) -> None:
        schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
        jsonschema.validate(info, schema)

    def test_lists_the_modules_and_the_link(self, info: dict[str, Any]) -> None:
        names = {
            info[kind][-1]["python-modules"][0] for kind in ("operators", "sensors", "hooks", "triggers")
        }
        assert names == {f"{PACKAGE}.{kind}.mill" for kind in ("operators", "sensors", "hooks", "triggers")}
        assert test_provider_info.load(info["extra-links"][-1]).name == "Mill batch"

    def test_lists_the_functions_for_assets(self, info: dict[str, Any]) -> None:
        entry = info["asset-uris"][-1]
        assert entry["schemes"] == ["mill"]
        factory, handler = (test_provider_info.load(entry[role]) for role in ("factory", "handler"))
        asset = factory(host="Mill.example", recipe="white flour")
        assert asset.uri == "mill://mill.example/recipe/white%20flour"
        assert handler(urlsplit(asset.uri)).geturl() == asset.uri

    def test_has_a_form_that_follows_the_rules(self, info: dict[str, Any]) -> None:
        form = info["connection-types"][-1]
        test_provider_info.test_hooks_agree_with_their_connection_type(form)
        test_provider_info.test_the_form_shows_a_port_and_no_field_is_mandatory(form)
        test_provider_info.test_secret_fields_have_names_that_airflow_redacts(form)
