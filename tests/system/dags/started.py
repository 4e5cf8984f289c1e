"""Sensors that start in the triggerer; the DAG run's configuration has the id of the job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.sensors.tamr import TamrJobSensor, TamrResourceIdleSensor

JOB = "{{ dag_run.conf['job'] }}"
STARTED: dict[str, Any] = {"deferrable": True, "start_from_trigger": True, "poke_interval": 2}


@task
def read(job_id: str, job: dict[str, Any]) -> list[str]:
    return [job_id, job["state"]]


with DAG("started_sensor", schedule=None):
    wait: Any = TamrJobSensor(task_id="wait", job_id=JOB, **STARTED)
    read(wait.output["job_id"], wait.output)

with DAG("started_retry", schedule=None):
    TamrJobSensor(task_id="wait", job_id=JOB, retries=1, retry_delay=timedelta(seconds=1), **STARTED)

with DAG("started_soft_fail", schedule=None):
    TamrJobSensor(task_id="wait", job_id=JOB, soft_fail=True, **STARTED)

with DAG("started_timeout", schedule=None):
    TamrJobSensor(task_id="wait", job_id=JOB, execution_timeout=timedelta(seconds=20), **STARTED)

with DAG("started_condition", schedule=None):
    TamrResourceIdleSensor(task_id="wait", source_id="{{ var.value.started_source }}", **STARTED)

with DAG("started_after_a_task", schedule=None):
    load: Any = TamrLoadSourceOperator(
        task_id="load", source_id="{{ dag_run.conf['source'] }}", wait_for_completion=False
    )
    TamrJobSensor(task_id="wait", job_id=load.output["job_id"], **STARTED)
