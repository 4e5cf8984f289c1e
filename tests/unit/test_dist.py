"""What `make dist` accepts as the files of a distribution, and what it reads from the quick start."""

from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from airflow_provider_dataops.provider_info import get_provider_info
from devtools.distributions import quick_start
from devtools.distributions.contents import (
    ABOUT,
    PROVIDER,
    SANDBOX,
    Distribution,
    foreign_files,
    sdist_problems,
    wheel_problems,
)
from devtools.distributions.quick_start import QuickStartError, connection_of, dag_file_of, require_installed

ROOT = Path(__file__).parents[2]
#: Some files that git tracks.
TRACKED = [
    "CHANGELOG.md",
    "airflow_provider_dataops/__init__.py",
    "airflow_provider_dataops/ui/static/page.js",
    "airflow_provider_dataops/py.typed",
    "sandbox/README.md",
    "sandbox/dataops_sandbox/__init__.py",
    "tests/unit/test_x.py",
]
FILES = {
    "airflow-provider-dataops": [
        "airflow_provider_dataops/__init__.py",
        "airflow_provider_dataops/ui/static/page.js",
        "airflow_provider_dataops/py.typed",
    ],
    "dataops-sandbox": ["dataops_sandbox/__init__.py"],
}


def wheel_of(distribution: Distribution, folder: Path, *more: str, without: str = "") -> Path:
    path = folder / "some.whl"
    names = [f"{distribution.file_name}-1.0.dist-info/{name}" for name in ABOUT]
    with ZipFile(path, "w") as archive:
        for name in [*FILES[distribution.name], *names, *more]:
            if name != without:
                archive.writestr(name, "")
    return path


def sdist_of(distribution: Distribution, folder: Path, *more: str, without: str = "") -> Path:
    path = folder / "some.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in [*FILES[distribution.name], *distribution.documents, "PKG-INFO", *more]:
            if name != without:
                archive.addfile(tarfile.TarInfo(f"{distribution.file_name}-1.0/{name}"), BytesIO())
    return path


@pytest.mark.parametrize("distribution", [PROVIDER, SANDBOX], ids=lambda d: d.name)
class TestContents:
    def test_of_complete_archives_are_accepted(self, distribution: Distribution, tmp_path: Path) -> None:
        assert wheel_problems(distribution, "1.0", wheel_of(distribution, tmp_path), TRACKED) == []
        assert sdist_problems(distribution, "1.0", sdist_of(distribution, tmp_path), TRACKED) == []

    def test_must_not_lack_a_file(self, distribution: Distribution, tmp_path: Path) -> None:
        lost = FILES[distribution.name][-1]
        wheel = wheel_of(distribution, tmp_path, without=lost)
        sdist = sdist_of(distribution, tmp_path, without=lost)
        assert wheel_problems(distribution, "1.0", wheel, TRACKED) == [f"some.whl: {lost} is missing"]
        [problem] = sdist_problems(distribution, "1.0", sdist, TRACKED)
        assert problem == f"some.tar.gz: {distribution.file_name}-1.0/{lost} is missing"

    def test_must_not_lack_the_licence(self, distribution: Distribution, tmp_path: Path) -> None:
        name = f"{distribution.file_name}-1.0.dist-info/licenses/LICENSE"
        wheel = wheel_of(distribution, tmp_path, without=name)
        assert wheel_problems(distribution, "1.0", wheel, TRACKED) == [f"some.whl: {name} is missing"]

    @pytest.mark.parametrize("name", ["tests/unit/test_x.py", "notes.txt"])
    def test_must_not_have_another_file(self, distribution: Distribution, tmp_path: Path, name: str) -> None:
        [of_wheel] = wheel_problems(distribution, "1.0", wheel_of(distribution, tmp_path, name), TRACKED)
        [of_sdist] = sdist_problems(distribution, "1.0", sdist_of(distribution, tmp_path, name), TRACKED)
        assert of_wheel == f"some.whl: {name} does not belong there; git does not track it"
        assert of_sdist.endswith(f"-1.0/{name} does not belong there; git does not track it")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_must_not_have_a_file_twice(self, distribution: Distribution, tmp_path: Path) -> None:
        name = FILES[distribution.name][0]
        [problem] = wheel_problems(distribution, "1.0", wheel_of(distribution, tmp_path, name), TRACKED)
        assert problem == f"some.whl: {name} is there 2 times"


@pytest.mark.parametrize(
    "name", ["tests/test_a.py", "conftest.py", "ui/notes.txt", "ui/page.js.map", "x.pyc"]
)
def test_a_package_contains_no_tests_and_no_results_of_tools(name: str) -> None:
    assert foreign_files(PROVIDER, TRACKED) == []
    path = f"airflow_provider_dataops/{name}"
    assert foreign_files(PROVIDER, [*TRACKED, path]) == [f"{path} does not belong in the package"]


FORMS = {
    entry["connection-type"]: {
        "connection_type": entry["connection-type"],
        "hook_name": entry["hook-name"],
        "standard_fields": {
            name: {"title": entry["ui-field-behaviour"]["relabeling"].get(name)}
            for name in ("host", "port", "login", "password")
        },
        "extra_fields": {
            name: {"schema": {"title": field["label"]}} for name, field in entry["conn-fields"].items()
        },
    }
    for entry in get_provider_info()["connection-types"]
}


class TestQuickStart:
    PAGE = quick_start.PAGE.read_text(encoding="utf-8")

    def test_the_connection_of_the_page_has_the_port_of_the_sandbox(self) -> None:
        assert connection_of(self.PAGE, FORMS, "5000") == (
            "my_tamr",
            {
                "conn_type": "tamr",
                "host": "http://127.0.0.1:5000/tamr",
                "password": "apk_sandbox",
                "port": 5000,
                "extra": {"link_template": "http://127.0.0.1:5000/_sandbox/runs/tamr/{run_id}"},
            },
        )

    def test_a_label_that_the_form_does_not_have_is_an_error(self) -> None:
        page = self.PAGE.replace("| Tenant |", "| Address |")
        with pytest.raises(QuickStartError, match="the form of Tamr Cloud must have the field Address"):
            connection_of(page, FORMS, "5000")

    def test_the_dag_file_of_the_page_is_an_example_dag(self) -> None:
        name, text = dag_file_of(self.PAGE)
        assert name == "example_dags/my_first.py"
        assert text.startswith("# example_dags/my_first.py\n")
        compile(text, name, "exec")

    def test_a_package_of_a_checkout_is_an_error(self) -> None:
        require_installed("pytest")
        with pytest.raises(QuickStartError, match="devtools must come from "):
            require_installed("devtools")


class Client:
    """An Airflow with one task, whose link leads to a URL."""

    def __init__(self, url: str | None) -> None:
        self.url = url

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return [{"task_id": "t", "map_index": -1}]

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        return {"Tamr job": self.url}


def test_a_task_without_a_link_is_an_error() -> None:
    client: Any = Client(None)
    with pytest.raises(QuickStartError, match="the tasks of d must have links"):
        quick_start.run_links(client, "d", "r")
