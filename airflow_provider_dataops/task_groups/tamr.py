"""The task group for Tamr Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from airflow_provider_dataops.operators.tamr import (
    TamrLoadSourceOperator,
    TamrPublishOperator,
    TamrRunWorkflowOperator,
    TamrUpdateDataProductOperator,
)
from airflow_provider_dataops.task_groups.base import distribute, require_known_text, require_known_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import XComArg


def tamr_refresh(
    *,
    source_ids: Sequence[str] | XComArg,
    data_product_id: str,
    workflow_id: str | None = None,
    destination_ids: Sequence[str] | XComArg | None = None,
    realtime_destination_ids: Sequence[str] | XComArg | None = None,
    group_id: str = "tamr_refresh",
    **arguments: Any,
) -> TaskGroup:
    """Return a group that loads sources, updates a data product, and publishes it.

    The tasks are ``load`` (mapped: one for each source), ``update``, ``run_workflow``, ``publish`` and
    ``publish_realtime`` (both mapped: one for each destination). A task for which there is no id is left out.

    :param source_ids: the ids of the sources, which are loaded at the same time; at least one.
    :param data_product_id: the id of the data product that these sources feed.
    :param workflow_id: the id of the workflow that updates the system of record and the search index.
    :param destination_ids: the ids of publish configurations of the data product.
    :param realtime_destination_ids: the ids of RealTime destinations.
    :param group_id: the id of the group, and the prefix of the ids of its tasks.
    :param arguments: arguments for all tasks, such as ``tamr_conn_id``, ``deferrable``, ``poll_interval``,
        ``timeout``, ``retries`` or ``pool``. The tasks always wait for their jobs.
    :raises InvalidArgumentError: if an argument is wrong, while Airflow parses the DAG file.
    """
    require_known_texts(source_ids=source_ids)
    require_known_text(data_product_id=data_product_id)
    if workflow_id is not None:
        require_known_text(workflow_id=workflow_id)
    if destination_ids is not None:
        require_known_texts(destination_ids=destination_ids)
    if realtime_destination_ids is not None:
        require_known_texts(realtime_destination_ids=realtime_destination_ids)
    # All four operators take the same common arguments.
    [common] = distribute(arguments, TamrUpdateDataProductOperator)
    with TaskGroup(group_id=group_id) as group:
        load = TamrLoadSourceOperator.partial(
            task_id="load", **{"map_index_template": "{{ task.source_id }}", **common}
        ).expand(source_id=source_ids)
        last: Any = TamrUpdateDataProductOperator(task_id="update", data_product_id=data_product_id, **common)
        load >> last
        if workflow_id is not None:
            workflow = TamrRunWorkflowOperator(task_id="run_workflow", workflow_id=workflow_id, **common)
            last >> workflow
            last = workflow
        for task_id, ids, product in (
            ("publish", destination_ids, data_product_id),
            ("publish_realtime", realtime_destination_ids, None),
        ):
            if ids is not None:
                last >> TamrPublishOperator.partial(
                    task_id=task_id,
                    data_product_id=product,
                    **{"map_index_template": "{{ task.destination_id }}", **common},
                ).expand(destination_id=ids)
    return group
