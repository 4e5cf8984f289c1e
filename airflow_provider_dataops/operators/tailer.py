"""The Tailer operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import (
    require_boolean,
    require_still_set,
    require_text,
    set_arguments,
)
from airflow_provider_dataops.links.tailer import TailerRunLink
from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator
from airflow_provider_dataops.platforms.tailer import results
from airflow_provider_dataops.platforms.tailer.arguments import (
    check_configuration_status,
    check_launchable,
    check_settable,
    day,
)
from airflow_provider_dataops.platforms.tailer.lineage import lineage_of_run
from airflow_provider_dataops.tasks.tailer import TailerRunTask, TailerTask

if TYPE_CHECKING:
    from datetime import date

    from airflow.sdk import Context

    from airflow_provider_dataops.core.lineage import Lineage
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.tailer import TailerHook
    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.runs import TailerJobLaunch


class TailerLaunchJobOperator(TailerRunTask, RunOperator):
    """Launches a job of a Tables to Tables or Table to Storage configuration, and waits for its run to end.

    Returns the run: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``status``,
    ``account``, ``environment``, ``configuration_type``, ``configuration_id``, ``job_id``,
    ``last_update_date`` and ``duration``. The API cannot stop a run: if the task ends first, the log says
    that the run keeps running. If Airflow launches a configuration, set that configuration's own
    ``schedule_interval`` to ``"None"``. Otherwise Tailer may launch it, too.

    :param configuration_id: the id under which the configuration is deployed. Tailer appends ``_`` and the
        environment to the ids of Tables to Tables configurations that have no context. If the id lacks this
        suffix, the operator sends it unchanged and logs a warning.
    :param configuration_type: ``table-to-table`` (``gbq-to-gbq`` means the same) or ``table-to-storage``.
    :param account: a string of six digits, with leading zeros; by default the account of the connection.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; by default the environment of the
        connection.
    :param logical_date: the day whose data the job processes: a date, a datetime, or an ISO 8601 string such
        as ``{{ ds }}``. A time with an offset is converted to its day in UTC. The API calls it
        ``execution_date``. By default the platform uses today's date in UTC.
    :param job_id: the job's id as Tailer Studio shows it. Airflow does not render the id, because Tailer has
        its own placeholders such as ``{{FD_DATE}}``. Tables to Tables does not need it. Without it, the
        operator looks for a Table to Storage run in the list of the configuration's last 100 runs.
    :param append_environment: append ``_`` and the environment to the configuration's id, unless the id
        already has this ending. Do not set it for configurations with a context.
    :param success_statuses: the statuses that count as success, for instance ``("SUCCESS", "CHECKED")``.
    :param failure_statuses: statuses that count as failures, in addition to ``FAILED``, ``NO_MATCH``,
        ``CHECKED`` and ``DEACTIVATED``. A run whose status counts neither as success nor as failure is still
        running.
    :param skip_deactivated: skip the task instead of failing it if the configuration is disabled.
    :param tailer_conn_id: the Airflow connection.
    """

    output_keys = ("run_id",)
    result_keys = results.RUN
    template_fields = (*TailerTask.template_fields, "logical_date")
    operator_extra_links = (TailerRunLink(),)

    def __init__(
        self,
        *,
        logical_date: date | str | None = None,
        append_environment: bool = False,
        skip_deactivated: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.logical_date = logical_date
        self.append_environment = require_boolean("append_environment", append_environment)
        self.skip_deactivated = require_boolean("skip_deactivated", skip_deactivated)
        self._set = set_arguments(self, "logical_date", "account", "environment")

    def check(self) -> None:
        """Check that the type can be launched, the day is valid, and no template rendered to ``None``."""
        super().check()
        require_still_set(self, self._set)
        check_launchable(self.configuration_type)
        day("logical_date", self.logical_date)

    def launch(self, api: TailerApi, context: Context) -> TailerJobLaunch:
        """Return the launch, which describes how to start the job. This sends no request."""
        return api.launch(
            self.configuration(api, append_environment=self.append_environment),
            execution_date=day("logical_date", self.logical_date),
            **self.run_options(),
        )

    def lineage_of(self, namespace: str, snapshot: RunSnapshot) -> Lineage:
        """Return the configuration of the run."""
        return lineage_of_run(namespace, snapshot.details)

    def reason_to_skip(self, snapshot: RunSnapshot) -> str | None:
        """If the configuration is disabled and ``skip_deactivated`` is set, return the reason to skip."""
        if not self.skip_deactivated or snapshot.raw_state != "DEACTIVATED":
            return None
        return f"Tailer run {snapshot.run_id} did nothing: configuration {self.configuration_id} is disabled"


class _ConfigurationOperator(TailerTask, DataOpsOperator):
    """Sends one request about a configuration, and returns the configuration's id."""

    def act(self, context: Context) -> str:
        """Send the request."""
        self.call(self.make_hook())
        return self.configuration_id

    def call(self, hook: TailerHook) -> None:
        """Send the request, and log the change."""
        raise NotImplementedError


