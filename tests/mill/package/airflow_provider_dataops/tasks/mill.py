"""What the Mill operators and sensors share."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.tasks.base import DataOpsTask


class MillTask(DataOpsTask):
    """A task that talks to a mill.

    :param mill_conn_id: the Airflow connection.
    """

    ui_color = "#f3e5c3"
    conn_type = "mill"
    platform = "Mill"
    noun = "batch"

    def __init__(self, *, mill_conn_id: str = "mill_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mill_conn_id = mill_conn_id
