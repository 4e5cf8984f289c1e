"""The Quantemplate operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import whole_number
from airflow_provider_dataops.links.quantemplate import QuantemplateExecutionLink
from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator, trace_id
from airflow_provider_dataops.platforms.quantemplate import results
from airflow_provider_dataops.platforms.quantemplate.lineage import lineage_of_execution
from airflow_provider_dataops.tasks.quantemplate import QuantemplatePipelineTask, QuantemplateTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.lineage import Lineage
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi
    from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateExecutionLaunch


class QuantemplateExecutePipelineOperator(QuantemplatePipelineTask, RunOperator):
    """Executes a pipeline, and waits for the end of the execution.

    Returns the execution: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``execution_id``,
    ``pipeline_id``, ``organisation_id``, ``run_number``, ``version`` and ``outputs``, a list of ``id`` and
    ``name``. The API cannot cancel an execution: if the task ends first, the log says that the execution
    keeps running.

    :param pipeline_id: the pipeline, ``p-…``, shared with the API user for editing.
    :param organisation_id: the organisation, ``c-…``; by default the organisation of the connection.
    :param quantemplate_conn_id: the Airflow connection.
    """

    output_keys = ("execution_id",)
    result_keys = results.EXECUTION
    template_fields = ("pipeline_id", *QuantemplatePipelineTask.template_fields)
    operator_extra_links = (QuantemplateExecutionLink(),)

    def launch(self, api: QuantemplateApi, context: Context) -> QuantemplateExecutionLaunch:
        """Return the launch, which describes how to start the execution. This sends no request."""
        return api.launch(self.pipeline_id, self.organisation_id, trace_id=trace_id(context))

    def lineage_of(self, namespace: str, snapshot: RunSnapshot) -> Lineage:
        """Return the outputs of the execution."""
        return lineage_of_execution(namespace, snapshot.details)


# The operators below need no ``check``, because their hook validates the arguments before it sends a request.


class QuantemplateUploadDatasetOperator(QuantemplateTask, DataOpsOperator):
    """Replaces the content of a dataset with the content of a file.

    The file is streamed. If a request fails, the operator sends it again. This is safe, because the request
    writes the same bytes. If a pipeline is set to run when this dataset changes, the upload starts an
    execution.

    Returns ``dataset_id``, ``organisation_id``, ``size`` in bytes and ``url``.

    :param source: local path, or URL of an object store; CSV, XLS, XLSX or gzipped CSV, not empty.
    :param dataset_id: the dataset, ``d-…``, shared with the API user for editing.
    :param organisation_id: the organisation, ``c-…``; by default the organisation of the connection.
    :param quantemplate_conn_id: the Airflow connection.
    """

    output_keys = ("dataset_id",)
    result_keys = results.UPLOAD
    template_fields = ("source", "dataset_id", *QuantemplateTask.template_fields)

    def __init__(self, *, source: str, dataset_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.dataset_id = dataset_id

    def act(self, context: Context) -> dict[str, Any]:
        """Upload the file."""
        hook: QuantemplateHook = self.make_hook()
        size = hook.upload_dataset(
            source=self.source,
            dataset_id=self.dataset_id,
            organisation_id=self.organisation_id,
            trace_id=trace_id(context),
        )
        self.lineage = hook.lineage
        organisation_id = hook.api.organisation(self.organisation_id)
        url = hook.api.dataset_url(organisation_id, self.dataset_id)
        self.log.info("Uploaded %s (%d bytes) to dataset %s: %s", self.source, size, self.dataset_id, url)
        return {"dataset_id": self.dataset_id, "organisation_id": organisation_id, "size": size, "url": url}


class _DownloadOperator(QuantemplateTask, DataOpsOperator):
    """Base class: downloads into a file. The file appears under its name only when it is complete."""

    def __init__(self, *, destination: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.destination = destination

    def download(self, hook: QuantemplateHook) -> int:
        """Download the content, and return its size in bytes."""
        raise NotImplementedError

    def act(self, context: Context) -> str:
        """Download the file."""
        hook: QuantemplateHook = self.make_hook()
        size = self.download(hook)
        self.lineage = hook.lineage
        self.log.info("Downloaded %d bytes to %s", size, self.destination)
        return self.destination


class QuantemplateDownloadOutputOperator(QuantemplatePipelineTask, _DownloadOperator):
    """Streams one output of an execution into a file and returns the file's path or URL.

    The file appears under its name only when it is complete.

    :param pipeline_id: the pipeline, ``p-…``.
    :param execution_id: the execution, ``e-…``.
    :param output_id: the output, ``o-…``.
    :param output_name: the name of the output, instead of ``output_id``. If you give neither, the execution
        must have exactly one output.
    :param destination: local path, or URL of an object store, with the file's name.
    :param organisation_id: the organisation, ``c-…``; by default the organisation of the connection.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields = (
        "pipeline_id",
        "execution_id",
        "output_id",
        "output_name",
        "destination",
        *QuantemplatePipelineTask.template_fields,
    )

    def __init__(
        self,
        *,
        execution_id: str,
        output_id: str | None = None,
        output_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.execution_id = execution_id
        self.output_id = output_id
        self.output_name = output_name

    def download(self, hook: QuantemplateHook) -> int:
        """Download the output."""
        return hook.download_output(
            pipeline_id=self.pipeline_id,
            execution_id=self.execution_id,
            output_id=self.output_id or None,
            output_name=self.output_name or None,
            destination=self.destination,
            organisation_id=self.organisation_id,
        )


class QuantemplateDownloadDatasetOperator(_DownloadOperator):
    """Streams a dataset into a file and returns the file's path or URL.

    The file appears under its name only when it is complete.

    :param dataset_id: the dataset, ``d-…``.
    :param version: the version, a whole number; the latest by default.
    :param destination: local path, or URL of an object store, with the file's name.
    :param organisation_id: the organisation, ``c-…``; by default the organisation of the connection.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields = (
        "dataset_id",
        "version",
        "destination",
        *QuantemplateTask.template_fields,
    )

    def __init__(self, *, dataset_id: str, version: int | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset_id = dataset_id
        self.version = version

    def download(self, hook: QuantemplateHook) -> int:
        """Download the dataset."""
        version = None if self.version in (None, "") else whole_number("version", self.version)
        return hook.download_dataset(
            dataset_id=self.dataset_id,
            version=version,
            destination=self.destination,
            organisation_id=self.organisation_id,
        )
