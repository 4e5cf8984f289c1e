"""Upload a bordereau to Quantemplate, run the pipeline, and download its output.

The connection ``quantemplate_default`` contains the credentials and the organisation.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

from airflow.sdk import DAG

from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateDownloadOutputOperator,
    QuantemplateExecutePipelineOperator,
    QuantemplateUploadDatasetOperator,
)

CLAIMS = Path(__file__).parent / "data" / "claims.csv"
DOWNLOADS = os.environ.get("DATAOPS_DOWNLOADS", gettempdir())

with DAG(
    dag_id="quantemplate_straight_through",
    schedule=None,
    catchup=False,
    tags=["quantemplate", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_quantemplate_upload_dataset]
    upload = QuantemplateUploadDatasetOperator(
        task_id="upload_claims", source=str(CLAIMS), dataset_id="d-claims"
    )
    # [END howto_quantemplate_upload_dataset]
    # [START howto_quantemplate_execute_pipeline]
    execute = QuantemplateExecutePipelineOperator(
        task_id="execute_pipeline", pipeline_id="p-claims", deferrable=True, poll_interval=15
    )
    # [END howto_quantemplate_execute_pipeline]
    # [START howto_quantemplate_download_output]
    download = QuantemplateDownloadOutputOperator(
        task_id="download_output",
        pipeline_id="p-claims",
        execution_id=execute.output["execution_id"],
        destination=DOWNLOADS + "/{{ dag.dag_id }}/{{ run_id }}/claims.csv",
    )
    # [END howto_quantemplate_download_output]
    upload >> execute >> download
