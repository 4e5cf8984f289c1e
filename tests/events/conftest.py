"""The fixtures of the tests of event triggers: one real Airflow, and one sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack
from tests.events.ledger import Ledger
from tests.system import evidence, planted

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
_TABLE = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("events")
    for line in config.stash.get(_TABLE, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Run the sandbox in a thread of the test process."""
    with Sandbox() as server:
        for platform in (server.quantemplate, server.tamr, server.tailer, server.trac):
            platform.script(hold=True)
        planted.into(server)
        server.tamr.configure(slots=100)
        # Without an input, the executions would fail.
        server.quantemplate.upload("d-claims", b"claim_id,paid\nCL-1,1\n")
        yield server


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the example DAG downloads to."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of DAG files with the example. Airflow also reads files that are added later."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copy(ROOT / "example_dags" / "quantemplate_events.py", folder)
    return folder


@pytest.fixture(scope="session")
def stack(
    sandbox: Sandbox, downloads: Path, examples: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowStack]:
    """Run Airflow with connections to the sandbox and the DAGs of these tests."""
    connections = {f"{name}_default": planted.connection(sandbox, name) for name in sandbox.platforms}
    env = {
        "DATAOPS_DOWNLOADS": str(downloads),
        # On a very busy machine, Airflow may fail to start a task.
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "3",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        # The triggers of a killed triggerer move after 8 s. By default, this takes 30 s.
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
        # Airflow starts and ends event triggers when it has parsed the DAG file again.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
    }
    home, dags = tmp_path_factory.mktemp("airflow"), [ROOT / "tests" / "events" / "dags", examples]
    with AirflowStack(home, dags, connections, env, parallelism=2) as running:
        evidence.keep(running)
        yield running


@pytest.fixture(scope="session")
def ledger(stack: AirflowStack, sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Return the ledger, which compares the runs at the platforms with Airflow's asset events."""
    written = Ledger(stack, sandbox)
    stack.client.wait_for_dags(["watching", "pausable"])
    for dag_id in ("watching", "pausable"):
        stack.client.unpause(dag_id)
    written.wait_until_watching()
    yield written
    request.config.stash[_TABLE] = written.table()
