"""The fixture ``dataops_sandbox``; needs neither Airflow nor a network."""

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
    """Give the platforms on loopback, as they are at the start: no runs, no faults, an empty journal."""
    _dataops_sandbox_server.reset()
    yield _dataops_sandbox_server
    # Hanging requests are let go here, else they would hold up the end of the test's own threads.
    _dataops_sandbox_server.reset()
