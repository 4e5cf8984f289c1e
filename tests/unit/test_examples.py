"""The example DAGs show every operator and sensor, and the documentation can quote them."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from devtools.demo import DAGS
from tests.unit.task_classes import class_of, public_task_classes

FOLDER = Path(__file__).parents[2] / "example_dags"
FILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}


def test_the_demo_runs_all_examples() -> None:
    assert sorted(DAGS) == sorted(FILES)


def test_every_operator_and_sensor_is_in_an_example() -> None:
    used = {class_of(task) for name in FILES for task in import_module(f"example_dags.{name}").dag.tasks}
    assert set(public_task_classes().values()) <= used


@pytest.mark.parametrize("name", FILES)
def test_a_file_defines_the_dag_of_its_name(name: str) -> None:
    dag = import_module(f"example_dags.{name}").dag
    assert dag.dag_id == name
    assert dag.doc_md


@pytest.mark.parametrize("name", FILES)
def test_the_markers_of_a_file_come_in_pairs(name: str) -> None:
    marks = re.findall(r"^ *# \[(START|END) (howto_\w+)\]$", FILES[name], re.MULTILINE)
    assert [kind for kind, _ in marks] == ["START", "END"] * (len(marks) // 2)
    starts, ends = ([label for kind, label in marks if kind == which] for which in ("START", "END"))
    assert starts == ends
    assert len(set(starts)) == len(starts)
