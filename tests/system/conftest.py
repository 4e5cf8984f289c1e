"""The fixtures of the system tests: one real Airflow and one sandbox for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox import Sandbox
from devtools.airflow_client import WAITS_FOR_A_PERSON
from devtools.airflow_stack import AirflowStack
from devtools.demo import DAGS
from tests.statsd_server import StatsdServer
from tests.system import evidence, planted
from tests.system.scenes import APPROVAL, APPROVED, REJECTED, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.airflow_client import AirflowClient

ROOT = Path(__file__).resolve().parents[2]
LAST = "test_secrets.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the search for secrets last, so that it searches what all other tests have written."""
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    """Run the sandbox in a thread of the test process, for the whole session."""
    with Sandbox(run_seconds=3) as server:
        yield server


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the example DAGs download to."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def statsd() -> Iterator[StatsdServer]:
    """Run the server to which Airflow sends its metrics, for the whole session."""
    with StatsdServer() as server:
        yield server


@pytest.fixture(scope="session")
def stack(
    sandbox_server: Sandbox, downloads: Path, statsd: StatsdServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowStack]:
    """Run Airflow with connections to the sandbox, the example DAGs and the DAGs of the system tests."""
    planted.into(sandbox_server)
    connections = {
        f"{platform}_default": planted.connection(sandbox_server, platform)
        for platform in sandbox_server.platforms
    }
    home = tmp_path_factory.mktemp("airflow")
    folders = [ROOT / "example_dags", ROOT / "tests/system/dags", ROOT / "tests/chaos/dags/points"]
    env = {
        "DATAOPS_DOWNLOADS": str(downloads),
        # The triggers of a killed triggerer move after 12 s. By default, this takes 30 s.
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "12",
        **statsd.environment,
    }
    with AirflowStack(home, folders, connections, env) as running:
        evidence.keep(running)
        yield running


@pytest.fixture(scope="session")
def airflow(stack: AirflowStack) -> AirflowClient:
    """Return a client of the running Airflow's REST API."""
    return stack.client


@pytest.fixture(scope="module")
def sandbox(sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """Reset the sandbox for a module: no runs, no faults, an empty journal."""
    sandbox_server.reset()
    planted.into(sandbox_server)
    # The tests of a module run their jobs at the same time.
    sandbox_server.tamr.configure(slots=100)
    sandbox_server.quantemplate.upload("d-claims", b"claim_id,paid\nCL-1,1\n")
    yield sandbox_server
    sandbox_server.reset()


@pytest.fixture(scope="module")
def stage(airflow: AirflowClient, sandbox: Sandbox) -> Stage:
    """Return the stage, which starts tasks. Each task waits for runs that no other task uses."""
    return Stage(airflow, sandbox)


@pytest.fixture(scope="session")
def examples(airflow: AirflowClient, sandbox_server: Sandbox) -> dict[str, str]:
    """Run the example DAGs at the same time, wait until all have ended, and return their run ids."""
    planted.into(sandbox_server)
    # Two of them start three load jobs each. With Tamr's five slots, one job would have to wait for a free
    # slot, and its task would be deferred twice.
    sandbox_server.tamr.configure(slots=100)
    airflow.wait_for_dags(DAGS)
    runs = {dag_id: airflow.run(dag_id) for dag_id in DAGS}
    airflow.trigger(APPROVED, run_id=REJECTED)
    for run_id, option in ((runs[APPROVED], "Approve"), (REJECTED, "Reject")):
        # Airflow before 3.3 has no state of its own for a task that waits for a person.
        waits = [WAITS_FOR_A_PERSON, "deferred"]
        airflow.wait_for_task(APPROVED, run_id, APPROVAL, waits, timeout=480)
        airflow.answer(APPROVED, run_id, APPROVAL, option)
    for dag_id, run_id in runs.items():
        # On a busy machine, all these tasks together take minutes.
        airflow.wait_for_run(dag_id, run_id, timeout=480)
    # Its event trigger would poll, and start runs, during all other tests.
    airflow.pause("quantemplate_events")
    return runs
