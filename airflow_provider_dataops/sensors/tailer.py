"""The Tailer sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import given, require_given, require_text
from airflow_provider_dataops.operators.tailer import COLOR, check_scope
from airflow_provider_dataops.sensors.base import DataOpsSensor, RunSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.tailer import TailerHook
    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.model import Configuration
    from airflow_provider_dataops.triggers.tailer import TailerLastStatusTrigger, TailerRunTrigger


class _TailerSensor(DataOpsSensor):
    """What the Tailer sensors share."""

    ui_color = COLOR
    platform: ClassVar[str] = "Tailer"
    noun: ClassVar[str] = "run"

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
        """Refuse arguments that make no sense."""
        super().check()
        require_text(
            configuration_id=self.configuration_id,
            configuration_type=self.configuration_type,
            tailer_conn_id=self.tailer_conn_id,
        )
        check_scope(self.account, self.environment)

    def make_hook(self) -> TailerHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.tailer import TailerHook

        return TailerHook(self.tailer_conn_id)

    def configuration(self, api: TailerApi) -> Configuration:
        """Return the data operation."""
        return api.configuration(
            self.configuration_id,
            self.configuration_type,
            account=self.account,
            environment=self.environment,
        )

    def url(self, run_id: str) -> str:
        """Return where a person can look at the run."""
        api = self.make_hook().api
        return api.run_url(self.configuration(api), run_id)


class TailerRunSensor(_TailerSensor, RunSensor):
    """Waits for the end of a run that something else started.

    Returns the run as :class:`~airflow_provider_dataops.operators.tailer.TailerLaunchJobOperator` does, and
    fails if it did not go well.

    :param run_id: the run.
    :param configuration_id: its configuration, as deployed.
    :param configuration_type: for instance ``storage-to-storage``.
    :param job_id: the job's id as Tailer Studio shows it. It is no template: ``{{FD_DATE}}`` in it is
        Tailer's own. Not needed for Tables to Tables; without one, runs of other types are found in the list
        of the configuration's last 100 runs.
    :param success_statuses: the statuses in which a run went well, for instance ``("SUCCESS", "NO_MATCH")``.
    :param failure_statuses: statuses that count as failures, beside ``FAILED``, ``NO_MATCH``, ``CHECKED`` and
        ``DEACTIVATED``. A status that is neither is taken as running.
    :param account: six digits as text; the connection's by default.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; the connection's by default.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "run_id",
        "configuration_id",
        "configuration_type",
        "account",
        "environment",
        "tailer_conn_id",
    )

    def __init__(
        self,
        *,
        run_id: str,
        job_id: str | None = None,
        success_statuses: Sequence[str] = ("SUCCESS",),
        failure_statuses: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.job_id = job_id
        self.success_statuses = success_statuses
        self.failure_statuses = failure_statuses

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        from airflow_provider_dataops.platforms.tailer.model import Outcomes

        super().check()
        require_text(run_id=self.run_id)
        if self.job_id is not None:
            require_text(job_id=self.job_id)
        Outcomes.of(self.success_statuses, self.failure_statuses)

    def look(self, api: TailerApi) -> Exchange[RunSnapshot]:
        """Return the exchange that tells of the run."""
        return self.make_trigger(api, 0.0).watch(api).look(self.run_id)

    def make_trigger(self, api: TailerApi, deadline: float) -> TailerRunTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.tailer import TailerRunTrigger

        configuration = self.configuration(api)
        return TailerRunTrigger(
            conn_id=self.tailer_conn_id,
            run_id=self.run_id,
            deadline=deadline,
            poll_interval=self.poke_interval,
            account=configuration.account,
            environment=configuration.environment,
            configuration_type=configuration.configuration_type,
            configuration_id=configuration.configuration_id,
            success_statuses=list(self.success_statuses),
            failure_statuses=list(self.failure_statuses),
            job_id=self.job_id,
        )


class TailerLastStatusSensor(_TailerSensor):
    """Waits until a configuration has a run in a certain status, whoever started it.

    Returns the newest such run as :class:`~airflow_provider_dataops.operators.tailer.TailerLaunchJobOperator`
    does. Runs in other statuses are passed over: a run that failed does not end the wait.

    :param configuration_id: as deployed.
    :param configuration_type: for instance ``storage-to-storage``.
    :param status: the status, ``SUCCESS`` or any other.
    :param started_on: the day on which the run started: a date, a datetime (with an offset: its day in UTC)
        or ISO 8601, ``{{ ds }}`` for instance. The API calls it ``execution_date``; it is not the logical
        date that a job was launched for. Without it a run of any day counts.
    :param account: six digits as text; the connection's by default.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``; the connection's by default.
    :param tailer_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "configuration_id",
        "configuration_type",
        "status",
        "started_on",
        "account",
        "environment",
        "tailer_conn_id",
    )

    def __init__(
        self, *, status: str = "SUCCESS", started_on: date | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.status = status
        self.started_on = started_on
        self._given = given(self, "started_on")

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        from airflow_provider_dataops.platforms.tailer.model import day

        super().check()
        require_text(status=self.status)
        require_given(self, self._given)
        day("started_on", self.started_on)

    def question(self, api: TailerApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the newest such run."""
        return self.make_trigger(api, 0.0).question(api)

    def make_trigger(self, api: TailerApi, deadline: float) -> TailerLastStatusTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.platforms.tailer.model import day
        from airflow_provider_dataops.triggers.tailer import TailerLastStatusTrigger

        configuration = self.configuration(api)
        return TailerLastStatusTrigger(
            conn_id=self.tailer_conn_id,
            deadline=deadline,
            poke_interval=self.poke_interval,
            account=configuration.account,
            environment=configuration.environment,
            configuration_type=configuration.configuration_type,
            configuration_id=configuration.configuration_id,
            status=self.status.strip().upper(),
            started_on=day("started_on", self.started_on),
        )

    def conclude(self, value: Mapping[str, Any]) -> Any:
        """Return the run; whatever its status is, it is the one that was waited for."""
        from airflow_provider_dataops.core.run import RunSnapshot

        snapshot = RunSnapshot.from_json(value)
        return snapshot.as_result(self.url(snapshot.run_id))
