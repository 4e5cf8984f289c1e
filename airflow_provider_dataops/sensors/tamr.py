"""The Tamr Cloud sensors."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_one, require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.sensors.base import DataOpsSensor, RunSensor, SnapshotSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.tamr import TamrHook
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.triggers.tamr import (
        TamrJobSucceededTrigger,
        TamrJobTrigger,
        TamrResourceIdleTrigger,
    )


class _TamrSensor(DataOpsSensor):
    """What the Tamr sensors share."""

    ui_color = "#dfe5f7"
    platform: ClassVar[str] = "Tamr"

    def __init__(self, *, tamr_conn_id: str = "tamr_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tamr_conn_id = tamr_conn_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(tamr_conn_id=self.tamr_conn_id)

    def make_hook(self) -> TamrHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.tamr import TamrHook

        return TamrHook(self.tamr_conn_id)


class TamrJobSensor(_TamrSensor, RunSensor):
    """Waits for the end of a job that something else created.

    Returns the job as :class:`~airflow_provider_dataops.operators.tamr.TamrLoadSourceOperator` does, and
    fails if it failed or was stopped. It never stops the job.

    :param job_id: the job.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("job_id", "tamr_conn_id")
    noun: ClassVar[str] = "job"

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(job_id=self.job_id)

    def look(self, api: TamrApi) -> Exchange[RunSnapshot]:
        """Return the exchange that tells of the job."""
        return self.make_trigger(api, 0.0).watch(api).look(self.job_id)

    def make_trigger(self, api: TamrApi, deadline: float) -> TamrJobTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.tamr import TamrJobTrigger

        return TamrJobTrigger(
            conn_id=self.tamr_conn_id,
            run_id=self.job_id,
            deadline=deadline,
            poll_interval=self.poke_interval,
            cancel_on_kill=False,
        )

    def url(self, run_id: str) -> str:
        """Return where a person can look at the job."""
        return self.make_hook().api.job_url(run_id)


class TamrResourceIdleSensor(_TamrSensor):
    """Waits until no job on a source or data product is active.

    :param source_id: the source.
    :param data_product_id: the data product instead.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("source_id", "data_product_id", "tamr_conn_id")

    def __init__(
        self, *, source_id: str | None = None, data_product_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.source_id = source_id
        self.data_product_id = data_product_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_one(source_id=self.source_id, data_product_id=self.data_product_id)

    def question(self, api: TamrApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the resource's open jobs."""
        return self.make_trigger(api, 0.0).question(api)

    def make_trigger(self, api: TamrApi, deadline: float) -> TamrResourceIdleTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.tamr import TamrResourceIdleTrigger

        return TamrResourceIdleTrigger(
            conn_id=self.tamr_conn_id,
            source_id=self.source_id or None,
            data_product_id=self.data_product_id or None,
            deadline=deadline,
            poke_interval=self.poke_interval,
        )


class TamrJobSucceededSensor(_TamrSensor, SnapshotSensor):
    """Waits for a job on a resource that was created at or after a time and succeeded, whoever created it.

    Returns the newest such job as :class:`~airflow_provider_dataops.operators.tamr.TamrLoadSourceOperator`
    does. Failed jobs are passed over. By the platform's documentation the API does not list jobs of the UI's
    own scheduler.

    :param source_id: the source.
    :param data_product_id: the data product instead.
    :param workflow_id: the workflow instead.
    :param destination_id: the destination instead.
    :param since: a datetime with a time zone, or ISO 8601 with an offset.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "source_id",
        "data_product_id",
        "workflow_id",
        "destination_id",
        "since",
        "tamr_conn_id",
    )
    noun: ClassVar[str] = "job"

    def __init__(
        self,
        *,
        since: str | datetime,
        source_id: str | None = None,
        data_product_id: str | None = None,
        workflow_id: str | None = None,
        destination_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.source_id = source_id
        self.data_product_id = data_product_id
        self.workflow_id = workflow_id
        self.destination_id = destination_id

    def _resource(self) -> dict[str, str | None]:
        return {
            "source_id": self.source_id or None,
            "data_product_id": self.data_product_id or None,
            "workflow_id": self.workflow_id or None,
            "destination_id": self.destination_id or None,
        }

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_one(**self._resource())
        self._since()

    def _since(self) -> float:
        told = self.since
        try:
            moment = told if isinstance(told, datetime) else datetime.fromisoformat(told)
        except (TypeError, ValueError):
            moment = None
        if moment is None or moment.tzinfo is None:
            raise InvalidArgumentError(f"since must be a time with an offset (ISO 8601); given: {told!r}")
        return moment.timestamp()

    def question(self, api: TamrApi) -> Exchange[dict[str, Any] | None]:
        """Ask for the newest such job."""
        return self.make_trigger(api, 0.0).question(api)

    def make_trigger(self, api: TamrApi, deadline: float) -> TamrJobSucceededTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.tamr import TamrJobSucceededTrigger

        return TamrJobSucceededTrigger(
            conn_id=self.tamr_conn_id,
            since=self._since(),
            deadline=deadline,
            poke_interval=self.poke_interval,
            **self._resource(),
        )

    def url(self, run_id: str) -> str:
        """Return where a person can look at the job."""
        return self.make_hook().api.job_url(run_id)
