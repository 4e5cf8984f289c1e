"""One real Airflow with OpenLineage, whose FILE transport writes all events to one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack
from tests.lineage.events import written_to
from tests.system import evidence, planted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devtools.airflow_client import AirflowClient

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "tests"
#: The DAGs that run once, at the same time. The DAG `lineage_consumer` is started by an asset.
DAGS = (
    "lineage_deferred",
    "lineage_failed",
    "lineage_reattached",
    "lineage_mapped",
    "lineage_own_extra",
    "lineage_upload",
    "release_train",
)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(run_seconds=2) as server:
        planted.into(server)
        server.tamr.configure(slots=100)
        for source in ("src_broken", "src_crashing"):
            server.tamr.add_source(source)
        server.tamr.script("src_broken", error={"reason": "BROKEN"})
        yield server


@pytest.fixture(scope="session")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that a DAG uploads."""
    path = tmp_path_factory.mktemp("files") / "claims 1.csv"
    path.write_bytes(b"claim_id,paid\nCL-1,1\n")
    return path


@pytest.fixture(scope="session")
def event_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openlineage") / "events.jsonl"


@pytest.fixture(scope="session")
def stack(
    sandbox: Sandbox, claims: Path, event_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowStack]:
    connections = {
        f"{platform}_default": planted.connection(sandbox, platform) for platform in sandbox.platforms
    }
    env = {
        "DATAOPS_SANDBOX": sandbox.url,
        "DATAOPS_CLAIMS": str(claims),
        "AIRFLOW__OPENLINEAGE__DISABLED": "False",
        # On a busy machine, OpenLineage may need longer than its 10 s. Then it sends no event.
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "120",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": NAMESPACE,
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(event_file), "append": True}
        ),
    }
    folders = [ROOT / "tests/lineage/dags", ROOT / "example_dags"]
    with AirflowStack(tmp_path_factory.mktemp("airflow"), folders, connections, env) as running:
        evidence.keep(running)
        yield running


@pytest.fixture(scope="session")
def airflow(stack: AirflowStack) -> AirflowClient:
    return stack.client


@pytest.fixture(scope="session")
def states(airflow: AirflowClient) -> dict[str, str]:
    """Run all DAGs, wait until they have ended, and return their states."""
    airflow.wait_for_dags([*DAGS, "lineage_consumer"])
    # A DAG must not be paused when its asset changes.
    airflow.unpause("lineage_consumer")
    runs = {dag_id: airflow.run(dag_id) for dag_id in DAGS}
    return {dag_id: airflow.wait_for_run(dag_id, run_id, timeout=480) for dag_id, run_id in runs.items()}


Events = list[dict[str, Any]]


@pytest.fixture(scope="session")
def events_of(states: dict[str, str], stack: AirflowStack, event_file: Path) -> Callable[[str, str], Events]:
    """Return a function that returns the events of a task, after all DAGs have ended.

    A task's last event comes after the task has ended, from a process of its own.
    """

    def found(job: str, last: str) -> Events:
        def events() -> Events:
            return [event for event in written_to(event_file) if event["job"]["name"] == job]

        stack.wait_until(lambda: any(event["eventType"] == last for event in events()), timeout=30)
        return events()

    assert states
    return found
