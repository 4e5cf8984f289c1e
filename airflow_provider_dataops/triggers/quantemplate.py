"""The Quantemplate triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Watch
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


def _hook_class() -> type[QuantemplateHook]:
    from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook

    return QuantemplateHook


class QuantemplateExecutionTrigger(RunTrigger):
    """Waits for the end of one execution; one list a pipeline answers for all who wait.

    :param organisation_id: whose pipeline it is.
    :param pipeline_id: the pipeline.
    """

    organisation_id: str
    pipeline_id: str

    noun: ClassVar[str] = "execution"

    def hook_class(self) -> type[QuantemplateHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(organisation_id=self.organisation_id, pipeline_id=self.pipeline_id)

    def watch(self, api: Any) -> Watch:
        """Return how the pipeline is asked."""
        from airflow_provider_dataops.platforms.quantemplate.runs import ExecutionWatch

        return ExecutionWatch(api=api, organisation_id=self.organisation_id, pipeline_id=self.pipeline_id)

    def url(self, api: QuantemplateApi) -> str:
        """Return the link to the execution."""
        return api.execution_url(self.organisation_id, self.pipeline_id, self.run_id)


class QuantemplateNextExecutionTrigger(ConditionTrigger):
    """Waits for the end of the first execution after a run number, whoever started it.

    :param organisation_id: whose pipeline it is.
    :param pipeline_id: the pipeline.
    :param after_run_number: the execution's run number is higher than this.
    """

    organisation_id: str
    pipeline_id: str
    after_run_number: int

    def hook_class(self) -> type[QuantemplateHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(organisation_id=self.organisation_id, pipeline_id=self.pipeline_id)
        require_whole(after_run_number=self.after_run_number)

    def question(self, api: QuantemplateApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the execution's end."""
        found = yield from api.next_execution(self.organisation_id, self.pipeline_id, self.after_run_number)
        if found is None or not found.state.is_final:
            return None
        return found.snapshot(self.pipeline_id, self.organisation_id).as_json()
