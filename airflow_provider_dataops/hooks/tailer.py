"""The Tailer hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_dataops.hooks.base import DataOpsHook
from airflow_provider_dataops.platforms.tailer.api import TailerApi
from airflow_provider_dataops.platforms.tailer.arguments import LIST_LIMIT, day

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_dataops.platforms.tailer.model import Run, Scope


class TailerHook(DataOpsHook[TailerApi]):
    """Calls the Tailer Platform API.

    ``configuration_id`` and ``configuration_type`` identify a configuration. ``account`` is a string of six
    digits, with leading zeros. The defaults of ``account`` and ``environment`` come from the connection. A
    day is a date, a datetime, or an ISO 8601 string.

    :param tailer_conn_id: the Airflow connection, of type ``tailer``.
    """

    conn_name_attr = "tailer_conn_id"
    default_conn_name = "tailer_default"
    conn_type = "tailer"
    hook_name = "Tailer"

    api_class = TailerApi

    def __init__(self, tailer_conn_id: str = default_conn_name, **options: Any) -> None:
        super().__init__(tailer_conn_id, **options)

    # --- runs ------------------------------------------------------------------------------------------

    def launch_job(
        self,
        configuration_id: str,
        configuration_type: str = "table-to-table",
        *,
        logical_date: date | str | None = None,
        job_id: str | None = None,
        append_environment: bool = False,
        **scope: Unpack[Scope],
    ) -> str:
        """Launch a job and return the run's id.

        Each call starts another run. If the response is lost, check :meth:`get_last_status` before you
        call again.

        :param configuration_type: ``table-to-table`` or ``table-to-storage``.
        :param logical_date: the day whose data the job processes; today in UTC by default. The API calls this
            parameter ``execution_date``.
        :param job_id: the job's id. By default the request contains no job id.
        :param append_environment: append ``_`` and the environment to ``configuration_id``, unless the id
            already has this ending.
        """
        configuration = self.api.configuration(
            configuration_id, configuration_type, append_environment=append_environment, **scope
        )
        execution_date = day("logical_date", logical_date)
        return self.run(self.api.launch_job(configuration, execution_date=execution_date, job_id=job_id))

    def check_run_status(
        self,
        configuration_id: str,
        run_id: str,
        configuration_type: str = "table-to-table",
        *,
        job_id: str | None = None,
        **scope: Unpack[Scope],
    ) -> Run | None:
        """Return one run; ``None`` if Tailer does not list it. A new run is listed only after some seconds.

        :param job_id: the job's id. All configuration types except ``table-to-table`` need it. Tailer Studio
            shows it in a run's details, and :meth:`get_last_status` returns it.
        """
        configuration = self.api.configuration(configuration_id, configuration_type, **scope)
        return self.run(self.api.check_run_status(configuration, run_id, job_id))

    def get_last_status(
        self,
        configuration_id: str,
        configuration_type: str = "table-to-table",
        *,
        job_id: str | None = None,
        started_on: date | str | None = None,
        status: str | None = None,
        limit: int = LIST_LIMIT,
        **scope: Unpack[Scope],
    ) -> list[Run]:
        """Return the last runs of a configuration, newest first.

        :param started_on: only runs that started on this day. The API calls this parameter
            ``execution_date``, but the day is not the logical date of a launched job.
        :param status: only runs with this status, for instance ``SUCCESS``.
        :param limit: the largest number of runs to return.
        """
        configuration = self.api.configuration(configuration_id, configuration_type, **scope)
        return self.run(
            self.api.get_last_status(
                configuration, job_id=job_id, started_on=started_on, status=status, limit=limit
            )
        )

    def get_by_status(
        self,
        configuration_type: str,
        status: str | None = None,
        *,
        started_on: date | str | None = None,
        limit: int = LIST_LIMIT,
        **scope: Unpack[Scope],
    ) -> list[Run]:
        """Return runs of all configurations of a type in an account.

        The vendor's documentation shows no response to this request. The hook expects the same format as for
        :meth:`get_last_status`.

        :param status: only runs with this status, for instance ``RUNNING``.
        :param started_on: only runs that started on this day.
        :param limit: the largest number of runs to return.
        """
        filters: dict[str, Any] = {"started_on": started_on, "status": status, "limit": limit}
        runs: list[Run] = self.run(self.api.get_by_status(configuration_type, **scope, **filters))
        return runs

    def set_run_status(
        self,
        configuration_id: str,
        run_id: str,
        status: str,
        configuration_type: str = "table-to-table",
        **scope: Unpack[Scope],
    ) -> None:
        """Set the status that Tailer shows for a run, for instance ``CHECKED`` after a repair.

        This does not stop the run.

        :param status: ``SUCCESS``, ``FAILED``, ``RUNNING``, ``NO_MATCH`` or ``CHECKED``.
        """
        configuration = self.api.configuration(configuration_id, configuration_type, **scope)
        self.run(self.api.set_run_status(configuration, run_id=run_id, status=status))

    # --- configurations --------------------------------------------------------------------------------

    def reset_workflow(self, configuration_id: str, **scope: Unpack[Scope]) -> None:
        """Delete all triggered jobs of a workflow. Then the workflow starts from scratch.

        The request is sent once. If the response is lost, decide whether to call the method again. A second
        reset also deletes the jobs that were triggered after the first.
        """
        configuration = self.api.configuration(configuration_id, "workflow", **scope)
        self.run(self.api.reset_workflow(configuration))

    def set_configuration_status(
        self,
        configuration_id: str,
        status: str,
        configuration_type: str = "table-to-table",
        **scope: Unpack[Scope],
    ) -> None:
        """Enable, disable or archive a configuration.

        :param status: ``enabled``, ``disabled`` or ``archived``. Tailer does not execute a disabled
            configuration, even if it is launched. Tailer Studio does not show an archived one, and only
            super-administrators can restore it there. The vendor does not document whether ``enabled``
            restores it.
        """
        configuration = self.api.configuration(configuration_id, configuration_type, **scope)
        self.run(self.api.set_configuration_status(configuration, status))

    def enable_configuration(
        self,
        configuration_id: str,
        configuration_type: str = "table-to-table",
        **scope: Unpack[Scope],
    ) -> None:
        """Enable a configuration; see :meth:`set_configuration_status`."""
        self.set_configuration_status(configuration_id, "enabled", configuration_type, **scope)

    def disable_configuration(
        self,
        configuration_id: str,
        configuration_type: str = "table-to-table",
        **scope: Unpack[Scope],
    ) -> None:
        """Disable a configuration; see :meth:`set_configuration_status`."""
        self.set_configuration_status(configuration_id, "disabled", configuration_type, **scope)

    def archive_configuration(
        self,
        configuration_id: str,
        configuration_type: str = "table-to-table",
        **scope: Unpack[Scope],
    ) -> None:
        """Archive a configuration. Use this with care; see :meth:`set_configuration_status`."""
        self.set_configuration_status(configuration_id, "archived", configuration_type, **scope)
