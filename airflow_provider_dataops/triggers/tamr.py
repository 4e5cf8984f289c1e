"""The Tamr Cloud triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_one_text
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger, require_time

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Watch
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.hooks.tamr import TamrHook
    from airflow_provider_dataops.platforms.tamr.api import TamrApi


def _hook_class() -> type[TamrHook]:
    from airflow_provider_dataops.hooks.tamr import TamrHook

    return TamrHook


class TamrJobTrigger(RunTrigger):
    """Waits for the end of one job; one list of the tenant's open jobs answers for all who wait.

    :param cancel_on_kill: stop the job when a user ends the task.
    """

    cancel_on_kill: bool = True

    noun: ClassVar[str] = "job"

    def hook_class(self) -> type[TamrHook]:
        """Return the hook's class."""
        return _hook_class()

    def watch(self, api: Any) -> Watch:
        """Return how the tenant is asked."""
        from airflow_provider_dataops.platforms.tamr.runs import JobWatch

        return JobWatch(api=api)

    def url(self, api: TamrApi) -> str:
        """Return the link to the job."""
        return api.job_url(self.run_id)

    def stop(self, api: TamrApi) -> Exchange[None] | None:
        """Return the exchange that stops this trigger's own job."""
        return api.stop_job(self.run_id) if self.cancel_on_kill is True else None


class TamrResourceIdleTrigger(ConditionTrigger):
    """Waits until no job on a resource is active."""

    source_id: str | None = None
    data_product_id: str | None = None

    def hook_class(self) -> type[TamrHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_one_text(source_id=self.source_id, data_product_id=self.data_product_id)

    def question(self, api: TamrApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the resource's open jobs."""
        resource = {"source_id": self.source_id, "data_product_id": self.data_product_id}
        jobs = yield from api.open_jobs(resource)
        return None if jobs else {}


class TamrJobSucceededTrigger(ConditionTrigger):
    """Waits for a job on a resource that was created at or after a time and succeeded.

    :param since: seconds since the epoch.
    """

    since: float
    source_id: str | None = None
    data_product_id: str | None = None
    workflow_id: str | None = None
    destination_id: str | None = None

    def hook_class(self) -> type[TamrHook]:
        """Return the hook's class."""
        return _hook_class()

    def _resource(self) -> dict[str, str | None]:
        return {
            "source_id": self.source_id,
            "data_product_id": self.data_product_id,
            "workflow_id": self.workflow_id,
            "destination_id": self.destination_id,
        }

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_one_text(**self._resource())
        require_time(since=self.since)

    def question(self, api: TamrApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the newest such job."""
        job = yield from api.succeeded_since(self._resource(), self.since)
        return None if job is None else job.snapshot().as_json()
