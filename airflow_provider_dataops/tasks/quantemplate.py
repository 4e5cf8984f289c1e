"""The base classes of the Quantemplate operators and the sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.tasks.base import DataOpsTask

if TYPE_CHECKING:
    from collections.abc import Sequence


class QuantemplateTask(DataOpsTask):
    """A task that calls Quantemplate for one organisation.

    :param organisation_id: the organisation, ``c-…``; by default the organisation of the connection.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("organisation_id", "quantemplate_conn_id")
    ui_color = "#d6e8e4"
    conn_type = "quantemplate"
    platform = "Quantemplate"
    noun = "execution"

    def __init__(
        self,
        *,
        organisation_id: str | None = None,
        quantemplate_conn_id: str = "quantemplate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.organisation_id = organisation_id
        self.quantemplate_conn_id = quantemplate_conn_id


class QuantemplatePipelineTask(QuantemplateTask):
    """A task that works with one pipeline.

    :param pipeline_id: the pipeline, ``p-…``.
    """

    def __init__(self, *, pipeline_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id

    def check(self) -> None:
        """Check that there is a pipeline id."""
        super().check()
        require_text(pipeline_id=self.pipeline_id)
