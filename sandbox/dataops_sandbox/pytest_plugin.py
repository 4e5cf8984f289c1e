"""The pytest fixture ``dataops_sandbox``. It needs no Airflow and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox.server import Sandbox


@pytest.fixture(scope="session")
def _dataops_sandbox_server() -> Iterator[Sandbox]:
    from dataops_sandbox.server import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def dataops_sandbox(_dataops_sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """Return a running sandbox in its initial state: no runs, no faults, an empty journal."""
    _dataops_sandbox_server.reset()
    yield _dataops_sandbox_server
    # Drop requests that still hang. Otherwise the test's own threads wait for them and do not end.
    _dataops_sandbox_server.reset()
