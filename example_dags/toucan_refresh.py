"""Upload a folder of files to a Toucan small app, refresh staging, and release the app after a check.

Toucan starts an operation for each uploaded file. ``wait_for_uploads`` waits for all of these operations.

The connection ``toucan_default`` contains the API's URL, the credentials and the small app.

The app is released only after ``check_staging`` has succeeded. Add your tests of the staging data there, or
wait for a person's approval.

If an operation fails, Toucan's backend notifies the user who started it (``smallapp.after_operation_failure``
and other notifications). The backend does not know other failures of the DAG, e.g. a missing file or a lost
connection. The callback ``notify_team`` reports every failed task.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, task

from airflow_provider_dataops.operators.toucan import (
    ToucanPopulateOperator,
    ToucanPreprocessOperator,
    ToucanRunOperationsOperator,
    ToucanUploadDataSourceOperator,
)
from airflow_provider_dataops.sensors.toucan import ToucanOperationSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

FILES = Path(__file__).parent / "data" / "toucan"
DOMAINS = ["referential", "sales"]


def notify_team(context: Context) -> None:
    """Log a failed task; replace this callback with your own notifier."""
    failed = context["ti"]
    logging.getLogger(__name__).error("%s failed: %s", failed.task_id, context.get("exception"))


with DAG(
    dag_id="toucan_refresh",
    schedule=None,
    catchup=False,
    default_args={"on_failure_callback": notify_team},
    tags=["toucan", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_toucan_upload_data_source]
    upload = ToucanUploadDataSourceOperator(task_id="upload_files", source=str(FILES))
    # [END howto_toucan_upload_data_source]
    # [START howto_toucan_operation_sensor]
    uploaded = ToucanOperationSensor.partial(task_id="wait_for_uploads", deferrable=True).expand(
        operation_id=upload.output.map(lambda file: file["operation_id"])
    )
    # [END howto_toucan_operation_sensor]
    # [START howto_toucan_preprocess]
    preprocess = ToucanPreprocessOperator(task_id="preprocess", input_domains=DOMAINS, deferrable=True)
    # [END howto_toucan_preprocess]
    # [START howto_toucan_populate]
    populate = ToucanPopulateOperator(task_id="populate", input_domains=DOMAINS, deferrable=True)
    # [END howto_toucan_populate]

    @task
    def check_staging(uploaded: Any) -> None:
        """Fail if the data in staging must not be released."""
        missing = {"referential.csv", "sales.csv"} - {file["filename"] for file in uploaded}
        if missing:
            raise ValueError(f"these files were not uploaded: {sorted(missing)}")

    # [START howto_toucan_run_operations]
    release = ToucanRunOperationsOperator(task_id="release", operations=["release"], deferrable=True)
    # [END howto_toucan_run_operations]
    uploaded >> preprocess >> populate >> check_staging(upload.output) >> release
