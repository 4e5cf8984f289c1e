"""The Quantemplate sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_one, require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.sensors.base import RunSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi
    from airflow_provider_dataops.triggers.base import DataOpsTrigger
    from airflow_provider_dataops.triggers.quantemplate import (
        QuantemplateExecutionTrigger,
        QuantemplateNextExecutionTrigger,
    )


class QuantemplateExecutionSensor(RunSensor):
    """Waits for the end of an execution: a certain one, or the next after a run number, whoever starts it.

    Returns the execution as
    :class:`~airflow_provider_dataops.operators.quantemplate.QuantemplateExecutePipelineOperator` does, and
    fails if it failed or was cancelled.

    :param pipeline_id: the pipeline, ``p-…``.
    :param execution_id: the execution, ``e-…``.
    :param after_run_number: the first execution with a higher run number instead.
    :param organisation_id: the organisation, ``c-…``; the connection's by default.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "pipeline_id",
        "execution_id",
        "after_run_number",
        "organisation_id",
        "quantemplate_conn_id",
    )
    ui_color = "#d6e8e4"
    platform: ClassVar[str] = "Quantemplate"
    noun: ClassVar[str] = "execution"

    def __init__(
        self,
        *,
        pipeline_id: str,
        execution_id: str | None = None,
        after_run_number: int | str | None = None,
        organisation_id: str | None = None,
        quantemplate_conn_id: str = "quantemplate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self.execution_id = execution_id
        self.after_run_number = after_run_number
        self.organisation_id = organisation_id
        self.quantemplate_conn_id = quantemplate_conn_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(pipeline_id=self.pipeline_id, quantemplate_conn_id=self.quantemplate_conn_id)
        require_one(execution_id=self.execution_id, after_run_number=self.after_run_number)
        if not self.execution_id:
            self._after()

    def _after(self) -> int:
        # A template renders to text.
        told = self.after_run_number
        if isinstance(told, bool) or not str(told).strip().isdecimal():
            raise InvalidArgumentError(f"after_run_number must be a whole number from 0; given: {told!r}")
        return int(str(told))

    def make_hook(self) -> QuantemplateHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook

        return QuantemplateHook(self.quantemplate_conn_id)

    def question(self, api: QuantemplateApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the end of the next execution."""
        return self._next(api, 0.0).question(api)

    def look(self, api: QuantemplateApi) -> Exchange[RunSnapshot]:
        """Return the exchange that tells of the execution."""
        run_id = str(self.execution_id)
        return self._one(api, run_id, 0.0).watch(api).look(run_id)

    def asked(self, hook: DataOpsHook[Any]) -> Mapping[str, Any] | None:
        """Return the execution once it has ended."""
        return super().asked(hook) if self.execution_id else super(RunSensor, self).asked(hook)

    def make_trigger(self, api: QuantemplateApi, deadline: float) -> DataOpsTrigger:
        """Return the trigger that waits."""
        if self.execution_id:
            return self._one(api, self.execution_id, deadline)
        return self._next(api, deadline)

    def _one(self, api: QuantemplateApi, run_id: str, deadline: float) -> QuantemplateExecutionTrigger:
        from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionTrigger

        return QuantemplateExecutionTrigger(
            conn_id=self.quantemplate_conn_id,
            organisation_id=api.organisation(self.organisation_id),
            pipeline_id=self.pipeline_id,
            run_id=run_id,
            deadline=deadline,
            poll_interval=self.poke_interval,
        )

    def _next(self, api: QuantemplateApi, deadline: float) -> QuantemplateNextExecutionTrigger:
        from airflow_provider_dataops.triggers.quantemplate import QuantemplateNextExecutionTrigger

        return QuantemplateNextExecutionTrigger(
            conn_id=self.quantemplate_conn_id,
            organisation_id=api.organisation(self.organisation_id),
            pipeline_id=self.pipeline_id,
            after_run_number=self._after(),
            deadline=deadline,
            poke_interval=self.poke_interval,
        )

    def answer(self, event: object) -> Mapping[str, Any]:
        """Return the execution at its end."""
        if self.execution_id:
            return super().answer(event)
        return super(RunSensor, self).answer(event)

    def url(self, run_id: str) -> str:
        """Return where a person can look at the execution."""
        api = self.make_hook().api
        return api.execution_url(api.organisation(self.organisation_id), self.pipeline_id, run_id)
