"""Tasks of all platforms that wait, succeed or fail, and sensors of the runs of tasks that succeed."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.toucan import ToucanRunOperationsOperator
from airflow_provider_dataops.operators.trac import TracImportModelOperator
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from airflow_provider_dataops.sensors.trac import TracJobSensor

args: dict[str, Any] = {"deferrable": True, "poll_interval": 2, "poke_interval": 2}

with DAG("run_links", schedule=None, default_args=args):
    TamrLoadSourceOperator(task_id="tamr_fails", source_id="source_fails")
    load = TamrLoadSourceOperator(task_id="tamr_succeeds", source_id="source_succeeds")
    TamrJobSensor(task_id="tamr_sensor", job_id=load.output["job_id"])
    QuantemplateExecutePipelineOperator(task_id="quantemplate_waits", pipeline_id="pipeline_waits")
    TailerLaunchJobOperator(task_id="tailer_succeeds", configuration_id="000099_succeeds_DEV")
    ToucanRunOperationsOperator(
        task_id="toucan_fails", small_app="app-fails", operations=["populate_reports"]
    )
    import_model = TracImportModelOperator(
        task_id="trac_succeeds",
        repository="acme_models",
        entry_point="chaos.succeeds.Model",
        version="v1.0.0",
    )
    TracJobSensor(task_id="trac_sensor", job_id=import_model.output["job_id"])
