"""The base classes of the Tailer operators and sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text, require_text_if_set
from airflow_provider_dataops.platforms.tailer.arguments import (
    check_scope,
    require_outcomes,
)
from airflow_provider_dataops.tasks.base import DataOpsTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.model import Configuration


class TailerTask(DataOpsTask):
    """A task that works with one configuration.

    :param configuration_id: the id under which the configuration is deployed.
    :param configuration_type: for instance ``storage-to-storage``.
    :param account: a string of six digits, with leading zeros; by default the account of the connection.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; by default the environment of the
        connection.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "configuration_id",
        "configuration_type",
        "account",
        "environment",
        "tailer_conn_id",
    )
    ui_color = "#f3e3d3"
    conn_type = "tailer"
    platform = "Tailer"

    def __init__(
        self,
        *,
        configuration_id: str,
        configuration_type: str = "table-to-table",
        account: str | None = None,
        environment: str | None = None,
        tailer_conn_id: str = "tailer_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.configuration_id = configuration_id
        self.configuration_type = configuration_type
        self.account = account
        self.environment = environment
        self.tailer_conn_id = tailer_conn_id

    def check(self) -> None:
        """Check the configuration's id and type, the account and the environment."""
        super().check()
        require_text(configuration_id=self.configuration_id, configuration_type=self.configuration_type)
        check_scope(self.account, self.environment)

    def configuration(self, api: TailerApi, **options: bool) -> Configuration:
        """Return the task's configuration. By default, account and environment come from the connection."""
        return api.configuration(
            self.configuration_id,
            self.configuration_type,
            account=self.account,
            environment=self.environment,
            **options,
        )


class TailerRunTask(TailerTask):
    """A task that waits for one run.

    :param job_id: the job's id as Tailer Studio shows it. Airflow does not render the id, because Tailer has
        its own placeholders such as ``{{FD_DATE}}``.
    :param success_statuses: the statuses that count as success.
    :param failure_statuses: statuses that count as failures, in addition to the statuses that always count
        as failures.
    """

    def __init__(
        self,
        *,
        job_id: str | None = None,
        success_statuses: Sequence[str] = ("SUCCESS",),
        failure_statuses: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.success_statuses = success_statuses
        self.failure_statuses = failure_statuses

    def check(self) -> None:
        """Check the job id and the statuses."""
        super().check()
        require_text_if_set(job_id=self.job_id)
        require_outcomes(self.success_statuses, self.failure_statuses)

    def run_options(self) -> dict[str, Any]:
        """Return the arguments that say how to find the run and what its statuses mean."""
        return {
            "job_id": self.job_id,
            "success_statuses": self.success_statuses,
            "failure_statuses": self.failure_statuses,
        }
