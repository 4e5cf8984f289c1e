"""A deferred task uses no worker process and no slot, and its user can open the link of its run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.system.scenes import Stage, Waiting, finish_all

if TYPE_CHECKING:
    from devtools.airflow_stack import AirflowStack

WATCHED_SECONDS = 4.0


@pytest.fixture(scope="module")
def deferred(stack: AirflowStack, stage: Stage) -> dict[str, Waiting]:
    """Start a deferred task on two platforms, and wait until their worker processes have ended."""
    waiting = {
        # The state of the job changes while the task is deferred.
        "tamr_deferred": stage.begin("tamr_deferred", {"hold": True, "waiting": 6.0}),
        "quantemplate_deferred": stage.begin("quantemplate_deferred", {"hold": True}),
    }
    for one in waiting.values():
        stack.wait_until_off_workers(one.until("deferred")["id"])
    return waiting


@pytest.mark.parametrize("dag_id", ["tamr_deferred", "quantemplate_deferred"])
def test_the_link_exists_while_the_task_is_deferred(deferred: dict[str, Waiting], dag_id: str) -> None:
    task = deferred[dag_id]
    link = task.link()
    assert link is not None
    assert link.endswith(f"/runs/{task.started().run_id}")


def test_the_run_and_its_present_state_are_published(
    stack: AirflowStack, deferred: dict[str, Waiting]
) -> None:
    for dag_id, noun in (("tamr_deferred", "job"), ("quantemplate_deferred", "execution")):
        task = deferred[dag_id]
        wait = task.airflow.state_store(*task.where)["dataops_watch"]
        assert (wait["run_id"], wait["noun"], wait["mode"]) == (task.started().run_id, noun, "deferred")
        assert wait["url"] == task.link()
    task = deferred["tamr_deferred"]
    assert task.airflow.state_store(*task.where)["dataops_watch"]["state"] == "pending"
    # The first request of a new triggerer to Airflow can take half a minute on a busy machine.
    stack.wait_until(lambda: task.airflow.xcom(*task.where, key="dataops_progress"), timeout=60)
    state = task.airflow.xcom(*task.where, key="dataops_progress")
    assert (state["state"], state["ended"], state["error"]) == ("running", False, None)


def test_deferred_tasks_use_no_worker_process_and_no_slot(
    stack: AirflowStack, stage: Stage, deferred: dict[str, Waiting]
) -> None:
    ids = [task.until("deferred")["id"] for task in deferred.values()]
    stack.wait_until(lambda: stack.free_slots() == stack.parallelism, timeout=8)
    polls = len(stage.sandbox.journal)
    until = time.monotonic() + WATCHED_SECONDS
    while time.monotonic() < until:
        assert [stack.workers_of(one) for one in ids] == [[], []]
        assert stack.free_slots() == stack.parallelism
    pool = stage.airflow.pool()
    assert pool["open_slots"] == pool["slots"]
    assert len(stage.sandbox.journal) > polls

    finish_all(deferred.values())
    for task in deferred.values():
        assert task.ended() == "success"
        assert task.submissions() == len(task.runs()) == 1


@pytest.mark.parametrize("dag_id", ["tamr_on_worker", "quantemplate_on_worker"])
def test_the_link_exists_while_the_task_waits_on_a_worker(
    stack: AirflowStack, stage: Stage, dag_id: str
) -> None:
    task = stage.begin(dag_id, {"hold": True})
    run = task.started()
    stack.wait_until(task.link, timeout=10)
    instance = task.until("running")
    link = task.link()
    assert link is not None
    assert link.endswith(f"/runs/{run.run_id}")
    assert "runner" in {worker.role for worker in stack.workers_of(instance["id"])}
    task.finish()
    assert task.ended() == "success"
    assert stage.airflow.times(task.dag_id, task.run_id)[0].deferrals == 0
