"""Store the link of a task while the task is still running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_dataops.adapters.xcom import xcom_row
from airflow_provider_dataops.core.json import storable

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context


def store_link(link: BaseOperatorLink, context: Context, url: str) -> None:
    """Store the URL of a link now. Airflow itself stores links only when the task's process ends."""
    # This is a private name of Airflow. XCom.set and xcom_push would store the link in a custom XCom backend,
    # if there is one. Airflow would not find it there, because it reads links without that backend.
    XCom._set_xcom_in_db(**xcom_row(context["ti"], link.xcom_key, storable(url)))
