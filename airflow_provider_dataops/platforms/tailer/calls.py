"""The calls of the Tailer Platform API: launch jobs, ask for runs, set statuses."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.arguments import require_text
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
    require_text_if_set,
)
from airflow_provider_dataops.platforms.tailer.model import (
    Configuration,
    Run,
    read_all_runs,
    read_launched,
    read_ok,
    read_runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.listing import Listed

T = TypeVar("T")
log = logging.getLogger(__name__)

API_PATH = "/v1"
#: The path of each action, and whether a repeat of it does no harm.
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
    """What the API can do.

    :ivar account: the default account.
    :ivar environment: the default environment.
    """

    platform = "Tailer"
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
        """Return a data operation; account and environment are the connection's, unless they are given.

        :param append_environment: end the id in ``_`` and the environment, if it does not yet.
        :raises InvalidArgumentError: naming the argument, its value and what is allowed.
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
        """Return account and environment, or the connection's.

        :raises InvalidArgumentError: if there is neither, or they cannot be what they should.
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
        """Launch a job and return the run's id. Never repeated by itself: each call makes another run.

        :param execution_date: the logical date that the job works for, ``YYYY-MM-DD``; without it, today in
            UTC.
        """
        check_launchable(configuration.configuration_type)
        require_text_if_set(job_id=job_id)
        name, environment = configuration.configuration_id, configuration.environment
        if configuration.configuration_type == "table-to-table" and not name.endswith(f"_{environment}"):
            log.warning(
                "The id %r does not end in _%s. Tables to Tables configurations are deployed under such an "
                "id, unless they have a context; append_environment=True appends it",
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
        """Return one run; ``None`` if there is no record of it, as in the first seconds after a launch.

        :param job_id: needed for most types.
        """
        require_text(run_id=run_id)
        require_text_if_set(job_id=job_id)
        job_id = job_id or configuration.job_id
        if job_id is None:
            raise InvalidArgumentError(
                f"job_id is needed for configuration_type {configuration.configuration_type!r}: it does not "
                "follow from the id. get_last_status returns it"
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
        """Return the last runs of a configuration, newest first, by the filters of :meth:`listed`."""
        runs, _ = yield from self.listed(configuration, **filters)
        return runs.whole()

    def listed(
        self, configuration: Configuration, *, job_id: str | None = None, **filters: Any
    ) -> Exchange[tuple[Listed[Run], float | None]]:
        """Return the last runs of a configuration, and the time at the server.

        :param filters: ``started_on``, ``status`` and ``limit``.
        """
        require_text_if_set(job_id=job_id)
        body = list_filters(**filters)
        return self._act(
            "get_last_status",
            f"get last status of {configuration.configuration_id}",
            asdict(configuration),
            lambda reply: (read_runs(reply, body["limit"]), reply.date),
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
        """Return runs of all configurations of a type in an account, by the filters of :meth:`listed`.

        :param parse: reads the response, which is not documented.
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
        """Give a run another label. It does not stop the run. A repeat gives it the same label again."""
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
        """Delete all triggered jobs of a workflow, so that it starts from scratch.

        Never repeated by itself: a repeat would also delete what was triggered since the first one was done.

        :raises InvalidArgumentError: if the configuration is none of a workflow.
        """
        if configuration.configuration_type != "workflow":
            raise InvalidArgumentError(
                f"only a workflow can be reset; given: {configuration.configuration_type!r}"
            )
        return self._act(
            "reset_workflow_status",
            f"reset workflow {configuration.configuration_id}",
            asdict(configuration),
            read_ok,
        )

    def set_configuration_status(self, configuration: Configuration, status: str) -> Exchange[None]:
        """Enable, disable or archive a configuration. A repeat does no more.

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
        """Return the exchange of one action.

        :param subject: account and environment, and the configuration unless all are meant.
        :param fields: what else the body holds; ``None`` is left out.
        """
        path, repeatable = _ACTIONS[action]
        url = f"{self.settings.base_url}{API_PATH}/{path}"
        body = json_body({"action": action, **subject, **present(fields)})
        return self.post(operation, url, body, parse, repeatable=repeatable)
