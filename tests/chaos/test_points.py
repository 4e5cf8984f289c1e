"""Kills at chosen points: the task has one remote run, and returns what an undisturbed task returns."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack
from devtools.postgres import Postgres
from tests.chaos import evidence
from tests.chaos.dag_runs import DagRuns
from tests.chaos.gateway import Gateway
from tests.chaos.points import CELLS, FAST, Cell, Scene
from tests.chaos.proxy import Proxy
from tests.chaos.results import shape
from tests.chaos.settings import environment
from tests.chaos.targets import connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox.platform import RunRecord

DAGS = Path(__file__).parent / "dags" / "points"
#: How many cells may be on the way to their point at the same time. The five cells that wait for each other
#: before the triggerer is killed must be among them.
AT_ONCE = 14
#: Seconds within which a cell must end.
ENDED_WITHIN = 900.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(run_seconds=3) as server:
        server.tamr.configure(slots=1000)
        server.quantemplate.upload("d-claims", b"claim_id,paid\nCL-1,1\n")
        yield server


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Return the settings of Airflow's database: PostgreSQL, or SQLite if pytest has `--sqlite`."""
    if request.config.getoption("--sqlite", default=False):
        yield {}
        return
    with Postgres() as postgres:
        yield {"DATABASE__SQL_ALCHEMY_CONN": postgres.url}


@pytest.fixture(scope="module")
def scenes(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    database: dict[str, str],
    kept: Path,
    figures: list[str],
) -> Iterator[dict[Cell, Future[Scene]]]:
    """Start all selected cells at once. The future of a cell has its scene when its DAG run has ended."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = {params["cell"] for params in parameters if "cell" in params}
    wanted |= {undisturbed(cell) for cell in wanted}
    began = time.monotonic()
    with Gateway() as gateway, Proxy(sandbox.url) as platforms:
        env = environment(CORE__EXECUTION_API_SERVER_URL=f"{gateway.url}/execution/", **database)
        fields = connections(sandbox, platforms.url)
        stack = AirflowStack(kept / "points", DAGS, fields, env, parallelism=16)
        gateway.target = stack.base_url
        with stack, DagRuns(stack.client) as dag_runs:
            dags = {cell.dag_id for cell in wanted}
            stack.client.wait_for_dags(dags)
            for dag_id in dags:
                stack.client.unpause(dag_id)
            deferred = [cell for cell in wanted if cell.point == "deferred"]
            triggerer = threading.Barrier(
                len(deferred) or 1, lambda: stack.restart("triggerer", sig=signal.SIGKILL)
            )
            found = {
                cell: Scene(cell, sandbox, stack, dag_runs, gateway, platforms, triggerer)
                for cell in sorted(wanted)
            }
            turns = threading.Semaphore(AT_ONCE)
            yield {cell: in_background(scene, turns) for cell, scene in found.items()}
    evidence.keep(sandbox, kept / "points")
    kills = sum(cell.point != "undisturbed" for cell in wanted)
    runs = sum(len(cell.target.runs(sandbox, scene.resource)) for cell, scene in found.items())
    figures.append(
        f"kills at chosen points: {kills} kills, {len(wanted)} tasks, {runs} remote runs, "
        f"{time.monotonic() - began:.0f} s"
    )


def in_background(scene: Scene, turns: threading.Semaphore) -> Future[Scene]:
    """Run a cell to the end of its DAG run, in a thread. The end of the tests does not wait for it."""
    played: Future[Scene] = Future()

    def run() -> None:
        try:
            with turns:
                scene.begin()
            scene.state = scene.dag_runs.end(scene.cell.run_id, ENDED_WITHIN)
            played.set_result(scene)
        except BaseException as error:
            played.set_exception(error)

    threading.Thread(target=run, name=scene.cell.run_id, daemon=True).start()
    return played


def undisturbed(cell: Cell) -> Cell:
    return Cell(cell.platform, cell.mode, "undisturbed")


@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, marks=[pytest.mark.fast] if cell in FAST else []) for cell in CELLS],
    ids=lambda cell: f"{cell.platform}-{cell.mode}-{cell.point}",
)
def test_a_kill_leaves_one_run_and_the_result_of_an_undisturbed_task(
    cell: Cell, scenes: dict[Cell, Future[Scene]], sandbox: Sandbox
) -> None:
    scene = scenes[cell].result(ENDED_WITHIN)
    runs = cell.target.runs(sandbox, scene.resource)
    assert len(cell.target.submissions(sandbox, scene.resource)) == len(runs)
    if cell.is_ambiguous:
        assert scene.state == "failed"
        assert "AmbiguousSubmitError" in scene.log()
        assert len(runs) == (cell.point != "before the POST")
        return
    assert scene.state == "success", scene.log()[-3000:]
    [run] = runs
    plain = scenes[undisturbed(cell)].result(ENDED_WITHIN)
    result = scene.result()
    assert result["run_id"] == run.run_id
    assert shape(result, scene.resource) == shape(plain.result(), plain.resource)
    assert stops(sandbox, run) == 0


def stops(sandbox: Sandbox, run: RunRecord) -> int:
    """Return the number of requests to stop a run."""
    return sum(entry.mentions(run.run_id) for entry in sandbox.journal.entries("tamr", "stop_job"))
