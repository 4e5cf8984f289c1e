"""The Tailer sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_still_set, require_text, set_arguments
from airflow_provider_dataops.links.tailer import TailerRunLink
from airflow_provider_dataops.platforms.tailer import results
from airflow_provider_dataops.platforms.tailer.arguments import day
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.tailer import TailerRunTask, TailerTask

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.runs import TailerLastStatusWatch, TailerRunWatch


class TailerRunSensor(TailerRunTask, DataOpsSensor):
    """Waits for the end of a run that something else started.

    Returns the run as :class:`~airflow_provider_dataops.operators.tailer.TailerLaunchJobOperator` does. The
    sensor fails if the run did not succeed.

    :param run_id: the id of the run.
    :param configuration_id: the id under which the configuration is deployed.
    :param configuration_type: for instance ``storage-to-storage``.
    :param job_id: the job's id as Tailer Studio shows it. Airflow does not render the id, because Tailer has
        its own placeholders such as ``{{FD_DATE}}``. Runs of Tables to Tables do not need it. For a run
        of another type without ``job_id``, the sensor searches the configuration's last 100 runs.
    :param success_statuses: the statuses that count as success, for instance ``("SUCCESS", "NO_MATCH")``.
    :param failure_statuses: statuses that count as failures, in addition to ``FAILED``, ``NO_MATCH``,
        ``CHECKED`` and ``DEACTIVATED``. With any other status, the run counts as running.
    :param account: a string of six digits; by default the account of the connection.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; by default the environment of the
        connection.
    :param tailer_conn_id: the Airflow connection.
    """

    operator_extra_links = (TailerRunLink(),)
    output_keys = ("run_id",)
    result_keys = results.RUN
    template_fields = (*TailerTask.template_fields, "run_id")

    def __init__(self, *, run_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id

    def check(self) -> None:
        """Check that there is a run id."""
        super().check()
        require_text(run_id=self.run_id)

    def watch(self, api: TailerApi) -> TailerRunWatch:
        """Return the watch, which describes the run to wait for."""
        return api.watch_run(self.configuration(api), self.run_id, **self.run_options())


class TailerLastStatusSensor(TailerTask, DataOpsSensor):
    """Waits until a configuration has a run with a given status. Tailer itself may have started the run.

    Returns the newest run with this status, as
    :class:`~airflow_provider_dataops.operators.tailer.TailerLaunchJobOperator` does. The sensor
    ignores runs with other statuses: a failed run does not end the wait.

    :param configuration_id: the id under which the configuration is deployed.
    :param configuration_type: for instance ``storage-to-storage``.
    :param status: the status to wait for, in upper or lower case.
    :param started_on: the day on which the run started: a date, a datetime, or an ISO 8601 string such as
        ``{{ ds }}``. A time with an offset is converted to its day in UTC. The API calls this day
        ``execution_date``, but it is not the logical date of a launched job. By default, any day matches.
    :param account: a string of six digits; by default the account of the connection.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; by default the environment of the
        connection.
    :param tailer_conn_id: the Airflow connection.
    """

    operator_extra_links = (TailerRunLink(),)
    output_keys = ("run_id",)
    result_keys = results.RUN
    template_fields = (*TailerTask.template_fields, "status", "started_on")

    def __init__(
        self, *, status: str = "SUCCESS", started_on: date | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.status = status
        self.started_on = started_on
        self._set = set_arguments(self, "started_on")

    def check(self) -> None:
        """Check the status and the day, and that no template rendered to ``None``."""
        super().check()
        require_text(status=self.status)
        require_still_set(self, self._set)
        day("started_on", self.started_on)

    def watch(self, api: TailerApi) -> TailerLastStatusWatch:
        """Return the watch, which describes the condition to wait for."""
        return api.watch_last_status(self.configuration(api), self.status, self.started_on)
