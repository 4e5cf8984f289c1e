"""Store the links of a task while the task is still running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_dataops.core.json import storable

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_dataops.core.log import Log


def push_links(operator: BaseOperator, context: Context, url: str, log: Log) -> None:
    """Store the URL of all links of a task now. Airflow itself stores links only when the task ends."""
    ti = context["ti"]
    for link in operator.operator_extra_links:
        try:
            # This is a private name of Airflow. XCom.set and xcom_push would store the link in a custom XCom
            # backend, if there is one. Airflow would not find it there, because it reads links without that
            # backend.
            XCom._set_xcom_in_db(
                key=link.xcom_key,
                value=storable(url),
                dag_id=ti.dag_id,
                task_id=ti.task_id,
                run_id=ti.run_id,
                map_index=ti.map_index if ti.map_index is not None else -1,
            )
        except Exception as error:
            # Only log the error: the task must keep waiting for its run, even without a link.
            log.warning("The link %s could not be stored, so Airflow's UI does not show it: %r", url, error)
