"""The Quantemplate sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_one, whole_number
from airflow_provider_dataops.links.quantemplate import QuantemplateExecutionLink
from airflow_provider_dataops.platforms.quantemplate import results
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.quantemplate import QuantemplatePipelineTask

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi
    from airflow_provider_dataops.platforms.quantemplate.runs import (
        QuantemplateExecutionWatch,
        QuantemplateNextExecutionWatch,
    )


class QuantemplateExecutionSensor(QuantemplatePipelineTask, DataOpsSensor):
    """Waits for the end of a given execution, or of the first execution after a given run number.

    The sensor does not start an execution. It returns the execution as
    :class:`~airflow_provider_dataops.operators.quantemplate.QuantemplateExecutePipelineOperator` does. The
    sensor fails if the execution failed or was cancelled.

    :param pipeline_id: the pipeline, ``p-…``.
    :param execution_id: the execution, ``e-…``.
    :param after_run_number: instead of ``execution_id``: wait for the first execution whose run number is
        higher than this number.
    :param organisation_id: the organisation, ``c-…``; by default the organisation of the connection.
    :param quantemplate_conn_id: the Airflow connection.
    """

    operator_extra_links = (QuantemplateExecutionLink(),)
    output_keys = ("execution_id",)
    result_keys = results.EXECUTION
    template_fields = (
        "pipeline_id",
        "execution_id",
        "after_run_number",
        *QuantemplatePipelineTask.template_fields,
    )

    def __init__(
        self, *, execution_id: str | None = None, after_run_number: int | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.execution_id = execution_id
        self.after_run_number = after_run_number

    def check(self) -> None:
        """Check that exactly one of ``execution_id`` and ``after_run_number`` is given, and is valid."""
        super().check()
        require_one(execution_id=self.execution_id, after_run_number=self.after_run_number)
        if not self.execution_id:
            whole_number("after_run_number", self.after_run_number)

    def watch(self, api: QuantemplateApi) -> QuantemplateExecutionWatch | QuantemplateNextExecutionWatch:
        """Return the watch, which describes the execution to wait for."""
        if self.execution_id:
            return api.watch_execution(self.pipeline_id, self.execution_id, self.organisation_id)
        after = whole_number("after_run_number", self.after_run_number)
        return api.watch_next_execution(self.pipeline_id, after, self.organisation_id)
