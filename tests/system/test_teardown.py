"""``TamrStopJobOperator`` as a teardown stops a job that another task has left running."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from devtools.airflow_client import AirflowClient

DAG = "tamr_supervised_update"


def test_the_job_is_stopped_after_a_user_marks_the_work_as_failed(
    airflow: AirflowClient, sandbox: Sandbox
) -> None:
    sandbox.tamr.script("src_orders", duration=0)
    sandbox.tamr.start({"load": {"sourceId": "src_orders"}})
    sandbox.tamr.script("dp_customers", hold=True)
    airflow.wait_for_dags([DAG])
    run_id = airflow.run(DAG)
    airflow.wait_for_task(DAG, run_id, "wait_for_update", ["deferred"], timeout=90)
    [job] = [run for run in sandbox.runs() if run.resource == "dp_customers"]
    assert job.state == "RUNNING"

    airflow.mark_task(DAG, run_id, "wait_for_update", "failed")

    assert airflow.wait_for_run(DAG, run_id) == "failed"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances(DAG, run_id)}
    assert (states["wait_for_update"], states["stop_update"]) == ("failed", "success")
    sandbox.wait_for(lambda _: [run for run in sandbox.runs() if run.run_id == job.run_id and run.finished])
    assert airflow.xcom(DAG, run_id, "stop_update") == job.run_id
    [stopped] = [run for run in sandbox.runs() if run.run_id == job.run_id]
    assert stopped.detail["error"]["reason"] == "STOPPED_BY_USER"
