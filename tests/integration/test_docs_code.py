"""The Python code in the README and on every page of docs runs as it is printed.

A block that begins with a path, such as ``# dags/orders.py``, is a file of the reader's project. Airflow runs
each DAG of these files against the sandbox, and pytest runs their tests. All other blocks of a page run here,
one after the other, with the names of the blocks before.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dataops_sandbox import ManualClock, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "sandbox" / "README.md", *ROOT.glob("docs/**/*.md")])
PYTHON = re.compile(r"^([ \t]*)```python\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\S+\.py)\n")
RUN_DAGS = """
import sys
from airflow.dag_processing.dagbag import DagBag
for path in sys.argv[1:]:
    bag = DagBag(path)
    assert not bag.import_errors, bag.import_errors
    assert bag.dags, f"{path} has no DAG"
    for dag in bag.dags.values():
        state = dag.test().state
        assert state == "success", f"{dag.dag_id}: {state}"
"""


def blocks(page: Path) -> list[str]:
    """Return the Python blocks of a page, without the files."""
    return [text for _, text in PYTHON.findall(page.read_text(encoding="utf-8")) if not FILE.match(text)]


def files(page: Path) -> dict[str, str]:
    """Return the files of a page by their path in the reader's project."""
    texts = [text for _, text in PYTHON.findall(page.read_text(encoding="utf-8"))]
    return {found[1]: text for text in texts if (found := FILE.match(text))}


def pages_with(what: Any) -> list[Any]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES if what(page)]


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of an Airflow with a new database."""
    home = tmp_path_factory.mktemp("airflow")
    run_module(home, home, "airflow", "db", "migrate")
    return home


@pytest.fixture
def connections() -> Iterator[dict[str, str]]:
    """Run a sandbox, and yield variables with its connections: the default ones, and those of the pages."""
    with Sandbox(run_seconds=0.2) as serving:
        yield {
            f"AIRFLOW_CONN_{name}": json.dumps(serving.connection(platform))
            for platform in serving.platforms
            for name in (f"{platform}_DEFAULT".upper(), f"MY_{platform}".upper())
        }


def run_module(home: Path, project: Path, *command: str, env: dict[str, str] | None = None) -> str:
    """Run ``python -m`` in the folder of a project, and return what it prints."""
    done = subprocess.run(
        [sys.executable, *(() if command[0] == "-c" else ("-m",)), *command],
        cwd=project,
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(project),
            "AIRFLOW__DATAOPS__DEFERRAL_GUARD": "0.1",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "0",
            **(env or {}),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", pages_with(blocks))
def test_the_code_of_a_page_runs(page: Path) -> None:
    with Sandbox(clock=ManualClock(), run_seconds=10) as sandbox:
        names: dict[str, Any] = {"sandbox": sandbox}
        for text in blocks(page):
            sandbox.reset()
            exec(compile(text, str(page), "exec"), names)  # noqa: S102 - our own text


@pytest.mark.parametrize("page", pages_with(files))
def test_the_files_of_a_page_run(
    page: Path, tmp_path: Path, airflow_home: Path, connections: dict[str, str]
) -> None:
    for name, text in files(page).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    dags = [name for name in files(page) if not name.startswith("tests/")]
    run_module(airflow_home, tmp_path, "-c", RUN_DAGS, *dags, env=connections)
    if len(dags) < len(files(page)):
        passed = run_module(
            airflow_home,
            tmp_path,
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            "tests",
        )
        assert "passed" in passed


def test_a_dag_and_its_test_are_short() -> None:
    page = files(ROOT / "docs" / "guides" / "testing.md")
    texts = [page["dags/orders.py"], page["tests/test_orders.py"]]
    assert sum(1 for text in texts for line in text.splitlines()[1:] if line.strip()) < 15
