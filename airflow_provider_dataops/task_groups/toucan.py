"""The task group for Toucan Toco."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from airflow_provider_dataops.operators.toucan import (
    ToucanRunOperationsOperator,
    ToucanUploadDataSourceOperator,
)
from airflow_provider_dataops.platforms.toucan.work import STAGING, check_stage
from airflow_provider_dataops.task_groups.base import distribute, require_known_text, require_known_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import XComArg


def toucan_refresh(
    *,
    source: str,
    filename: str | None = None,
    operations: Sequence[str] | XComArg | str | None = None,
    stage: str | None = STAGING,
    group_id: str = "toucan_refresh",
    **arguments: Any,
) -> TaskGroup:
    """Return a group that uploads files to a small app, and runs operations on it.

    The tasks are ``upload`` and ``run_operations``. Without ``operations``, the group refreshes everything in
    staging and **releases it to production**.

    :param source: local path, or URL of an object store: a file, a folder, or a pattern with ``*``.
    :param filename: the name of the data source in the small app's configuration; the file's own name by
        default. Set it only if ``source`` is exactly one file.
    :param operations: names of operations, in the order in which they run. The default is the vendor's chain,
        which ends with ``release``. It may also be the path of a ``.json`` file with a list of names.
    :param stage: the stage of the operations: ``staging``; with ``None``, their request contains no stage,
        which means production. The request of an upload never contains a stage.
    :param group_id: the id of the group, and the prefix of the ids of its tasks.
    :param arguments: arguments for all tasks that take them, such as ``toucan_conn_id``, ``small_app``,
        ``output_domains``, ``deferrable``, ``poll_interval``, ``timeout``, ``retries`` or ``pool``. The group
        always waits for the end of the operations.
    :raises InvalidArgumentError: if an argument is wrong, while Airflow parses the DAG file.
    """
    require_known_text(source=source)
    if filename is not None:
        require_known_text(filename=filename)
    if isinstance(operations, str):
        require_known_text(operations=operations)
    elif operations is not None:
        require_known_texts(operations=operations)
    check_stage(stage)
    for_upload, for_operations = distribute(
        arguments, ToucanUploadDataSourceOperator, ToucanRunOperationsOperator
    )
    with TaskGroup(group_id=group_id) as group:
        upload = ToucanUploadDataSourceOperator(
            task_id="upload", source=source, filename=filename, **for_upload
        )
        run = ToucanRunOperationsOperator(
            task_id="run_operations",
            operations=operations,  # type: ignore[arg-type]
            stage=stage,
            **for_operations,
        )
        upload >> run
    return group
