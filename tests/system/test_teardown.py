"""``TamrStopJobOperator`` as a teardown stops a job that another task has left running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from devtools.airflow_client import AirflowClient

DAG = "tamr_supervised_update"


@pytest.mark.parametrize("marked", ["task", "run"])
def test_the_job_is_stopped_after_a_user_marks_the_waiting_task_or_the_run_as_failed(
    airflow: AirflowClient, sandbox: Sandbox, marked: str
) -> None:
    sandbox.tamr.script("src_orders", duration=0)
    sandbox.tamr.start({"load": {"sourceId": "src_orders"}})
    sandbox.tamr.script("dp_customers", hold=True)
    airflow.wait_for_dags([DAG])
    run_id = airflow.run(DAG)
    airflow.wait_for_task(DAG, run_id, "wait_for_update", ["deferred"], timeout=90)
    job_id = airflow.xcom(DAG, run_id, "start_update", "job_id")

    if marked == "task":
        airflow.mark_task(DAG, run_id, "wait_for_update", "failed")
    else:
        airflow.mark_run(DAG, run_id, "failed")

    def stopped(_: object) -> bool:
        [job] = [run for run in sandbox.runs() if run.run_id == job_id]
        return bool(job.finished and job.detail["error"]["reason"] == "STOPPED_BY_USER")

    sandbox.wait_for(stopped, timeout=60)
    assert airflow.wait_for_run(DAG, run_id) == "failed"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances(DAG, run_id)}
    assert (states["wait_for_update"], states["stop_update"]) == ("failed", "success")
