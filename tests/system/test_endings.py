"""A wait can end in many ways. In each, no run is started twice or left running, and the log explains it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dataops_sandbox.platform import RunRecord
    from devtools.airflow_stack import AirflowStack
    from tests.system.scenes import Stage, Waiting

HOLD = {"hold": True}
TAMR_ERROR = {"reason": "SOURCE_UNREADABLE", "message": "Column Größe has gone"}
WITHIN_SECONDS = 20.0


@pytest.fixture(scope="module")
def begun(stage: Stage) -> dict[str, Waiting]:
    """Start all tasks at once; each test takes one of them, and follows it to its end."""
    return {
        "failed at Tamr": stage.begin("tamr_deferred", {"error": TAMR_ERROR}),
        "failed at Quantemplate": stage.begin("quantemplate_deferred", {"outcome": "Failed"}),
        "failed once": stage.begin("tamr_deferred_retry", {"error": TAMR_ERROR}, {}),
        "killed hard on a worker": stage.begin("tamr_on_worker_retry", HOLD),
        "marked on a worker": stage.begin("tamr_on_worker", HOLD),
        "out of time on a worker": stage.begin("tamr_on_worker_timeout", HOLD),
        "out of time": stage.begin("tamr_deferred_timeout", HOLD),
        "marked at Tamr": stage.begin("tamr_deferred", HOLD),
        "marked at Quantemplate": stage.begin("quantemplate_deferred", HOLD),
        "cleared": stage.begin("tamr_deferred", HOLD),
    }


def test_marking_a_deferred_task_failed_stops_its_tamr_job_once(
    stack: AirflowStack, begun: dict[str, Waiting]
) -> None:
    task = begun["marked at Tamr"]
    job = _wait_for_trigger(stack, task)
    task.airflow.mark_task(*task.where, "failed")
    task.stopped(job.run_id, WITHIN_SECONDS)
    task.sandbox.wait_for(lambda _: task.runs()[0].finished)
    assert task.runs()[0].detail["error"]["reason"] == "STOPPED_BY_USER"
    assert task.ended() == "failed"
    assert task.stops(job.run_id) == 1
    assert task.submissions() == 1


def test_marking_a_deferred_task_failed_logs_that_the_quantemplate_execution_keeps_running(
    stack: AirflowStack, begun: dict[str, Waiting]
) -> None:
    task = begun["marked at Quantemplate"]
    execution = _wait_for_trigger(stack, task)
    task.airflow.mark_task(*task.where, "failed")
    message = (
        f"Airflow cancelled this trigger, but Quantemplate execution {execution.run_id} keeps running: http"
    )
    stack.wait_until(lambda: message in task.log(), timeout=WITHIN_SECONDS)
    (line,) = [line for line in task.log().splitlines() if message in line]
    assert line.rstrip().endswith(f"/runs/{execution.run_id}")
    assert not task.runs()[0].finished


def test_clearing_a_deferred_task_stops_its_job_and_starts_another(
    stack: AirflowStack, begun: dict[str, Waiting]
) -> None:
    task = begun["cleared"]
    first = _wait_for_trigger(stack, task)
    task.airflow.clear(task.dag_id, task.run_id, [task.where[2]])
    second = task.started(2)
    task.until("deferred")
    # The trigger sends a stop request. The new try sends another one if the job has not stopped yet.
    assert 1 <= task.stops(first.run_id) <= 2
    assert task.runs()[0].detail["error"]["reason"] == "STOPPED_BY_USER"
    link = task.link()
    assert link is not None
    assert link.endswith(f"/runs/{second.run_id}")
    task.finish()
    assert task.ended() == "success"
    assert task.airflow.xcom(*task.where)["run_id"] == second.run_id
    assert task.submissions() == 2
    assert task.stops(second.run_id) == 0


def test_marking_a_task_on_a_worker_failed_stops_its_job_within_seconds(
    stack: AirflowStack, begun: dict[str, Waiting]
) -> None:
    task = begun["marked on a worker"]
    job = task.started()
    instance = task.until("running")
    task.airflow.mark_task(*task.where, "failed")
    task.stopped(job.run_id, WITHIN_SECONDS)
    stack.wait_until_off_workers(instance["id"], timeout=10)
    assert task.stops(job.run_id) == 1
    assert f"Asked Tamr to stop job {job.run_id}" in task.log()
    assert task.submissions() == 1


def test_a_retry_waits_for_the_same_job_after_the_worker_was_killed(
    stack: AirflowStack, begun: dict[str, Waiting]
) -> None:
    task = begun["killed hard on a worker"]
    job = task.started()
    instance = task.until("running")
    stack.wait_until(task.link, timeout=10)
    (runner,) = [worker for worker in stack.workers_of(instance["id"]) if worker.role == "runner"]
    os.kill(runner.pid, signal.SIGKILL)
    stack.wait_until(
        lambda: (now := task.airflow.task(*task.where))["state"] == "running" and now["try_number"] == 2,
        timeout=40,
    )
    stack.wait_until(lambda: f"job {job.run_id} of an earlier try" in task.log(2), timeout=20)
    task.finish()
    assert task.ended() == "success"
    assert task.airflow.xcom(*task.where)["run_id"] == job.run_id
    assert task.submissions() == 1
    assert task.stops(job.run_id) == 0


@pytest.mark.parametrize("which", ["out of time", "out of time on a worker"])
def test_a_job_that_takes_too_long_is_stopped_and_fails_its_task(
    begun: dict[str, Waiting], which: str
) -> None:
    task = begun[which]
    assert task.ended() == "failed"
    (job,) = task.runs()
    assert task.stops(job.run_id) == 1
    (error,) = task.errors()
    assert error.startswith(f"RunTimeoutError: Tamr job {job.run_id} had not ended in the time allowed")
    assert error.endswith(f"/runs/{job.run_id}]")
    assert task.submissions() == 1


def test_a_failed_job_fails_its_task_with_one_line_that_quotes_the_platform(
    begun: dict[str, Waiting],
) -> None:
    task = begun["failed at Tamr"]
    assert task.ended() == "failed"
    (job,) = task.runs()
    (error,) = task.errors()
    assert error.startswith(f"RunFailedError: Tamr job {job.run_id} ended DONE")
    assert TAMR_ERROR["reason"] in error
    assert TAMR_ERROR["message"] in error
    assert error.endswith(f"[{task.link()}]")
    assert task.stops(job.run_id) == 0


def test_a_failed_execution_fails_its_task_with_one_line(begun: dict[str, Waiting]) -> None:
    task = begun["failed at Quantemplate"]
    assert task.ended() == "failed"
    (execution,) = task.runs()
    (error,) = task.errors()
    link = task.link()
    assert link is not None
    assert link.endswith(f"/runs/{execution.run_id}")
    assert error.startswith(f"RunFailedError: Quantemplate execution {execution.run_id} ended Failed")
    assert error.endswith(f"[{link}]")


def test_a_retry_after_a_failed_job_starts_one_new_job_and_a_clear_starts_another(
    begun: dict[str, Waiting],
) -> None:
    task = begun["failed once"]
    assert task.ended() == "success"
    first, second = task.runs()
    assert task.airflow.task(*task.where)["try_number"] == 2
    assert task.airflow.xcom(*task.where)["run_id"] == second.run_id
    assert task.submissions() == 2
    (error,) = task.errors(1)
    assert first.run_id in error

    task.airflow.clear(task.dag_id, task.run_id, [task.where[2]])
    third = task.started(3)
    assert task.ended() == "success"
    assert task.airflow.xcom(*task.where)["run_id"] == third.run_id
    assert task.submissions() == 3


def _wait_for_trigger(stack: AirflowStack, task: Waiting) -> RunRecord:
    """Wait until the trigger has logged the run, and return the run. Before that, no trigger can react."""
    task.until("deferred")
    run = task.runs()[-1]
    stack.wait_until(lambda: f" {run.run_id} is " in task.log(), timeout=30)
    return run
