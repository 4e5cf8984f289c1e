"""A run gets a new owner in a real Airflow: another triggerer, a retry, or the new try after a Clear.

Some events only look like a new owner: the Clear of another task, or a second cancel of the trigger.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.scenes import Waiting

if TYPE_CHECKING:
    from dataops_sandbox.platform import RunRecord
    from devtools.airflow_stack import AirflowStack
    from tests.system.scenes import Stage

HOLD = {"hold": True}
# A running try stores the DAG run's clear_number once a minute.
RENEWED_WITHIN = 80.0


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def neighbours(stack: AirflowStack, stage: Stage) -> tuple[Waiting, RunRecord, RunRecord]:
    """Start two tasks of one DAG run, and clear the second one. Return the first task and both jobs.

    The last test of this module needs this. It starts here, so that the minute until the first task reads the
    DAG run's clear_number again passes during the other tests.
    """
    sandbox, airflow, dag_id = stage.sandbox, stage.airflow, "tamr_neighbours"
    for source in ("n-wait", "n-other"):
        sandbox.tamr.add_source(source)
        sandbox.tamr.script(source, **HOLD)
    airflow.wait_for_dags([dag_id])
    run_id = airflow.run(dag_id, conf={"wait": "n-wait", "other": "n-other"})
    task = Waiting(airflow, sandbox, dag_id, run_id, "n-wait")
    job = task.started()
    [first] = _runs_of(stage, "n-other", 1)
    # Wait until both tasks have stored the ids of their jobs. Without an id, a task could only guess which
    # job it has started, and does not stop such a job.
    stack.wait_until(lambda: _clear_number(task, "wait") == 0, timeout=60)
    stack.wait_until(lambda: _clear_number(task, "other") == 0, timeout=60)
    airflow.clear(dag_id, run_id, ["other"])
    return task, job, first


def test_a_job_keeps_running_when_its_trigger_moves_to_another_triggerer(
    stack: AirflowStack, stage: Stage
) -> None:
    task = stage.begin("tamr_deferred", HOLD)
    job = task.started()
    stack.wait_until(lambda: f"Tamr job {job.run_id} is " in task.log(), timeout=60)
    # This happens if a triggerer is frozen for so long that another one takes its triggers.
    _move_all_triggers(stack)
    message = f"job {job.run_id} was not stopped: the task is deferred"
    stack.wait_until(lambda: message in task.log() + stack.logs("triggerer"), timeout=90)
    assert task.airflow.task(*task.where)["state"] == "deferred"
    assert not task.runs()[0].finished
    _end_the_other_triggerer(stack)
    task.finish()
    assert task.ended() == "success"
    assert (task.submissions(), task.stops(job.run_id)) == (1, 0)


def test_a_stop_request_is_retried_after_503_although_airflow_cancels_the_trigger_again(
    stack: AirflowStack, stage: Stage
) -> None:
    task = stage.begin("tamr_deferred", HOLD)
    job = task.started()
    stack.wait_until(lambda: f"Tamr job {job.run_id} is " in task.log(), timeout=60)
    busy: dict[str, Any] = {
        "operation": "stop_job",
        "times": 1,
        "status": 503,
        "headers": {"Retry-After": "4"},
    }
    task.sandbox.add_fault("status", platform="tamr", **busy)
    task.airflow.mark_task(*task.where, "failed")
    task.sandbox.wait_for(lambda _: task.runs()[0].finished, 90)
    assert task.stops(job.run_id) == 2
    assert f"the trigger stops Tamr job {job.run_id}" in task.log()
    message = f"Asked Tamr to stop job {job.run_id}"
    stack.wait_until(lambda: message in task.log() + stack.logs("triggerer"), timeout=10)


def test_a_clear_starts_a_new_run_for_the_cleared_task_but_not_for_the_task_beside_it(
    stack: AirflowStack, stage: Stage, neighbours: tuple[Waiting, RunRecord, RunRecord]
) -> None:
    task, job, first = neighbours
    sandbox, airflow = stage.sandbox, stage.airflow
    # The cleared task was running on a worker, and had a retry left. That must not look like a retry.
    _, second = _runs_of(stage, "n-other", 2)
    assert first.run_id != second.run_id
    assert task.stops(first.run_id) >= 1
    stack.wait_until(lambda: _clear_number(task, "wait") == 1, timeout=RENEWED_WITHIN)

    instance = task.until("running")
    (runner,) = [worker for worker in stack.workers_of(instance["id"]) if worker.role == "runner"]
    os.kill(runner.pid, signal.SIGKILL)
    stack.wait_until(lambda: airflow.task(*task.where)["try_number"] == 2, timeout=40)
    stack.wait_until(lambda: f"job {job.run_id} of an earlier try" in task.log(2), timeout=30)
    for run in (job, second):
        sandbox.tamr.finish(run.run_id)
    assert task.ended() == "success"
    assert airflow.xcom(*task.where)["run_id"] == job.run_id
    assert (len(task.runs()), task.stops(job.run_id)) == (1, 0)


def _runs_of(stage: Stage, source: str, number: int) -> list[RunRecord]:
    """Wait until there are `number` jobs of a source, and return them."""

    def started(_: object) -> list[RunRecord]:
        runs = [run for run in stage.sandbox.runs() if run.resource == source]
        return runs if len(runs) == number else []

    return stage.sandbox.wait_for(started, 60)


def _clear_number(task: Waiting, task_id: str) -> int | None:
    """Return the DAG run's clear_number in the record of a task; ``None`` before the task knows its run."""
    rows = task.airflow.state_store(task.dag_id, task.run_id, task_id)
    record: dict[str, Any] = rows.get("dataops_run") or {}
    return record["generation"]["clear_number"] if record.get("run_id") else None


#: A triggerer that exists only in the database.
_OTHER = {"id": 1_000_000}


def _move_all_triggers(stack: AirflowStack) -> None:
    """Assign all triggers to another triggerer, which looks healthy for a minute."""
    _write(
        stack,
        "INSERT INTO job (id, job_type, state, hostname, latest_heartbeat) "
        "VALUES (:id, 'TriggererJob', 'running', 'other', datetime('now', '+60 seconds'))",
        "UPDATE trigger SET triggerer_id = :id",
    )


def _end_the_other_triggerer(stack: AirflowStack) -> None:
    _write(stack, "UPDATE job SET end_date = datetime('now'), state = 'success' WHERE id = :id")


def _write(stack: AirflowStack, *statements: str) -> None:
    with closing(sqlite3.connect(stack.home / "airflow.db", timeout=60.0)) as database, database:
        for statement in statements:
            database.execute(statement, _OTHER)
