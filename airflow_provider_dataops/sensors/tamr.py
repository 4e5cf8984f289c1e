"""The Tamr Cloud sensors."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.links.tamr import TamrJobLink
from airflow_provider_dataops.platforms.tamr import results
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.tamr import TamrTask

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.platforms.tamr.runs import (
        TamrJobSucceededWatch,
        TamrJobWatch,
        TamrResourceIdleWatch,
    )


class TamrJobSensor(TamrTask, DataOpsSensor):
    """Waits for the end of a job that something else created.

    Returns the job as :class:`~airflow_provider_dataops.operators.tamr.TamrLoadSourceOperator` does. The
    sensor fails if the job failed or was stopped. The sensor itself never stops the job.

    :param job_id: the id of the job.
    :param tamr_conn_id: the Airflow connection.
    """

    operator_extra_links = (TamrJobLink(),)
    output_keys = ("job_id",)
    result_keys = results.JOB
    template_fields = ("job_id", "tamr_conn_id")

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def check(self) -> None:
        """Check that there is a job id."""
        super().check()
        require_text(job_id=self.job_id)

    def watch(self, api: TamrApi) -> TamrJobWatch:
        """Return the watch, which describes the job to wait for."""
        return api.watch_job(self.job_id)


class TamrResourceIdleSensor(TamrTask, DataOpsSensor):
    """Waits until a source or data product has no active job.

    :param source_id: the id of the source.
    :param data_product_id: the id of the data product, instead of ``source_id``.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields = ("source_id", "data_product_id", "tamr_conn_id")

    def __init__(
        self, *, source_id: str | None = None, data_product_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.source_id = source_id
        self.data_product_id = data_product_id

    def watch(self, api: TamrApi) -> TamrResourceIdleWatch:
        """Return the watch, which describes the condition to wait for."""
        return api.watch_idle(source_id=self.source_id or None, data_product_id=self.data_product_id or None)


class TamrJobSucceededSensor(TamrTask, DataOpsSensor):
    """Waits until a job on a resource has succeeded. Jobs created before ``since`` do not count.

    Returns the newest job that succeeded, as
    :class:`~airflow_provider_dataops.operators.tamr.TamrLoadSourceOperator` does. The sensor
    ignores failed jobs. It cannot see the jobs that the scheduler of Tamr's UI creates: according to the
    vendor's documentation, the API does not list them. Give exactly one of the four ids.

    :param source_id: the id of the source.
    :param data_product_id: the id of the data product.
    :param workflow_id: the id of the workflow.
    :param destination_id: the id of the destination.
    :param since: a datetime with a time zone, or ISO 8601 with an offset.
    :param tamr_conn_id: the Airflow connection.
    """

    operator_extra_links = (TamrJobLink(),)
    output_keys = ("job_id",)
    result_keys = results.JOB
    template_fields = (
        "source_id",
        "data_product_id",
        "workflow_id",
        "destination_id",
        "since",
        "tamr_conn_id",
    )

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

    def watch(self, api: TamrApi) -> TamrJobSucceededWatch:
        """Return the watch, which describes the condition to wait for."""
        return api.watch_succeeded(
            self._since(),
            source_id=self.source_id or None,
            data_product_id=self.data_product_id or None,
            workflow_id=self.workflow_id or None,
            destination_id=self.destination_id or None,
        )

    def _since(self) -> float:
        since = self.since
        try:
            moment = since if isinstance(since, datetime) else datetime.fromisoformat(since)
        except (TypeError, ValueError):
            moment = None
        if moment is None or moment.tzinfo is None:
            raise InvalidArgumentError(f"since must be a time with an offset (ISO 8601); given: {since!r}")
        return moment.timestamp()
