"""The Toucan Toco sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.links.toucan import ToucanSmallAppLink
from airflow_provider_dataops.platforms.toucan import results
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.toucan import ToucanTask

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi
    from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationWatch


class ToucanOperationSensor(ToucanTask, DataOpsSensor):
    """Waits for the end of an operation that something else started, for instance an upload.

    Returns the operation as
    :class:`~airflow_provider_dataops.operators.toucan.ToucanRunOperationsOperator` does. The sensor
    fails if the operation failed. The backend must offer the route ``operations/state``; old backends do not.

    :param operation_id: the id of the operation.
    :param small_app: the small app; by default the small app of the connection.
    :param toucan_conn_id: the Airflow connection.
    """

    operator_extra_links = (ToucanSmallAppLink(),)
    output_keys = ("operation_id",)
    result_keys = results.OPERATION
    template_fields = ("operation_id", "small_app", "toucan_conn_id")

    def __init__(self, *, operation_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.operation_id = operation_id

    def check(self) -> None:
        """Check that there is an operation id."""
        super().check()
        require_text(operation_id=self.operation_id)

    def watch(self, api: ToucanApi) -> ToucanOperationWatch:
        """Return the watch, which describes the operation to wait for."""
        return api.watch_operation(self.small_app, self.operation_id)
