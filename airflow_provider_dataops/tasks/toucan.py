"""The base class of the Toucan Toco operators and the sensor."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow_provider_dataops.tasks.base import DataOpsTask


class ToucanTask(DataOpsTask):
    """A task that calls a Toucan backend for one small app.

    :param small_app: the small app; by default the small app of the connection.
    :param toucan_conn_id: the Airflow connection.
    """

    ui_color = "#f7ead2"
    conn_type = "toucan"
    platform = "Toucan"
    noun = "operation"
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys(
        ("functions", "input_domains", "operations", "output_domains"), "json"
    )

    def __init__(
        self, *, small_app: str | None = None, toucan_conn_id: str = "toucan_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.small_app = small_app
        self.toucan_conn_id = toucan_conn_id
