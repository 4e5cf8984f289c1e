"""The database, the seed, and the folder with all logs."""

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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sqlite", action="store_true", help="run Airflow on SQLite, not on PostgreSQL")


@pytest.fixture(scope="session")
def seed() -> str:
    """Return ``SEED`` from the environment. By default it is the start of the commit's hash."""
    if given := os.environ.get("SEED"):
        return given
    command = ["git", "rev-parse", "--short=8", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    # An unpacked archive has no commit.
    return commit.stdout.strip() or "0"


@pytest.fixture(scope="session")
def kept(seed: str) -> Path:
    """Return an empty folder below ``build``. It stays after the tests."""
    folder = ROOT / "build" / "chaos" / seed
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _clocked(figures: list[str]) -> Iterator[None]:
    began = time.monotonic()
    yield
    figures.append(f"{time.monotonic() - began:.0f} s in all")
