"""What the documentation names exists."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

import airflow_provider_dataops

ROOT = Path(__file__).parents[2]
ROWS = [
    line.strip("| \n").split(" | ")
    for line in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| operation "))
]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def exported(kind: str) -> dict[str, type]:
    """Return the public classes of one Airflow role, by name."""
    package = importlib.import_module(f"{airflow_provider_dataops.__name__}.{kind}")
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__.startswith(module.__name__)
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
class TestTheTableOfOperations:
    def test_names_hook_methods_that_exist(self, row: list[str]) -> None:
        for name in quoted(row[1]):
            cls, _, method = name.partition(".")
            assert callable(getattr(exported("hooks")[cls], method))

    def test_names_operators_and_sensors_that_exist(self, row: list[str]) -> None:
        known = exported("operators") | exported("sensors")
        assert set(quoted(row[2])) <= set(known)

    def test_names_tests_that_exist(self, row: list[str]) -> None:
        assert quoted(row[3]), "each operation is proved by something"
        for name in quoted(row[3]):
            path, _, test = name.partition("::")
            text = (ROOT / path).read_text(encoding="utf-8")
            last = test.split("::")[-1]
            assert re.search(rf"^ *(def|class) {last}\b", text, re.MULTILINE), name


README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "with DAG(" in block]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.findall(r'DAG\("(\w+)"', text)[0])
def test_airflow_takes_the_readmes_dags(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    taken = DAG.__exit__

    def leave(dag: DAG, *raised: Any) -> None:
        made.append(dag)
        taken(dag, *raised)

    monkeypatch.setattr(DAG, "__exit__", leave)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own text
    [dag] = made
    assert len(dag.tasks) == example.count("task_id=")


def test_there_is_one_for_each_platform() -> None:
    assert len(EXAMPLES) == 5


#: Where a path on these pages may begin: the package, or the example of a platform in the same places.
PLACES = [
    place / folder
    for place in (ROOT, ROOT / "tests" / "mill")
    for folder in (".", "airflow_provider_dataops")
]
CODE = [
    path
    for folder in ("airflow_provider_dataops", "sandbox", "tests/mill")
    for path in (ROOT / folder).rglob("*.py")
]


@pytest.mark.parametrize("page", ["architecture.md", "adding-a-platform.md"])
def test_the_pages_for_contributors_name_what_exists(page: str) -> None:
    names = set(quoted((ROOT / "docs" / page).read_text(encoding="utf-8")))
    paths = {name for name in names if re.fullmatch(r"[\w./-]+(/|\.py|\.md)", name)}
    assert [path for path in sorted(paths) if not any((place / path).exists() for place in PLACES)] == []
    words = {word for path in CODE for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    assert {word for name in names - paths for word in re.findall(r"\w+", name)} <= words
