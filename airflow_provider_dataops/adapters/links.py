"""Links that are shown while a task still runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_dataops.core.json import storable

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_dataops.core.log import Log


def push_links(operator: BaseOperator, context: Context, url: str, log: Log) -> None:
    """Store a URL as the task's links. Airflow itself would do so only at the end of the task."""
    ti = context["ti"]
    for link in operator.operator_extra_links:
        try:
            # A private name of Airflow's: XCom.set and xcom_push pass a custom XCom backend, whose values the
            # reader of links does not understand.
            XCom._set_xcom_in_db(
                key=link.xcom_key,
                value=storable(url),
                dag_id=ti.dag_id,
                task_id=ti.task_id,
                run_id=ti.run_id,
                map_index=ti.map_index if ti.map_index is not None else -1,
            )
        except Exception as error:
            # A missing link is no reason to let go of a run.
            log.warning("The link %s could not be stored: %r", url, error)