class TailerSetRunStatusOperator(_ConfigurationOperator):
    """Sets the status that Tailer shows for a run, and returns the configuration's id.

    For instance, set ``CHECKED`` after a repair. This does not stop a run. The vendor's documentation
    shows no response, so an empty response counts as success.

    :param configuration_id: the id under which the configuration is deployed.
    :param run_id: the id of the run.
    :param status: ``SUCCESS``, ``FAILED``, ``RUNNING``, ``NO_MATCH`` or ``CHECKED``.
    :param configuration_type: for instance ``storage-to-storage``.
    :param account: a string of six digits; by default the account of the connection.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; by default the environment of the
        connection.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields = (*TailerTask.template_fields, "run_id", "status")

    def __init__(self, *, run_id: str, status: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.status = status

    def check(self) -> None:
        """Check that there is a run id, and that a user may set this status."""
        super().check()
        require_text(run_id=self.run_id)
        check_settable(self.status)

    def call(self, hook: TailerHook) -> None:
        """Set the run's status."""
        hook.set_run_status(
            self.configuration_id,
            self.run_id,
            self.status,
            self.configuration_type,
            account=self.account,
            environment=self.environment,
        )
        self.log.info("Set the status of Tailer run %s to %s", self.run_id, self.status.upper())


class TailerResetWorkflowOperator(_ConfigurationOperator):
    """Deletes all triggered jobs of a workflow, which then starts from scratch. Returns the workflow's id.

    The request is sent once. If its response is lost, the task fails, and a retry resets the workflow again.
    The second reset also deletes the jobs that were triggered after the first. To prevent this, set
    ``retries=0``.

    :param configuration_id: the id of the workflow.
    :param account: a string of six digits; by default the account of the connection.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; by default the environment of the
        connection.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields = ("configuration_id", "account", "environment", "tailer_conn_id")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(configuration_type="workflow", **kwargs)

    def call(self, hook: TailerHook) -> None:
        """Reset the workflow."""
        hook.reset_workflow(self.configuration_id, account=self.account, environment=self.environment)
        self.log.info("Reset Tailer workflow %s", self.configuration_id)


class TailerSetConfigurationStatusOperator(_ConfigurationOperator):
    """Enables, disables or archives a configuration, and returns its id.

    Archive with care. Tailer Studio does not show an archived configuration or its versions. Only
    super-administrators can restore it there. The vendor does not document whether ``enabled`` restores it.

    :param configuration_id: the id under which the configuration is deployed.
    :param status: ``enabled``, ``disabled`` or ``archived``. Tailer does not execute a disabled
        configuration, even if it is launched.
    :param configuration_type: for instance ``storage-to-storage``.
    :param account: a string of six digits; by default the account of the connection.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; by default the environment of the
        connection.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields = (*TailerTask.template_fields, "status")

    def __init__(self, *, status: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def check(self) -> None:
        """Check that a configuration can have this status."""
        super().check()
        check_configuration_status(self.status)

    def call(self, hook: TailerHook) -> None:
        """Set the configuration's status."""
        hook.set_configuration_status(
            self.configuration_id,
            self.status,
            self.configuration_type,
            account=self.account,
            environment=self.environment,
        )
        self.log.info("Set the status of Tailer configuration %s to %s", self.configuration_id, self.status)
