"""The base class of the Tamr Cloud operators and sensors."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.tasks.base import DataOpsTask


class TamrTask(DataOpsTask):
    """A task that calls a tenant of Tamr Cloud.

    :param tamr_conn_id: the Airflow connection.
    """

    ui_color = "#dfe5f7"
    conn_type = "tamr"
    platform = "Tamr"
    noun = "job"

    def __init__(self, *, tamr_conn_id: str = "tamr_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tamr_conn_id = tamr_conn_id
