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
from airflow_provider_dataops.platforms.tailer.arguments import (
    check_configuration_status,
    check_launchable,
    check_settable,
    day,
)
from airflow_provider_dataops.tasks.tailer import TailerRunTask, TailerTask

if TYPE_CHECKING:
    from datetime import date

    from airflow.sdk import Context

    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.tailer import TailerHook
    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.runs import TailerJobLaunch


class TailerLaunchJobOperator(TailerRunTask, RunOperator):
    """Launches a job of a Tables to Tables or Table to Storage configuration, and waits for its run's end.

    Returns the run: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``status``,
    ``account``, ``environment``, ``configuration_type``, ``configuration_id``, ``job_id``,
    ``last_update_date`` and ``duration``. The API cannot stop a run: where the wait ends before it, the log
    names the run and says that it goes on. Where Airflow launches a configuration, set its own
    ``schedule_interval`` to ``"None"``.

    :param configuration_id: as deployed. Tables to Tables configurations are deployed under their id, ``_``
        and the environment, unless they have a context; an id without that ending is sent as it is, with a
        warning.
    :param configuration_type: ``table-to-table`` (``gbq-to-gbq`` is the same) or ``table-to-storage``.
    :param account: six digits as text, with their leading zeros; the connection's by default.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; the connection's by default.
    :param logical_date: the day that the job works for: a date, a datetime (with an offset: its day in UTC)
        or ISO 8601, ``{{ ds }}`` for instance. It is sent as the API's ``execution_date``; without it the
        platform takes today in UTC.
    :param job_id: the job's id as Tailer Studio shows it. It is no template: ``{{FD_DATE}}`` in it is
        Tailer's own. Not needed for Tables to Tables; without one, runs of Table to Storage are found in the
        list of the configuration's last 100 runs.
    :param append_environment: end the id in ``_`` and the environment, if it does not yet. Not for
        configurations with a context.
    :param success_statuses: the statuses in which a run went well, for instance ``("SUCCESS", "CHECKED")``.
    :param failure_statuses: statuses that count as failures, beside ``FAILED``, ``NO_MATCH``, ``CHECKED`` and
        ``DEACTIVATED``. A status that is neither is taken as running.
    :param skip_deactivated: skip the task, instead of failing, where the configuration is disabled.
    :param tailer_conn_id: the Airflow connection.
    """

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
        """Validate the arguments."""
        super().check()
        require_still_set(self, self._set)
        check_launchable(self.configuration_type)
        day("logical_date", self.logical_date)

    def launch(self, api: TailerApi, context: Context) -> TailerJobLaunch:
        """Return the job to be launched."""
        return api.launch(
            self.configuration(api, append_environment=self.append_environment),
            execution_date=day("logical_date", self.logical_date),
            **self.run_options(),
        )

    def reason_to_skip(self, snapshot: RunSnapshot) -> str | None:
        """Skip the task for a configuration that is disabled, where the user asked for that."""
        if not self.skip_deactivated or snapshot.raw_state != "DEACTIVATED":
            return None
        return f"Tailer run {snapshot.run_id} did nothing: configuration {self.configuration_id} is disabled"


class _ConfigurationOperator(TailerTask, DataOpsOperator):
    """Does something to a configuration, and returns its id."""

    def act(self, context: Context) -> str:
        """Make the call."""
        self.call(self.make_hook())
        return self.configuration_id

    def call(self, hook: TailerHook) -> None:
        """Make the call, and log what was done."""
        raise NotImplementedError


class TailerSetRunStatusOperator(_ConfigurationOperator):
    """Gives a run another label, ``CHECKED`` after a repair for instance, and returns the configuration's id.

    It changes what is shown and does not stop a run. The documentation shows no answer; one that is blank is
    taken as OK.

    :param configuration_id: as deployed.
    :param run_id: the run.
    :param status: ``SUCCESS``, ``FAILED``, ``RUNNING``, ``NO_MATCH`` or ``CHECKED``.
    :param configuration_type: for instance ``storage-to-storage``.
    :param account: six digits as text; the connection's by default.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; the connection's by default.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields = (*TailerTask.template_fields, "run_id", "status")

    def __init__(self, *, run_id: str, status: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.status = status

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        require_text(run_id=self.run_id)
        check_settable(self.status)

    def call(self, hook: TailerHook) -> None:
        """Give the label."""
        hook.set_run_status(
            self.configuration_id,
            self.run_id,
            self.status,
            self.configuration_type,
            account=self.account,
            environment=self.environment,
        )
        self.log.info("Tailer run %s is labelled %s", self.run_id, self.status.upper())


class TailerResetWorkflowOperator(_ConfigurationOperator):
    """Deletes all triggered jobs of a workflow, so that it starts from scratch, and returns its id.

    The request is sent once. Where its answer is lost, the task fails, and a retry of the task resets again:
    what was triggered meanwhile is deleted, too. Give the task no retries where that matters.

    :param configuration_id: the workflow.
    :param account: six digits as text; the connection's by default.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; the connection's by default.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields = ("configuration_id", "account", "environment", "tailer_conn_id")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(configuration_type="workflow", **kwargs)

    def call(self, hook: TailerHook) -> None:
        """Reset the workflow."""
        hook.reset_workflow(self.configuration_id, account=self.account, environment=self.environment)
        self.log.info("Tailer workflow %s is reset", self.configuration_id)


class TailerSetConfigurationStatusOperator(_ConfigurationOperator):
    """Enables, disables or archives a configuration, and returns its id.

    Archive with care: the configuration and all its versions leave Tailer Studio, and only
    super-administrators can bring it back there. Whether enabling brings it back is not documented.

    :param configuration_id: as deployed.
    :param status: ``enabled``, ``disabled`` (it is not executed, whoever launches it) or ``archived``.
    :param configuration_type: for instance ``storage-to-storage``.
    :param account: six digits as text; the connection's by default.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; the connection's by default.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields = (*TailerTask.template_fields, "status")

    def __init__(self, *, status: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        check_configuration_status(self.status)

    def call(self, hook: TailerHook) -> None:
        """Set the status."""
        hook.set_configuration_status(
            self.configuration_id,
            self.status,
            self.configuration_type,
            account=self.account,
            environment=self.environment,
        )
        self.log.info("Tailer configuration %s is %s", self.configuration_id, self.status)
