"""The task group for Quantemplate."""

from __future__ import annotations

from typing import Any

from airflow.sdk import TaskGroup

from airflow_provider_dataops.core.arguments import require_one
from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateDownloadOutputOperator,
    QuantemplateExecutePipelineOperator,
    QuantemplateUploadDatasetOperator,
)
from airflow_provider_dataops.task_groups.base import distribute, require_known_text


def quantemplate_straight_through(
    *,
    source: str,
    dataset_id: str,
    pipeline_id: str,
    destination: str,
    output_id: str | None = None,
    output_name: str | None = None,
    group_id: str = "quantemplate_straight_through",
    **arguments: Any,
) -> TaskGroup:
    """Return a group that uploads a file, executes a pipeline on it, and downloads an output.

    The tasks are ``upload``, ``execute`` and ``download``. Do not set the pipeline to run when the dataset
    changes: then it would run twice.

    :param source: local path, or URL of an object store; CSV, XLS, XLSX or gzipped CSV, not empty.
    :param dataset_id: the dataset, ``d-…``, whose content is replaced.
    :param pipeline_id: the pipeline, ``p-…``, that reads the dataset.
    :param destination: local path, or URL of an object store, with the file's name.
    :param output_id: the output, ``o-…``.
    :param output_name: the name of the output, instead of ``output_id``. If you give neither, the execution
        must have exactly one output.
    :param group_id: the id of the group, and the prefix of the ids of its tasks.
    :param arguments: arguments for all tasks that take them, such as ``quantemplate_conn_id``,
        ``organisation_id``, ``deferrable``, ``poll_interval``, ``timeout``, ``retries`` or ``pool``. The
        group always waits for the execution.
    :raises InvalidArgumentError: if an argument is wrong, while Airflow parses the DAG file.
    """
    require_known_text(source=source, dataset_id=dataset_id, pipeline_id=pipeline_id, destination=destination)
    if output_id is not None or output_name is not None:
        require_one(output_id=output_id, output_name=output_name)
    for_upload, for_execution, for_download = distribute(
        arguments,
        QuantemplateUploadDatasetOperator,
        QuantemplateExecutePipelineOperator,
        QuantemplateDownloadOutputOperator,
    )
    with TaskGroup(group_id=group_id) as group:
        upload = QuantemplateUploadDatasetOperator(
            task_id="upload", source=source, dataset_id=dataset_id, **for_upload
        )
        execute = QuantemplateExecutePipelineOperator(
            task_id="execute", pipeline_id=pipeline_id, **for_execution
        )
        download = QuantemplateDownloadOutputOperator(
            task_id="download",
            pipeline_id=pipeline_id,
            execution_id=execute.output["execution_id"],  # type: ignore[index]
            output_id=output_id,
            output_name=output_name,
            destination=destination,
            **for_download,
        )
        upload >> execute >> download
    return group
