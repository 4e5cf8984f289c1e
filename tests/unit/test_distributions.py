"""Provider and sandbox are two distributions: the provider brings no server and no pytest plugin."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

import airflow_provider_dataops
import dataops_sandbox
from airflow_provider_dataops.provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
VERSION_FILE = ROOT / "airflow_provider_dataops" / "__init__.py"
CHANGELOG = ROOT / "CHANGELOG.md"
#: The endings of files that people write.
SOURCES = {".css", ".html", ".js", ".json", ".md", ".py", ".toml", ".yaml"}
PROVIDER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SANDBOX = tomllib.loads((ROOT / "sandbox" / "pyproject.toml").read_text(encoding="utf-8"))

#: The modules of distributions that have another name.
MODULES = {
    "apache-airflow": "airflow",
    "airflow-provider-fivetran-async": "fivetran_provider_async",
    "apache-airflow-providers-common-compat": "airflow",
    "apache-airflow-providers-openlineage": "airflow",
    "openlineage-python": "openlineage",
    "pyjwt": "jwt",
    "pyyaml": "yaml",
}

#: Folders of this repository, and its packages.
OURS = {
    "airflow_provider_dataops",
    "benchmarks",
    "dataops_sandbox",
    "devtools",
    "docs",
    "example_dags",
    "tests",
}

#: Only the models that a real TRAC runs import these.
MODELS = {"pandas", "tracdap"}

#: These need no declaration: the package itself, pydantic's core, and pytest, which loads the plugin.
UNDECLARED = {"dataops_sandbox", "pydantic_core", "pytest"}


def imported(package: Path) -> set[str]:
    """Return the top-level modules that a package imports anywhere in its files."""
    names: set[str] = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def declared(requirements: list[str]) -> set[str]:
    """Return the top-level modules that requirements bring."""
    names = {re.split(r"[^\w-]", needed)[0] for needed in requirements}
    return {MODULES.get(name, name).replace("-", "_") for name in names}


def entry_points(project: dict[str, Any]) -> dict[str, Any]:
    points: dict[str, Any] = project["project"].get("entry-points", {})
    return points


def versions() -> list[str]:
    """Return the versions of the changelog, newest first."""
    return re.findall(r"^## \[(.+?)\]", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)


def test_provider_and_sandbox_have_the_same_version() -> None:
    assert airflow_provider_dataops.__version__ == dataops_sandbox.__version__


@pytest.mark.parametrize(
    ("project", "folder", "package"),
    [(PROVIDER, ".", "airflow_provider_dataops"), (SANDBOX, "sandbox", "dataops_sandbox")],
)
def test_each_distribution_has_its_own_package_and_the_version_of_the_provider(
    project: dict[str, Any], folder: str, package: str
) -> None:
    hatch = project["tool"]["hatch"]

    assert project["project"]["dynamic"] == ["version"]
    assert (ROOT / folder / hatch["version"]["path"]).resolve() == VERSION_FILE
    assert hatch["build"]["targets"]["wheel"]["packages"] == [package]


def test_the_version_stands_in_one_file() -> None:
    version = re.compile(rf"(?<![\w.-]){re.escape(airflow_provider_dataops.__version__)}(?![\w-]|\.\d)")
    folders = ("airflow_provider_dataops", "sandbox", "devtools", "docs", "example_dags")
    files = {path for path in ROOT.iterdir() if path.suffix in SOURCES or path.name == "Makefile"}
    files |= {path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES}
    copies = {path: version.findall(path.read_text(encoding="utf-8")) for path in files}

    # The changelog has a heading for each version. An option's version_added never changes.
    history = {CHANGELOG, ROOT / "airflow_provider_dataops" / "provider_info.py"}
    assert {path for path, found in copies.items() if found} - history == {VERSION_FILE}
    assert len(copies[VERSION_FILE]) == 1


def test_the_changelog_begins_with_the_present_version() -> None:
    assert versions()[0] == airflow_provider_dataops.__version__


def test_each_option_was_added_in_a_version_of_the_changelog() -> None:
    options = get_provider_info()["config"]["dataops"]["options"]

    assert {option["version_added"] for option in options.values()} <= set(versions())


def test_provider_and_sandbox_do_not_import_each_other() -> None:
    assert "dataops_sandbox" not in imported(ROOT / "airflow_provider_dataops")
    assert "airflow_provider_dataops" not in imported(ROOT / "sandbox" / "dataops_sandbox")


def test_the_sandbox_declares_what_it_imports() -> None:
    found = imported(ROOT / "sandbox" / "dataops_sandbox") - sys.stdlib_module_names

    assert declared(SANDBOX["project"]["dependencies"]) == found - UNDECLARED


def test_the_provider_declares_what_it_imports() -> None:
    found = (
        imported(ROOT / "airflow_provider_dataops") - sys.stdlib_module_names - {"airflow_provider_dataops"}
    )
    # Airflow 3.1 puts its own classes in the place of wtforms. A newer Airflow does not call this code. Only
    # type checkers import typing_extensions.
    found -= {"typing_extensions", "wtforms"}

    extra = PROVIDER["project"]["optional-dependencies"]["openlineage"]
    assert declared(PROVIDER["project"]["dependencies"] + extra) == found


def test_tests_and_tools_import_only_declared_distributions() -> None:
    folders = ("tests", "devtools", "benchmarks", "example_dags")
    found = set[str]().union(*(imported(ROOT / folder) for folder in folders)) - sys.stdlib_module_names
    known = declared(
        PROVIDER["project"]["dependencies"]
        + PROVIDER["project"]["optional-dependencies"]["dev"]
        + PROVIDER["project"]["optional-dependencies"]["benchmarks"]
        + PROVIDER["project"]["optional-dependencies"]["openlineage"]
        + SANDBOX["project"]["dependencies"]
    )

    assert found - known - OURS - MODELS == set()


def test_only_the_sandbox_brings_a_pytest_plugin() -> None:
    assert entry_points(SANDBOX) == {"pytest11": {"dataops_sandbox": "dataops_sandbox.pytest_plugin"}}
    assert "pytest11" not in entry_points(PROVIDER)


def test_the_wheel_contains_the_files_of_the_page(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    static = ROOT / "airflow_provider_dataops" / "ui" / "static"
    with ZipFile(wheel) as archive:
        for file in static.iterdir():
            assert archive.read(file.relative_to(ROOT).as_posix()) == file.read_bytes()
        (points,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        assert "[airflow.plugins]\ndataops_runs = " in archive.read(points).decode()


def test_the_provider_has_no_extra_for_the_sandbox() -> None:
    assert "sandbox" not in PROVIDER["project"]["optional-dependencies"]
