"""The Tailer triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Watch
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.hooks.tailer import TailerHook
    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.model import Configuration


def _hook_class() -> type[TailerHook]:
    from airflow_provider_dataops.hooks.tailer import TailerHook

    return TailerHook


class TailerRunTrigger(RunTrigger):
    """Waits for the end of one run; one list a configuration answers for all who wait.

    :param account: six digits.
    :param environment: the configuration's.
    :param configuration_type: for instance ``table-to-table``.
    :param configuration_id: as deployed.
    :param success_statuses: which statuses count as success.
    :param failure_statuses: which count as failures beside the known ones.
    :param job_id: needed for most types to ask about the run alone; without it the list has to do.
    """

    account: str
    environment: str
    configuration_type: str
    configuration_id: str
    success_statuses: list[str]
    failure_statuses: list[str]
    job_id: str | None = None

    def hook_class(self) -> type[TailerHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        _require_identity(self)
        if self.job_id is not None:
            require_text(job_id=self.job_id)

    def watch(self, api: Any) -> Watch:
        """Return how the configuration is asked."""
        from airflow_provider_dataops.platforms.tailer.model import Outcomes
        from airflow_provider_dataops.platforms.tailer.runs import RunWatch

        return RunWatch(
            api=api,
            configuration=_configuration(self),
            job_id=self.job_id,
            outcomes=Outcomes.of(self.success_statuses, self.failure_statuses),
        )

    def url(self, api: TailerApi) -> str:
        """Return the link to the run."""
        return api.run_url(_configuration(self), self.run_id)


class TailerLastStatusTrigger(ConditionTrigger):
    """Waits until a configuration has a run in a certain status.

    :param account: six digits.
    :param environment: the configuration's.
    :param configuration_type: for instance ``storage-to-storage``.
    :param configuration_id: as deployed.
    :param status: the status, upper-case.
    :param started_on: the day on which the run started, ``YYYY-MM-DD``; any day if absent.
    """

    account: str
    environment: str
    configuration_type: str
    configuration_id: str
    status: str
    started_on: str | None = None

    def hook_class(self) -> type[TailerHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        _require_identity(self)
        require_text(status=self.status)
        if self.started_on is not None:
            require_text(started_on=self.started_on)

    def question(self, api: TailerApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the newest such run."""
        configuration = _configuration(self)
        # Not only the newest: an answer may hold runs of other configurations.
        runs = yield from api.get_last_status(configuration, started_on=self.started_on, status=self.status)
        found = (run for run in runs if run.status == self.status and configuration.owns(run))
        run = next(found, None)
        return None if run is None else run.snapshot().as_json()


def _require_identity(trigger: TailerRunTrigger | TailerLastStatusTrigger) -> None:
    require_text(
        account=trigger.account,
        environment=trigger.environment,
        configuration_type=trigger.configuration_type,
        configuration_id=trigger.configuration_id,
    )


def _configuration(trigger: TailerRunTrigger | TailerLastStatusTrigger) -> Configuration:
    from airflow_provider_dataops.platforms.tailer.model import Configuration

    return Configuration(
        account=trigger.account,
        environment=trigger.environment,
        configuration_type=trigger.configuration_type,
        configuration_id=trigger.configuration_id,
    )
