"""Counts the deferred tasks that Airflow's scheduler wrongly fails on a busy machine.

When a task defers, the executor reports the end of its process to the scheduler. If the scheduler of Airflow
3.3.2 queues the task again before it has read this report, it fails the task. So triggers hold back their
events (``[dataops] deferral_guard``). This benchmark starts a real Airflow while other processes keep the
processors busy. Many tasks defer for a few seconds, and the benchmark counts the failures in the scheduler's
log.

    python -m benchmarks.deferral_race [--tasks 200] [--load 20] [--guard 6]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack

if TYPE_CHECKING:
    from collections.abc import Iterator

DAG_ID = "short_deferrals"
DAGS = Path(__file__).parent / "dags"
#: What the scheduler logs about a task that it fails for this reason.
FAILED = "finished with state success, but the task instance's state attribute is"
#: How long a job takes, in seconds.
JOB_SECONDS = 5
#: How many sessions share the load. Linux gives each session, not each process, an equal share of CPU time.
SESSIONS = 4
BUSY = "import os\nfor _ in range({}):\n    if not os.fork(): break\nwhile os.getppid() != 1: pass"
PATIENT = {
    # On a busy machine, heartbeats come late. With these limits, Airflow still treats the processes as alive.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "900",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "300",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "300",
}


@contextmanager
def busy(load: int) -> Iterator[None]:
    """Run ``load`` busy processes until the block ends."""
    forks = max(load // SESSIONS - 1, 0)
    sessions = [
        subprocess.Popen([sys.executable, "-c", BUSY.format(forks)], start_new_session=True)
        for _ in range(min(SESSIONS, load))
    ]
    try:
        yield
    finally:
        # Each busy process ends when its parent has ended.
        for session in sessions:
            session.kill()
            session.wait()


def main() -> None:
    """Run the tasks once, and print how many the scheduler failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--load", type=int, default=20)
    parser.add_argument("--guard", type=float, default=6.0)
    options = parser.parse_args()
    env = PATIENT | {
        "SHORT_DEFERRALS": str(options.tasks),
        "AIRFLOW__DATAOPS__DEFERRAL_GUARD": str(options.guard),
    }
    with (
        tempfile.TemporaryDirectory() as home,
        Sandbox(run_seconds=JOB_SECONDS) as sandbox,
        busy(options.load),
    ):
        for number in range(options.tasks):
            sandbox.tamr.add_source(f"source_{number}")
        sandbox.tamr.configure(slots=options.tasks)
        connections = {"tamr_default": sandbox.connection("tamr")}
        stack = AirflowStack(Path(home), DAGS, connections, env, parallelism=16, start_timeout=900.0)
        with stack:
            stack.client.wait_for_dags([DAG_ID], timeout=600.0)
            began = time.monotonic()
            run_id = stack.client.run(DAG_ID)
            state = stack.client.wait_for_run(DAG_ID, run_id, timeout=7200.0)
            failed = stack.logs("scheduler").count(FAILED)
            print(
                f"{options.tasks} tasks at a load of {options.load}: DAG run {state}, "
                f"{failed} failed by the scheduler, {len(sandbox.runs())} jobs, "
                f"{time.monotonic() - began:.0f} s"
            )


if __name__ == "__main__":
    main()
