"""Everything that the documentation names exists."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_dataops

ROOT = Path(__file__).parents[2]
ROWS = [
    line.strip("| \n").split(" | ")
    for line in (ROOT / "docs" / "proof" / "operations.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| operation "))
]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def missing_tests(names: list[str]) -> list[str]:
    """Return the names that are no test. A name is ``path::test`` or ``path::class::test``."""
    return [name for name in names if not _is_test(*name.split("::"))]


def _is_test(path: str, *names: str) -> bool:
    if not (ROOT / path).is_file():
        return False
    places: list[ast.AST] = [_tree(path)]
    for name in names:
        inside = [node for place in places for node in ast.walk(place)]
        places = [node for node in inside if getattr(node, "name", None) == name]
    return bool(names and places)


@cache
def _tree(path: str) -> ast.AST:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


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
class TestOperationsPage:
    def test_names_hook_methods_that_exist(self, row: list[str]) -> None:
        for name in quoted(row[1]):
            cls, _, method = name.partition(".")
            assert callable(getattr(exported("hooks")[cls], method))

    def test_names_operators_and_sensors_that_exist(self, row: list[str]) -> None:
        known = exported("operators") | exported("sensors")
        assert set(quoted(row[2])) <= set(known)

    def test_names_tests_that_exist(self, row: list[str]) -> None:
        assert quoted(row[3]), "each operation needs a test"
        assert missing_tests(quoted(row[3])) == []


#: A path on these pages may start in the package, or in the example of a platform.
PLACES = [
    place / folder
    for place in (ROOT, ROOT / "tests" / "mill", ROOT / "tests" / "mill" / "package")
    for folder in (".", "airflow_provider_dataops")
]
CODE = [
    path
    for folder in ("airflow_provider_dataops", "sandbox", "tests/mill")
    for path in (ROOT / folder).rglob("*.py")
]


@pytest.mark.parametrize("page", ["architecture.md", "adding-a-platform.md"])
def test_the_pages_for_contributors_contain_only_names_that_exist(page: str) -> None:
    names = set(quoted((ROOT / "docs" / page).read_text(encoding="utf-8")))
    paths = {name for name in names if re.fullmatch(r"[\w./-]+(/|\.py|\.md)", name)}
    assert [path for path in sorted(paths) if not any((place / path).exists() for place in PLACES)] == []
    words = {word for path in CODE for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    assert {word for name in names - paths for word in re.findall(r"\w+", name)} <= words


RELIABILITY = (ROOT / "docs" / "proof" / "endings.md").read_text(encoding="utf-8")
ENDINGS = re.findall(r"^\| (\d+\.\d+) \|", RELIABILITY, re.MULTILINE)


class TestReliabilityPage:
    def proofs(self) -> dict[str, str]:
        """Return the text below the tables of the page, by the number of its row."""
        proofs: dict[str, str] = {}
        for first, last, text in re.findall(
            r"^- (\d+\.\d+)(?: to (\d+\.\d+))?: (.*(?:\n  .*)*)", RELIABILITY, re.MULTILINE
        ):
            rows = ENDINGS[ENDINGS.index(first) : ENDINGS.index(last or first) + 1]
            # The last section repeats the rows that nothing proves.
            proofs = dict.fromkeys(rows, text) | proofs
        return proofs

    def test_names_tests_that_exist(self) -> None:
        names = [name for name in quoted(RELIABILITY) if name.startswith("tests/")]
        assert len(names) > 100
        assert missing_tests(names) == []

    def test_has_a_proof_for_each_row_or_says_that_there_is_none(self) -> None:
        proofs = self.proofs()
        assert list(dict.fromkeys(ENDINGS)) == ENDINGS
        assert [row for row in ENDINGS if row not in proofs] == []
        unproved = [row for row, text in proofs.items() if "tests/" not in text]
        assert {proofs[row] for row in unproved} == {"not proven"}
        listed = RELIABILITY.partition("## Not proven")[2]
        assert [row for row in unproved if row not in listed] == []

    def test_links_to_sections_that_exist(self) -> None:
        headings = re.findall(r"^## (.+)", RELIABILITY, re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert set(re.findall(r"\]\(#([^)]+)\)", RELIABILITY)) <= anchors


SECURITY = (ROOT / "docs" / "guides" / "security.md").read_text(encoding="utf-8")


class TestSecurityPage:
    def test_names_tests_that_exist(self) -> None:
        assert missing_tests(re.findall(r"`(tests/[^`]+)`", SECURITY)) == []

    def test_has_a_test_beside_each_promise(self) -> None:
        promises = re.findall(r"^- (\*\*.*(?:\n  .*)*)", SECURITY, re.MULTILINE)
        assert len(promises) > 20
        assert [promise for promise in promises if "`tests/" not in promise] == []


LIMITS = re.findall(r"^\| .+ \| ([\d.]+) ?(\S*) \| `([\w.]+)` \|", RELIABILITY, re.MULTILINE)
UNITS = {"": 1, "s": 1, "min": 60, "h": 3600, "%": 0.01, "KiB": 2**10, "MiB": 2**20}


def constant(name: str) -> float:
    """Return a constant of the package by its dotted name."""
    parts = [airflow_provider_dataops.__name__, *name.split(".")]
    length = max(n for n in range(len(parts)) if _is_module(parts[:n]))
    value: Any = importlib.import_module(".".join(parts[:length]))
    for part in parts[length:]:
        value = getattr(value, part)
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _is_module(parts: list[str]) -> bool:
    path = ROOT.joinpath(*parts)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.mark.parametrize(("number", "unit", "name"), LIMITS, ids=[limit[2] for limit in LIMITS])
def test_a_limit_on_the_reliability_page_equals_the_constant_in_the_code(
    number: str, unit: str, name: str
) -> None:
    assert constant(name) == pytest.approx(float(number) * UNITS[unit])


def test_all_limits_are_compared() -> None:
    table = RELIABILITY.partition("| limit | value | constant |")[2].partition("\n\n")[0]
    assert len(LIMITS) == table.count("\n") - 1 > 40
