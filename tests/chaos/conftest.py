"""The seed, the folder that keeps all logs, and the figures at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
_FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Give the lines that are printed at the end."""
    return request.config.stash[_FIGURES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("chaos")
    for line in config.stash[_FIGURES]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def seed(figures: list[str]) -> str:
    """Give ``SEED`` from the environment; by default the first digits of the commit's hash."""
    command = ["git", "rev-parse", "--short=8", "HEAD"]
    given = os.environ.get("SEED") or subprocess.check_output(command, cwd=ROOT, text=True).strip()
    figures.append(
        f"seed {given}: SEED={given} make chaos repeats the acts, in their order and at their times"
    )
    return given


@pytest.fixture(scope="session")
def kept(seed: str) -> Path:
    """Give an empty folder below ``build`` that stays after the tests."""
    folder = ROOT / "build" / "chaos" / seed
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _clocked(seed: str, figures: list[str]) -> Iterator[None]:
    began = time.monotonic()
    yield
    figures.append(f"{time.monotonic() - began:.0f} s in all")
