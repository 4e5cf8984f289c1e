"""The base class of the TRAC operators and sensors."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow_provider_dataops.tasks.base import DataOpsTask


class TracTask(DataOpsTask):
    """A task that calls TRAC's gateway for one tenant.

    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    ui_color = "#e9e1f2"
    conn_type = "trac"
    platform = "TRAC"
    noun = "job"
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "attrs",
            "create_objects",
            "definition",
            "inputs",
            "job",
            "job_attrs",
            "model_attrs",
            "models",
            "output_attrs",
            "parameters",
            "prior_outputs",
            "schema",
            "search",
            "tag_updates",
            "update_objects",
            "update_tags",
        ),
        "json",
    )

    def __init__(
        self, *, tenant: str | None = None, trac_conn_id: str = "trac_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.trac_conn_id = trac_conn_id

    def call_arguments(self, *names: str) -> dict[str, Any]:
        """Return the tenant and the named arguments of the task, as keyword arguments for a hook method."""
        return {name: getattr(self, name) for name in (*names, "tenant")}
