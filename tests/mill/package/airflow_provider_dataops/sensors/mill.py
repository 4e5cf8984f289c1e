"""The Mill sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.mill import MillTask

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.mill.api import MillApi
    from airflow_provider_dataops.platforms.mill.runs import BatchWatch


class MillBatchSensor(MillTask, DataOpsSensor):
    """Waits for the end of a batch that something else started.

    Returns the batch as :class:`~airflow_provider_dataops.operators.mill.MillRunRecipeOperator` does, and
    fails if it failed or was cancelled. It never cancels the batch.

    :param batch_id: the batch.
    :param mill_conn_id: the Airflow connection.
    """

    template_fields = ("batch_id", "mill_conn_id")

    def __init__(self, *, batch_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        require_text(batch_id=self.batch_id)

    def watch(self, api: MillApi) -> BatchWatch:
        """Return what the sensor waits for."""
        return api.watch_batch(self.batch_id)
