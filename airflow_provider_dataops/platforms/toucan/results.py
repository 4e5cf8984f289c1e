"""What the tasks of Toucan return: the keys of the result, with their meaning."""

from __future__ import annotations

from airflow_provider_dataops.core import results

OPERATION = {
    **results.RUN,
    "started_at": "always `None`: Toucan does not report when the operation began",
    "finished_at": "always `None`: Toucan does not report when the operation ended",
    "operation_id": "the id of the operation, the same as `run_id`",
    "small_app": "the small app",
}
UPLOAD = {
    "source": "the path or URL of the file",
    "filename": "the name under which the file was uploaded",
    "operation_id": "the id of the operation for the file; missing if the backend reports no id",
}
