"""Upload a folder of files to a Toucan small app, refresh them in staging, and release after a check.

The connection ``toucan_default`` holds the API's URL, the credentials and the small app. Nothing reaches
production before ``is_good_enough`` has passed: put tests of the staging data there, or a person's approval.
Toucan's own notifications (``smallapp.after_operation_failure`` and the like) are sent by its backend to the
user who started an operation; failures of the DAG, a lost connection or a missing file, are known to Airflow
alone, whose callback tells them.
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

if TYPE_CHECKING:
    from airflow.sdk import Context

FILES = Path(__file__).parent / "data" / "toucan"
DOMAINS = ["referential", "sales"]


def tell_the_team(context: Context) -> None:
    """Tell of a failed task; replace it by a notifier of yours."""
    failed = context["ti"]
    logging.getLogger(__name__).error("%s failed: %s", failed.task_id, context.get("exception"))


with DAG(
    dag_id="toucan_refresh",
    schedule=None,
    catchup=False,
    default_args={"on_failure_callback": tell_the_team},
    tags=["toucan", "example"],
    doc_md=__doc__,
):
    upload = ToucanUploadDataSourceOperator(task_id="upload_files", source=str(FILES))
    preprocess = ToucanPreprocessOperator(task_id="preprocess", input_domains=DOMAINS, deferrable=True)
    populate = ToucanPopulateOperator(task_id="populate", input_domains=DOMAINS, deferrable=True)

    @task
    def is_good_enough(uploaded: Any) -> None:
        """Stop here what must not be seen."""
        missing = {"referential.csv", "sales.csv"} - {file["filename"] for file in uploaded}
        if missing:
            raise ValueError(f"not uploaded: {sorted(missing)}")

    release = ToucanRunOperationsOperator(task_id="release", operations=["release"], deferrable=True)
    upload >> preprocess >> populate >> is_good_enough(upload.output) >> release
