"""The code on the sandbox's documentation page runs without changes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox.faults import KINDS, Fault

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
#: A code block that begins with its own path is a file in the user's project.
FILES = {found[1]: block for block in BLOCKS if (found := re.match(r"# (\S+\.py)\n", block))}
SNIPPETS = [block for block in BLOCKS if block not in FILES.values()]


def test_the_dag_test_on_the_page_passes(tmp_path: Path) -> None:
    """Run the commands of the page in a new folder with a new database."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("airflow", "db", "migrate")
    assert "1 passed" in run("pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "tests")


def test_the_dag_and_its_test_have_fewer_than_15_lines() -> None:
    assert FILES.keys() == {"dags/orders.py", "tests/test_orders.py"}
    assert sum(1 for text in FILES.values() for line in text.splitlines()[1:] if line.strip()) < 15


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.splitlines()[0][:40])
def test_every_snippet_on_the_page_runs(sandbox: Sandbox, snippet: str) -> None:
    exec(compile(snippet, "docs/sandbox.md", "exec"), {"sandbox": sandbox})  # noqa: S102 - our own text


def test_the_table_of_faults_matches_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \| (.*) ?\|$", PAGE, re.MULTILINE)
    documented = {
        kind: (acts == "yes", set(re.findall(r"`(\w+)[`=]", options))) for kind, acts, options in rows
    }

    assert documented == {
        name: (kind.model_fields["processed"].default, kind.model_fields.keys() - Fault.model_fields.keys())
        for name, kind in KINDS.items()
    }
