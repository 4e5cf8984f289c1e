"""Keep the received file in TRAC, ask for a review, and release the file when the review is approved.

A CUSTOM object represents the review. Version 1 is the request, version 2 is the approval. In this example
the task ``approve`` is the reviewer. Your DAG does not need this task: a person or another system approves.

The connection ``trac_default`` contains the gateway's URL and the tenant.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_dataops.operators.trac import (
    TracCreateObjectOperator,
    TracSearchOperator,
    TracUpdateObjectOperator,
    TracUploadFileOperator,
    TracWriteBatchOperator,
)
from airflow_provider_dataops.sensors.trac import TracObjectSensor

POSITIONS = Path(__file__).parent / "data" / "positions.csv"


def review(content: bytes) -> dict[str, Any]:
    """Return the definition of a review. TRAC stores any bytes in a CUSTOM object, as Base64."""
    data = b64encode(content).decode()
    return {
        "custom": {"customSchemaType": "acme_review", "customSchemaVersion": 1, "customData": data},
    }


with DAG(
    dag_id="trac_review",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["trac", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_trac_upload_file]
    keep = TracUploadFileOperator(
        task_id="keep_file", source=str(POSITIONS), attrs={"airflow_run": "{{ run_id }}"}
    )
    # [END howto_trac_upload_file]
    request = TracCreateObjectOperator(
        task_id="request_review",
        object_type="CUSTOM",
        definition=review(b"please review"),
        attrs={"review_state": "requested"},
    )
    # [START howto_trac_update_object]
    approve = TracUpdateObjectOperator(
        task_id="approve",
        object_type="CUSTOM",
        prior_version=request.output["key"],
        definition=review(b"looks good"),
        attrs={"review_state": "approved"},
    )
    # [END howto_trac_update_object]
    # [START howto_trac_object_sensor]
    approved = TracObjectSensor(
        task_id="wait_for_approval",
        object_type="CUSTOM",
        object_id="{{ ti.xcom_pull(task_ids='request_review')['object_id'] }}",
        min_version=2,
        attrs={"review_state": "approved"},
        poke_interval=15,
        timeout=24 * 3600,
    )
    # [END howto_trac_object_sensor]
    # [START howto_trac_search]
    files = TracSearchOperator(
        task_id="find_files", object_type="FILE", search=["airflow_run", "=", "{{ run_id }}"]
    )
    # [END howto_trac_search]

    @task
    def releases(found: Any, approval: str) -> list[dict[str, Any]]:
        """Return one change for each file. The change releases the file and stores the approval's key."""
        return [
            {"selector": file["key"], "attrs": {"released": True, "approval": approval}} for file in found
        ]

    # [START howto_trac_write_batch]
    release = TracWriteBatchOperator(
        task_id="release_files", update_tags=releases(files.output, approved.output["key"])
    )
    # [END howto_trac_write_batch]
    keep >> request >> approved >> files
