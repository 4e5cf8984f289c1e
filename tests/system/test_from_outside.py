"""Something outside the task ends its wait: a user, a signal, a timeout, a missing service or connection."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.system import planted

if TYPE_CHECKING:
    from devtools.airflow_stack import AirflowStack
    from tests.system.scenes import Stage, Waiting

HOLD = {"hold": True}
CONNECTION = "tamr_of_a_day"


def test_marking_a_deferred_task_successful_stops_its_job(stack: AirflowStack, stage: Stage) -> None:
    task = stage.begin("tamr_deferred", HOLD)
    job = task.started()
    stack.wait_until(lambda: f"Tamr job {job.run_id} is " in task.log(), timeout=60)
    task.airflow.mark_task(*task.where, "success")
    task.stopped(job.run_id, 30)
    assert task.ended() == "success"
    assert (task.submissions(), task.stops(job.run_id)) == (1, 1)


def test_marking_a_task_on_a_worker_successful_stops_its_job(stack: AirflowStack, stage: Stage) -> None:
    task = stage.begin("tamr_on_worker", HOLD)
    job = task.started()
    instance = task.until("running")
    stack.wait_until(task.link, timeout=10)
    task.airflow.mark_task(*task.where, "success")
    task.stopped(job.run_id, 30)
    stack.wait_until_off_workers(instance["id"], timeout=20)
    assert task.ended() == "success"
    assert (task.submissions(), task.stops(job.run_id)) == (1, 1)


def test_the_execution_timeout_on_a_worker_stops_the_job(stage: Stage) -> None:
    task = stage.begin("tamr_on_worker_execution_timeout", HOLD)
    job = task.started()
    assert task.ended() == "failed"
    assert (task.submissions(), task.stops(job.run_id)) == (1, 1)
    assert "AirflowTaskTimeout" in task.log()


def test_a_retry_after_a_sigterm_starts_another_job_because_the_first_was_stopped(
    stack: AirflowStack, stage: Stage
) -> None:
    task = stage.begin("tamr_on_worker_retry", HOLD)
    job = task.started()
    _terminate(stack, task)
    task.stopped(job.run_id, 20)
    second = task.started(2)
    task.finish()
    assert task.ended() == "success"
    assert task.airflow.xcom(*task.where)["run_id"] == second.run_id
    assert (task.submissions(), task.stops(job.run_id), task.stops(second.run_id)) == (2, 1, 0)


def test_a_retry_after_a_sigterm_waits_for_an_execution_that_cannot_be_stopped(
    stack: AirflowStack, stage: Stage
) -> None:
    task = stage.begin("quantemplate_on_worker_retry", HOLD)
    execution = task.started()
    _terminate(stack, task)
    stack.wait_until(lambda: task.airflow.task(*task.where)["try_number"] == 2, timeout=60)
    stack.wait_until(lambda: f"execution {execution.run_id} of an earlier try" in task.log(2), timeout=40)
    assert f"execution {execution.run_id} was not stopped and may still be running" in task.log(1)
    task.finish()
    assert task.ended() == "success"
    assert task.airflow.xcom(*task.where)["run_id"] == execution.run_id
    assert task.submissions() == 1


@pytest.mark.slow
def test_while_no_triggerer_runs_a_clear_stops_the_job_and_other_tasks_resume_later(
    stack: AirflowStack, stage: Stage
) -> None:
    waits, cleared = (stage.begin("tamr_deferred", HOLD) for _ in range(2))
    job, first = waits.started(), cleared.started()
    for task in (waits, cleared):
        stack.wait_until_off_workers(task.until("deferred")["id"])
    stack.kill("triggerer")
    try:
        cleared.airflow.clear(cleared.dag_id, cleared.run_id, [cleared.where[2]])
        # No trigger notices the Clear, so the new try stops the old job.
        second = cleared.started(2)
        assert cleared.runs()[0].detail["error"]["reason"] == "STOPPED_BY_USER"
        waits.finish()
        cleared.until("deferred")
    finally:
        stack.restart("triggerer")
    assert not cleared.runs()[1].finished
    cleared.finish()
    # The new triggerer gets the triggers of the killed one only when its last heartbeat is old enough.
    for task in (waits, cleared):
        assert task.ended(timeout=120) == "success"
    assert waits.airflow.xcom(*waits.where)["run_id"] == job.run_id
    assert (waits.submissions(), waits.stops(job.run_id)) == (1, 0)
    assert cleared.airflow.xcom(*cleared.where)["run_id"] == second.run_id
    assert (cleared.submissions(), cleared.stops(first.run_id), cleared.stops(second.run_id)) == (2, 1, 0)


def test_a_deferred_task_whose_connection_was_deleted_returns_its_job(
    stack: AirflowStack, stage: Stage
) -> None:
    airflow, fields = stage.airflow, planted.connection(stage.sandbox, "tamr")
    airflow.create_connection(CONNECTION, fields)
    task = stage.begin("tamr_connection", HOLD)
    job = task.started()
    stack.wait_until(lambda: f"Tamr job {job.run_id} is " in task.log(), timeout=60)
    airflow.request("DELETE", f"/connections/{CONNECTION}")
    task.finish()
    # The trigger has already read its connection. The worker that resumes the task does not need it.
    assert task.ended() == "success"
    assert airflow.xcom(*task.where)["run_id"] == job.run_id
    assert airflow.task(*task.where)["try_number"] == 1
    assert task.link() == airflow.xcom(*task.where)["url"]
    assert (task.submissions(), task.stops(job.run_id)) == (1, 0)


def _terminate(stack: AirflowStack, task: Waiting) -> None:
    """Send SIGTERM to the task's process, as soon as the task has the link of its run."""
    instance = task.until("running")
    stack.wait_until(task.link, timeout=10)
    (runner,) = [worker for worker in stack.workers_of(instance["id"]) if worker.role == "runner"]
    os.kill(runner.pid, signal.SIGTERM)
