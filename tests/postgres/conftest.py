"""The fixtures of the PostgreSQL tests: one real Airflow, and one sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack
from devtools.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Run the sandbox in a thread of the test process."""
    with Sandbox() as server:
        yield server


@pytest.fixture(scope="session")
def stack(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    """Run Airflow with connections to the sandbox and the DAGs of these tests."""
    connections = {f"{name}_default": sandbox.connection(name) for name in sandbox.platforms}
    home, dags = tmp_path_factory.mktemp("airflow"), Path(__file__).parent / "dags"
    with Postgres() as server:
        env = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.url}
        with AirflowStack(home, dags, connections, env, parallelism=16) as running:
            yield running
