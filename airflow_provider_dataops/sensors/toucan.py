"""The Toucan Toco sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.sensors.base import RunSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.toucan import ToucanHook
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi
    from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger


class ToucanOperationSensor(RunSensor):
    """Waits for the end of an operation that something else started, an upload for instance.

    Returns the operation as
    :class:`~airflow_provider_dataops.operators.toucan.ToucanRunOperationsOperator` does, and fails if it
    failed. The backend must have the route ``operations/state``.

    :param operation_id: the operation.
    :param small_app: where it works; the connection's by default.
    :param toucan_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("operation_id", "small_app", "toucan_conn_id")
    ui_color = "#f7ead2"
    platform: ClassVar[str] = "Toucan"
    noun: ClassVar[str] = "operation"

    def __init__(
        self,
        *,
        operation_id: str,
        small_app: str | None = None,
        toucan_conn_id: str = "toucan_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation_id = operation_id
        self.small_app = small_app
        self.toucan_conn_id = toucan_conn_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(operation_id=self.operation_id, toucan_conn_id=self.toucan_conn_id)

    def make_hook(self) -> ToucanHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.toucan import ToucanHook

        return ToucanHook(self.toucan_conn_id)

    def look(self, api: ToucanApi) -> Exchange[RunSnapshot]:
        """Return the exchange that tells of the operation."""
        return self.make_trigger(api, 0.0).watch(api).look(self.operation_id)

    def make_trigger(self, api: ToucanApi, deadline: float) -> ToucanOperationTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger

        return ToucanOperationTrigger(
            conn_id=self.toucan_conn_id,
            run_id=self.operation_id,
            small_app=api.small_app(self.small_app),
            deadline=deadline,
            poll_interval=self.poke_interval,
        )

    def url(self, run_id: str) -> str:
        """Return where a person can look at the small app."""
        api = self.make_hook().api
        return api.app_url(api.small_app(self.small_app), None, run_id)
