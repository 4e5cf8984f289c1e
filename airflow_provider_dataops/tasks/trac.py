"""What the TRAC operators and sensors share."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.tasks.base import DataOpsTask


class TracTask(DataOpsTask):
    """A task that talks to a gateway.

    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    ui_color = "#e9e1f2"
    conn_type = "trac"
    platform = "TRAC"
    noun = "job"

    def __init__(
        self, *, tenant: str | None = None, trac_conn_id: str = "trac_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.trac_conn_id = trac_conn_id

    def call_arguments(self, *names: str) -> dict[str, Any]:
        """Return the tenant and further arguments of the task, by name, for a call that has the same ones."""
        return {name: getattr(self, name) for name in (*names, "tenant")}
