"""Runs the two DAGs one after the other in a real Airflow, and measures each."""

from __future__ import annotations

import contextlib
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from benchmarks.airflow_load.figures import Figures, percentile, requests_in
from benchmarks.machine import describe
from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack
from devtools.postgres import Postgres, PostgresError

if TYPE_CHECKING:
    from collections.abc import Callable

DAGS = Path(__file__).parent / "dags"
NEVER = 7 * 86_400.0
#: On a busy machine, heartbeats come late. With these limits, Airflow still treats the processes as alive.
PATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "900",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "300",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "300",
}


def run(
    *,
    tasks: int = 500,
    smallest: int = 100,
    interval: float = 5.0,
    pace: float = 1.2,
    watch: float = 60.0,
    postgres: bool = True,
) -> dict[str, Any]:
    """Return the figures of both DAGs.

    :param tasks: how many tasks of this package are deferred at the same time.
    :param smallest: how many tasks with the smallest deferrable operator.
    :param interval: the seconds between two polls.
    :param pace: the seconds between the ends of two runs. Two cores resume about one task in a second.
    :param watch: for how many seconds the triggerer is watched while all tasks are deferred.
    :param postgres: whether to use PostgreSQL if it is installed. Otherwise, the database is SQLite.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = PATIENT | {
            "LOAD_TASKS": str(tasks),
            "LOAD_SMALLEST": str(smallest),
            "LOAD_INTERVAL": str(interval),
            "LOAD_FOLDER": str(folder),
        }
        database = "SQLite"
        if postgres:
            with contextlib.suppress(PostgresError):
                env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = stack.enter_context(Postgres()).url
                database = "PostgreSQL"
        sandbox = stack.enter_context(Sandbox(run_seconds=NEVER))
        for number in range(tasks):
            sandbox.tamr.add_source(f"source_{number}")
        sandbox.tamr.configure(slots=tasks)
        airflow = stack.enter_context(
            AirflowStack(
                folder / "airflow",
                DAGS,
                {"tamr_default": sandbox.connection("tamr")},
                env,
                start_timeout=600.0,
            )
        )
        # The first request takes seconds. Without this one, the first tasks would repeat theirs.
        httpx.get(f"{airflow.base_url}/execution/health", timeout=120.0)
        load = Load(airflow, pace=pace, watch=watch)
        runs: dict[int, str] = {}

        def end_run(number: int) -> None:
            if not runs:
                runs.update((int(run.resource.rpartition("_")[2]), run.run_id) for run in sandbox.runs())
            sandbox.tamr.actions()["finish"](runs[number])

        return {
            "database": database,
            "machine": describe(),
            "interval": interval,
            "smallest": load.measure("smallest", smallest, lambda n: (folder / str(n)).touch()).as_json(),
            "tamr": load.measure("tamr", tasks, end_run).as_json(),
        }


class Load:
    """Runs DAGs and measures them."""

    def __init__(self, airflow: AirflowStack, *, pace: float, watch: float) -> None:
        self.airflow = airflow
        self.pace = pace
        self.watch = watch

    def measure(self, dag_id: str, tasks: int, end: Callable[[int], object]) -> Figures:
        """Run a DAG, and return its figures.

        :param end: ends what the task with this map index waits for.
        """
        client = self.airflow.client
        client.wait_for_dags([dag_id], timeout=300.0)
        log, cpu = len(self.airflow.logs("api-server")), self._triggerer_cpu()
        run_id = client.run(dag_id)
        self._wait_until_all_are(dag_id, run_id, "deferred", tasks)
        share = self._watched()
        ended: dict[int, float] = {}
        for number in range(tasks):
            end(number)
            ended[number] = time.time()
            time.sleep(self.pace)
        client.wait_for_run(dag_id, run_id, timeout=3600.0)
        instances = client.task_instances(dag_id, run_id)
        late = [
            datetime.fromisoformat(task["end_date"]).timestamp() - ended[task["map_index"]]
            for task in instances
            if task["state"] == "success"
        ]
        by_name = requests_in(self.airflow.logs("api-server")[log:], tasks)
        return Figures(
            tasks=tasks,
            failed=tasks - len(late),
            requests=sum(by_name.values()),
            by_name=by_name,
            waiting_cpu=share,
            cpu_per_task=(self._triggerer_cpu() - cpu) / tasks * 1000,
            late_p50=percentile(late, 0.5),
            late_p99=percentile(late, 0.99),
        )

    def _wait_until_all_are(self, dag_id: str, run_id: str, state: str, tasks: int) -> None:
        def reached() -> bool:
            states = [task["state"] for task in self.airflow.client.task_instances(dag_id, run_id)]
            if "failed" in states:
                raise RuntimeError(f"a task of {dag_id} failed before it was deferred")
            return states.count(state) == tasks

        self.airflow.wait_until(reached, timeout=60.0 + 10.0 * tasks, interval=1.0)

    def _watched(self) -> float:
        cpu = self._triggerer_cpu()
        time.sleep(self.watch)
        return (self._triggerer_cpu() - cpu) / self.watch

    def _triggerer_cpu(self) -> float:
        """Return the CPU time of the triggerer and its children so far, in seconds."""
        parent = psutil.Process(self.airflow.pid("triggerer"))
        times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
        return sum(one.user + one.system for one in times)
