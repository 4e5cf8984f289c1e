"""The Tamr Cloud operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_boolean, require_text
from airflow_provider_dataops.links.tamr import TamrJobLink
from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator
from airflow_provider_dataops.platforms.tamr import configurations
from airflow_provider_dataops.tasks.tamr import TamrTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch


class _JobOperator(TamrTask, RunOperator):
    """Creates one job and waits for its end."""

    operator_extra_links = (TamrJobLink(),)

    def __init__(self, *, cancel_on_kill: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cancel_on_kill = require_boolean("cancel_on_kill", cancel_on_kill)

    def job(self) -> JsonObject:
        """Return the job's configuration."""
        raise NotImplementedError

    def check(self) -> None:
        """Validate the arguments."""
        configurations.check_configuration(self.job())
        super().check()

    def launch(self, api: TamrApi, context: Context) -> TamrJobLaunch:
        """Return the job to be created."""
        return api.launch(self.job(), cancel_on_kill=self.cancel_on_kill)


class TamrLoadSourceOperator(_JobOperator):
    """Refreshes a source from the storage behind it, and waits for the end of the job.

    Returns the job: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``job_id``,
    ``configuration``, ``reason``, ``message`` and ``history``. While the tenant's slots (5 by default) are
    taken, the task waits for one. All job operators take the arguments described here.

    :param source_id: the source, from the page Configurations > Sources.
    :param cancel_on_kill: stop the job when the task ends before it: killed, marked, cleared, out of time.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields = ("source_id", "tamr_conn_id")

    def __init__(self, *, source_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_id = source_id

    def job(self) -> JsonObject:
        """Return the job's configuration."""
        return configurations.load(self.source_id)


class TamrUpdateDataProductOperator(_JobOperator):
    """Runs a data product, and waits for the end of the job. Load its sources first.

    :param data_product_id: the data product, from the page Configure Data Product.
    """

    template_fields = ("data_product_id", "tamr_conn_id")

    def __init__(self, *, data_product_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_product_id = data_product_id

    def job(self) -> JsonObject:
        """Return the job's configuration."""
        return configurations.update_data_product(self.data_product_id)


class TamrRunWorkflowOperator(_JobOperator):
    """Runs a workflow, which updates the system of record and the search index, and waits for its end.

    A workflow job can succeed and do nothing: staged changes that are stale or applied already are skipped.

    :param workflow_id: the workflow, from the page Configurations > Workflows.
    """

    template_fields = ("workflow_id", "tamr_conn_id")

    def __init__(self, *, workflow_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.workflow_id = workflow_id

    def job(self) -> JsonObject:
        """Return the job's configuration."""
        return configurations.run_workflow(self.workflow_id)


class TamrPublishOperator(_JobOperator):
    """Publishes to a destination, and waits for the end of the job.

    :param destination_id: the publish configuration of a data product, or a RealTime destination.
    :param data_product_id: the data product; needed for one, absent for a RealTime destination.
    """

    template_fields = ("destination_id", "data_product_id", "tamr_conn_id")

    def __init__(self, *, destination_id: str, data_product_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.destination_id = destination_id
        self.data_product_id = data_product_id

    def job(self) -> JsonObject:
        """Return the job's configuration."""
        return configurations.publish(self.destination_id, self.data_product_id)


class TamrCreateJobOperator(_JobOperator):
    """Creates any job, and waits for its end.

    :param configuration: exactly one of ``load``, ``update`` and ``publish``, with its ids, as the Jobs API
        has it.
    """

    template_fields = ("configuration", "tamr_conn_id")

    def __init__(self, *, configuration: JsonObject, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configuration = configuration

    def job(self) -> JsonObject:
        """Return the job's configuration."""
        return self.configuration


class TamrStopJobOperator(TamrTask, DataOpsOperator):
    """Asks for the stop of a job and returns the job's id.

    It is a request: the job may still succeed or fail. A
    :class:`~airflow_provider_dataops.sensors.tamr.TamrJobSensor` tells how it ended.

    :param job_id: the job.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields = ("job_id", "tamr_conn_id")

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        require_text(job_id=self.job_id)

    def act(self, context: Context) -> str:
        """Ask for the stop."""
        self.make_hook().stop_job(self.job_id)
        self.log.info("Told Tamr job %s to stop", self.job_id)
        return self.job_id
