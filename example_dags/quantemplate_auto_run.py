"""Upload to a dataset whose pipeline runs by itself, and wait for that execution.

In Quantemplate, the pipeline is set to run when its input dataset changes. So the upload starts an
execution, and this DAG must not start another one. Before the upload, a task reads the last run number.
``wait_for_execution`` then waits for the first execution with a higher run number.

The connection ``quantemplate_default`` contains the credentials and the organisation.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

from airflow.sdk import DAG, task

from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateDownloadDatasetOperator,
    QuantemplateUploadDatasetOperator,
)
from airflow_provider_dataops.sensors.quantemplate import QuantemplateExecutionSensor

CLAIMS = Path(__file__).parent / "data" / "claims.csv"
DOWNLOADS = os.environ.get("DATAOPS_DOWNLOADS", gettempdir())
DATASET = "d-3"
PIPELINE = "p-auto"

with DAG(
    dag_id="quantemplate_auto_run",
    schedule=None,
    catchup=False,
    tags=["quantemplate", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_quantemplate_last_run_number]
    @task
    def last_run_number() -> int:
        """Return the number of the pipeline's newest execution; 0 if there is none."""
        executions = QuantemplateHook().list_executions(pipeline_id=PIPELINE)
        return max((execution.run_number for execution in executions), default=0)

    before = last_run_number()
    # [END howto_quantemplate_last_run_number]
    upload = QuantemplateUploadDatasetOperator(
        task_id="upload_claims", source=str(CLAIMS), dataset_id=DATASET
    )
    # [START howto_quantemplate_execution_sensor]
    wait = QuantemplateExecutionSensor(
        task_id="wait_for_execution",
        pipeline_id=PIPELINE,
        after_run_number=before,
        deferrable=True,
        poke_interval=15,
        timeout=3600,
    )
    # [END howto_quantemplate_execution_sensor]
    # [START howto_quantemplate_download_dataset]
    archive = QuantemplateDownloadDatasetOperator(
        task_id="download_dataset",
        dataset_id=DATASET,
        destination=DOWNLOADS + "/{{ dag.dag_id }}/{{ run_id }}/claims.csv",
    )
    # [END howto_quantemplate_download_dataset]
    before >> upload >> wait >> archive
