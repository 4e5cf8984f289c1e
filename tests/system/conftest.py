"""One real Airflow and one sandbox for all system tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.sandbox import Sandbox
from devtools.airflow_stack import AirflowStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.airflow_client import AirflowClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    """Serve the platforms from a thread of the test process, for the whole session."""
    with Sandbox() as server:
        yield server


@pytest.fixture(scope="session")
def stack(sandbox_server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    """Run Airflow with connections to the sandbox, the example DAGs and those of the system tests."""
    connections = {
        f"{platform}_default": sandbox_server.connection(platform) for platform in sandbox_server.platforms
    }
    home = tmp_path_factory.mktemp("airflow")
    with AirflowStack(home, [ROOT / "example_dags", ROOT / "tests/system/dags"], connections) as running:
        yield running


@pytest.fixture
def airflow(stack: AirflowStack) -> AirflowClient:
    """Give the client of the running Airflow's REST API."""
    return stack.client


@pytest.fixture
def sandbox(sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """Give the sandbox as it is at the start: no runs, no faults, an empty journal."""
    sandbox_server.reset()
    yield sandbox_server
    sandbox_server.reset()
