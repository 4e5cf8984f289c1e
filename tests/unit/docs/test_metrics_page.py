"""The page about metrics describes each metric, as the code sends it."""

from __future__ import annotations

import ast
from collections import Counter as Counts
from pathlib import Path

import airflow_provider_dataops
from airflow_provider_dataops.core.metrics import Counter, Poll, Timing

PACKAGE = Path(airflow_provider_dataops.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "guides" / "metrics.md").read_text(encoding="utf-8")
#: The cells of each row about a metric: name, type, further tags, sender, meaning.
CELLS = [
    [cell.strip(" `") for cell in line.strip("| ").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `dataops.")
]
ROWS = {name: cells for name, *cells in CELLS}
TREES = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))]


def sent() -> list[tuple[str, frozenset[str]]]:
    """Return the name and the further tags of each metric that the code sends.

    The function that sends a metric, or a function that calls it, gets the name as its first argument.
    """
    kinds = {"Counter": Counter, "Timing": Timing}
    return [
        (
            kinds[node.args[0].value.id][node.args[0].attr],
            frozenset(word.arg for word in node.keywords if word.arg),
        )
        for tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Attribute)
        if isinstance(node.args[0].value, ast.Name) and node.args[0].value.id in kinds
    ]


def test_the_page_describes_each_metric_once() -> None:
    assert sorted(name for name, *_ in CELLS) == sorted([*Counter, *Timing])


def test_the_page_names_the_type_of_each_metric() -> None:
    assert {name for name, cells in ROWS.items() if cells[0].startswith("timing, ms")} == set(Timing)
    assert {name for name, cells in ROWS.items() if cells[0].startswith("counter")} == set(Counter)


def test_the_page_names_the_tags_of_each_metric() -> None:
    described = {
        name: set(filter(None, cells[1].replace("`", "").split(", "))) for name, cells in ROWS.items()
    }
    for name, tags in sent():
        assert described[name] == tags, name


def test_the_page_names_the_values_of_the_tags() -> None:
    assert all(f"| `{value}` |" in PAGE for value in Poll)


def test_few_places_send_each_metric() -> None:
    """A platform's own code sends none. Each place would have to be repeated for five platforms."""
    counts = Counts(name for name, _ in sent())
    # The bytes are sent with one call for both directions.
    names = {*Counter, *Timing} - {Counter.BYTES_SENT, Counter.BYTES_RECEIVED}
    assert set(counts) == names
    # A worker, the triggerer, and a new try stop runs.
    assert {name: count for name, count in counts.items() if count > 1} == {Counter.RUN_CANCELLED: 3}
