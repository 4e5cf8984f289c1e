"""The Tamr Cloud operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_dataops.core.arguments import require_boolean, require_text
from airflow_provider_dataops.links.tamr import TamrJobLink
from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator
from airflow_provider_dataops.platforms.tamr import configurations, results
from airflow_provider_dataops.platforms.tamr.lineage import lineage_of_job
from airflow_provider_dataops.tasks.tamr import TamrTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject, JsonOrFile
    from airflow_provider_dataops.core.lineage import Lineage
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch


class _JobOperator(TamrTask, RunOperator):
    """Creates one job, and waits for its end."""

    output_keys = ("job_id",)
    result_keys = results.JOB
    operator_extra_links = (TamrJobLink(),)

    def __init__(self, *, cancel_on_kill: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cancel_on_kill = require_boolean("cancel_on_kill", cancel_on_kill)

    def job(self) -> JsonObject:
        """Return the ``configuration`` of the job, as the Jobs API expects it."""
        raise NotImplementedError

    def check(self) -> None:
        """Check the job's configuration before anything is sent."""
        configurations.check_configuration(self.job())
        super().check()

    def launch(self, api: TamrApi, context: Context) -> TamrJobLaunch:
        """Return the launch, which describes how to start the job. This sends no request."""
        return api.launch(self.job(), cancel_on_kill=self.cancel_on_kill)

    def lineage_of(self, namespace: str, snapshot: RunSnapshot) -> Lineage:
        """Return the source, data product or destination of the job."""
        return lineage_of_job(namespace, snapshot.details.get("configuration") or {})


class TamrLoadSourceOperator(_JobOperator):
    """Loads the data of a source from its storage again, and waits for the end of the job.

    Returns the job: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``job_id``,
    ``configuration``, ``reason``, ``message`` and ``history``. If all slots of the tenant are taken (5 by
    default), the task waits for a free one. All job operators take the arguments described here.

    :param source_id: the id of the source, from the page Configurations > Sources.
    :param cancel_on_kill: stop the job if the task ends first: the task is killed, cleared, timed out, or
        marked as failed or success.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields = ("source_id", "tamr_conn_id")

    def __init__(self, *, source_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_id = source_id

    def job(self) -> JsonObject:
        """Return the ``configuration`` of the job, as the Jobs API expects it."""
        return configurations.load(self.source_id)


class TamrUpdateDataProductOperator(_JobOperator):
    """Updates a data product, and waits for the end of the job. Load its sources first.

    :param data_product_id: the id of the data product, from the page Configure Data Product.
    """

    template_fields = ("data_product_id", "tamr_conn_id")

    def __init__(self, *, data_product_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_product_id = data_product_id

    def job(self) -> JsonObject:
        """Return the ``configuration`` of the job, as the Jobs API expects it."""
        return configurations.update_data_product(self.data_product_id)


class TamrRunWorkflowOperator(_JobOperator):
    """Runs a workflow, and waits for the end of the job.

    A workflow updates the system of record and the search index. Its job skips staged changes that
    are stale or already applied, so it can succeed without changing anything.

    :param workflow_id: the id of the workflow, from the page Configurations > Workflows.
    """

    template_fields = ("workflow_id", "tamr_conn_id")

    def __init__(self, *, workflow_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.workflow_id = workflow_id

    def job(self) -> JsonObject:
        """Return the ``configuration`` of the job, as the Jobs API expects it."""
        return configurations.run_workflow(self.workflow_id)


class TamrPublishOperator(_JobOperator):
    """Publishes to a destination, and waits for the end of the job.

    :param destination_id: the id of a data product's publish configuration, or of a RealTime destination.
    :param data_product_id: the id of the data product; leave it out for a RealTime destination.
    """

    template_fields = ("destination_id", "data_product_id", "tamr_conn_id")

    def __init__(self, *, destination_id: str, data_product_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.destination_id = destination_id
        self.data_product_id = data_product_id

    def job(self) -> JsonObject:
        """Return the ``configuration`` of the job, as the Jobs API expects it."""
        return configurations.publish(self.destination_id, self.data_product_id)


class TamrCreateJobOperator(_JobOperator):
    """Creates a job of any kind, and waits for its end.

    :param configuration: the ``configuration`` of the Jobs API: a dict with exactly one key: ``load``,
        ``update`` or ``publish``. The value of this key is a dict with the ids. The argument may also be the
        path of a ``.json`` file with this dict.
    """

    template_fields = ("configuration", "tamr_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"configuration": "json"}

    def __init__(self, *, configuration: JsonOrFile, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configuration = configuration

    def job(self) -> JsonObject:
        """Return the ``configuration`` of the job, as the Jobs API expects it."""
        return cast("JsonObject", self.configuration)


class TamrStopJobOperator(TamrTask, DataOpsOperator):
    """Asks Tamr to stop a job, and returns the job's id.

    The job may end before Tamr stops it. Then it succeeds or fails. To wait for its end, use a
    :class:`~airflow_provider_dataops.sensors.tamr.TamrJobSensor`.

    :param job_id: the id of the job.
    :param tamr_conn_id: the Airflow connection.
    """

    template_fields = ("job_id", "tamr_conn_id")

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def check(self) -> None:
        """Check that there is a job id."""
        super().check()
        require_text(job_id=self.job_id)

    def act(self, context: Context) -> str:
        """Send the stop request."""
        self.make_hook().stop_job(self.job_id)
        self.log.info("Asked Tamr to stop job %s", self.job_id)
        return self.job_id
