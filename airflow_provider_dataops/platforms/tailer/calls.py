"""The calls to the Tailer Platform API: launch jobs, read runs, set statuses."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.arguments import require_text, require_text_if_set
from airflow_provider_dataops.core.http import Exchange, Reply, json_body
from airflow_provider_dataops.core.json import present
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.tailer.arguments import (
    CONFIGURATION_STATUSES,
    canonical_type,
    check_configuration_status,
    check_launchable,
    check_scope,
    check_settable,
    list_filters,
)
from airflow_provider_dataops.platforms.tailer.lineage import NAMES
from airflow_provider_dataops.platforms.tailer.model import (
    Configuration,
    Run,
    read_all_runs,
    read_launched,
    read_ok,
    read_runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from airflow_provider_dataops.core.listing import Listed

T = TypeVar("T")
log = logging.getLogger(__name__)

API_PATH = "/v1"
#: The path of each action, and whether the action is idempotent.
_ACTIONS = {
    "launch_job": ("dag/launch", False),
    "check_run_status": ("dag/status", True),
    "get_last_status": ("dag/status", True),
    "get_by_status": ("dag/status", True),
    "set_run_status": ("dag/status", True),
    "reset_workflow_status": ("workflow/status", False),
    "set_configuration_status": ("configuration/status", True),
}


class TailerCalls(Api):
    """One method for each action of the API.

    :ivar account: the default account.
    :ivar environment: the default environment.
    """

    platform = "Tailer"
    names = NAMES
    account: str
    environment: str

    # --- arguments -------------------------------------------------------------------------------------

    def configuration(
        self,
        configuration_id: str,
        configuration_type: str,
        *,
        account: str | None = None,
        environment: str | None = None,
        append_environment: bool = False,
    ) -> Configuration:
        """Return a configuration. By default, account and environment come from the connection.

        :param append_environment: append ``_`` and the environment to an id that does not end with them.
        :raises InvalidArgumentError: with the argument's name, its value and what is allowed.
        """
        scope = self.scope(account, environment)
        require_text(configuration_id=configuration_id, configuration_type=configuration_type)
        if append_environment and not configuration_id.endswith(f"_{scope['environment']}"):
            configuration_id += f"_{scope['environment']}"
        return Configuration(
            **scope,
            configuration_type=canonical_type(configuration_type),
            configuration_id=configuration_id,
        )

    def scope(self, account: str | None, environment: str | None) -> dict[str, str]:
        """Return a dict of account and environment, with defaults from the connection.

        :raises InvalidArgumentError: if one of them is not valid, or is missing here and in the connection.
        """
        check_scope(account, environment)
        return {
            "account": self.text_or_default("account", account, self.account),
            "environment": self.text_or_default("environment", environment, self.environment),
        }

    # --- calls -----------------------------------------------------------------------------------------

    def launch_job(
        self, configuration: Configuration, *, execution_date: str | None = None, job_id: str | None = None
    ) -> Exchange[str]:
        """Launch a job, and return the run's id.

        A failed request is never repeated, because each request may start another run.

        :param execution_date: the logical date of the job, ``YYYY-MM-DD``; today in UTC by default.
        """
        check_launchable(configuration.configuration_type)
        require_text_if_set(job_id=job_id)
        name, environment = configuration.configuration_id, configuration.environment
        if configuration.configuration_type == "table-to-table" and not name.endswith(f"_{environment}"):
            log.warning(
                "configuration_id %r does not end in _%s. Tailer appends this ending to the ids of Tables to "
                "Tables configurations that have no context; set append_environment=True to append it here",
                name,
                environment,
            )
        return self._act(
            "launch_job",
            f"launch job {name}",
            asdict(configuration),
            read_launched,
            job_id=job_id,
            execution_date=execution_date,
        )

    def check_run_status(
        self, configuration: Configuration, run_id: str, job_id: str | None = None
    ) -> Exchange[Run | None]:
        """Return one run; ``None`` if Tailer does not list it.

        Tailer does not list a run in the first seconds after its launch.

        :param job_id: the job's id. All types except ``table-to-table`` need it.
        """
        require_text(run_id=run_id)
        require_text_if_set(job_id=job_id)
        job_id = job_id or configuration.job_id
        if job_id is None:
            raise InvalidArgumentError(
                f"job_id must be given for configuration_type {configuration.configuration_type!r}; "
                "get_last_status returns it"
            )
        runs = yield from self._act(
            "check_run_status",
            f"check run {run_id}",
            asdict(configuration),
            read_runs,
            job_id=job_id,
            run_id=run_id,
        )
        return runs.first(lambda run: run.run_id == run_id and configuration.owns(run))

    def get_last_status(self, configuration: Configuration, **filters: Any) -> Exchange[list[Run]]:
        """Return the last runs of a configuration, newest first.

        :param filters: as in :meth:`listed`.
        """
        runs, _ = yield from self.listed(configuration, **filters)
        return runs.whole()

    def listed(
        self,
        configuration: Configuration,
        *,
        job_id: str | None = None,
        wanted: Collection[str] | None = None,
        **filters: Any,
    ) -> Exchange[tuple[Listed[Run], float | None]]:
        """Return the last runs of a configuration, and the time of the response on the server's clock.

        :param wanted: the ids of the runs to return; by default all runs of the response.
        :param filters: ``started_on``, ``status`` and ``limit``.
        """
        require_text_if_set(job_id=job_id)
        body = list_filters(**filters)
        return self._act(
            "get_last_status",
            f"get last status of {configuration.configuration_id}",
            asdict(configuration),
            lambda reply: (read_runs(reply, body["limit"], wanted), reply.date),
            job_id=job_id,
            **body,
        )

    def get_by_status(
        self,
        configuration_type: str,
        *,
        account: str | None = None,
        environment: str | None = None,
        parse: Callable[[Reply], Any] = read_all_runs,
        **filters: Any,
    ) -> Exchange[Any]:
        """Return the runs of all configurations of a type in an account.

        :param parse: reads the response, whose format is not documented.
        :param filters: as in :meth:`listed`, without ``job_id``.
        """
        require_text(configuration_type=configuration_type)
        scope = self.scope(account, environment)
        return self._act(
            "get_by_status",
            f"get runs of {scope['account']} by status",
            scope,
            parse,
            configuration_type=canonical_type(configuration_type),
            **list_filters(**filters),
        )

    def set_run_status(self, configuration: Configuration, *, run_id: str, status: str) -> Exchange[None]:
        """Set the status that Tailer shows for a run. This does not stop the run. The call is idempotent."""
        require_text(run_id=run_id)
        check_settable(status)
        return self._act(
            "set_run_status",
            f"set status of run {run_id}",
            asdict(configuration),
            read_ok,
            run_id=run_id,
            status=status.upper(),
        )

    def reset_workflow(self, configuration: Configuration) -> Exchange[None]:
        """Delete all triggered jobs of a workflow, so that the workflow starts from scratch.

        The request is never repeated, because a second request would also delete the jobs that were
        triggered after the first request.

        :raises InvalidArgumentError: if the configuration is not a workflow.
        """
        if configuration.configuration_type != "workflow":
            raise InvalidArgumentError(
                f"configuration_type must be workflow; given: {configuration.configuration_type!r}"
            )
        return self._act(
            "reset_workflow_status",
            f"reset workflow {configuration.configuration_id}",
            asdict(configuration),
            read_ok,
        )

    def set_configuration_status(self, configuration: Configuration, status: str) -> Exchange[None]:
        """Enable, disable or archive a configuration. The call is idempotent.

        :param status: one of :data:`CONFIGURATION_STATUSES`.
        """
        check_configuration_status(status)
        return self._act(
            "set_configuration_status",
            f"set configuration {configuration.configuration_id} {status}",
            asdict(configuration),
            read_ok,
            **CONFIGURATION_STATUSES[status],
        )

    # --- requests --------------------------------------------------------------------------------------

    def _act(
        self,
        action: str,
        operation: str,
        subject: Mapping[str, str],
        parse: Callable[[Reply], T],
        **fields: Any,
    ) -> Exchange[T]:
        """Send the request of one action, and return what ``parse`` returns for the response.

        :param subject: account and environment; also the configuration, if the action needs a configuration.
        :param fields: further fields of the body. Fields that are ``None`` are left out.
        """
        path, repeatable = _ACTIONS[action]
        url = f"{self.settings.base_url}{API_PATH}/{path}"
        body = json_body({"action": action, **subject, **present(fields)})
        return self.post(operation, url, body, parse, repeatable=repeatable)
