"""Figures at the end of a run of pytest, and the tests that need a newer Airflow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.adapters import configuration, metrics
from tests import airflow_versions
from tests.generated import events, generated, rules
from tests.kept_metrics import KeptMetrics

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path
    from typing import Any

_LINES = pytest.StashKey[list[str]]()
FIGURES = {"generated": generated, "events": events, "rules": rules}

# Only the tests in `tests/lineage` switch OpenLineage on, in the Airflow that they start.
os.environ["AIRFLOW__OPENLINEAGE__DISABLED"] = "True"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = []


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Return the list of lines that pytest prints at the end."""
    return request.config.stash[_LINES]


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Do not import a module of tests that need a newer Airflow."""
    name = module_path.relative_to(parent.config.rootpath).as_posix()
    if airflow_versions.reason(name) is None:
        return None
    module: pytest.Module = airflow_versions.SkippedModule.from_parent(parent, path=module_path)
    return module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need a newer Airflow."""
    for item in items:
        reason = airflow_versions.reason(item.nodeid)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker of pytest-xdist report its figures to the main process."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output.update({name: dict(figures) for name, figures in FIGURES.items()})


@pytest.fixture(autouse=True)
def _fresh_options() -> None:
    """Let each test read Airflow's options again."""
    configuration.options.cache_clear()
    configuration.deferral_guard.cache_clear()
    metrics.airflow_stats.cache_clear()


@pytest.fixture
def kept_metrics(monkeypatch: pytest.MonkeyPatch) -> KeptMetrics:
    """Return the metrics that the test sends."""
    kept = KeptMetrics()
    monkeypatch.setattr(metrics, "airflow_stats", lambda: kept)
    return kept


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for name, figures in FIGURES.items():
        figures.update(getattr(node, "workeroutput", {}).get(name, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[_LINES]:
        terminalreporter.section("figures")
    for line in config.stash[_LINES]:
        terminalreporter.write_line(line)
    if not generated:
        return
    terminalreporter.section("generated examples")
    for what, number in sorted(generated.items()):
        terminalreporter.write_line(f"{number:,} {what}")
    if events:
        terminalreporter.write_line(f"{events.total():,} events: {_listed(events)}")
        terminalreporter.write_line(f"{rules.total():,} checks of rules: {_listed(rules)}")


def _listed(numbers: Counter[str]) -> str:
    return "; ".join(f"{what} {number:,}" for what, number in sorted(numbers.items()))
