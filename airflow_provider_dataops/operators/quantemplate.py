"""The Quantemplate operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.links.quantemplate import QuantemplateExecutionLink
from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator, trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
    from airflow_provider_dataops.lifecycle.record import Record
    from airflow_provider_dataops.platforms.quantemplate.runs import ExecutionLaunch
    from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionTrigger


class QuantemplateExecutePipelineOperator(RunOperator):
    """Executes a pipeline and waits for the end of the execution.

    Returns the execution: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``execution_id``,
    ``pipeline_id``, ``organisation_id``, ``run_number``, ``version`` and ``outputs``, a list of ``id`` and
    ``name``. The API cannot cancel an execution: when the task ends early, the log says that it goes on.

    :param pipeline_id: the pipeline, ``p-…``, shared with the API user for editing.
    :param organisation_id: the organisation, ``c-…``; the connection's by default.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("pipeline_id", "organisation_id", "quantemplate_conn_id")
    operator_extra_links = (QuantemplateExecutionLink(),)
    ui_color = "#d6e8e4"
    platform: ClassVar[str] = "Quantemplate"
    noun: ClassVar[str] = "execution"

    def __init__(
        self,
        *,
        pipeline_id: str,
        organisation_id: str | None = None,
        quantemplate_conn_id: str = "quantemplate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self.organisation_id = organisation_id
        self.quantemplate_conn_id = quantemplate_conn_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        require_text(pipeline_id=self.pipeline_id, quantemplate_conn_id=self.quantemplate_conn_id)

    def make_hook(self) -> QuantemplateHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook

        return QuantemplateHook(self.quantemplate_conn_id, sleep=self.pause)

    def make_launch(self, hook: QuantemplateHook, context: Context) -> ExecutionLaunch:
        """Return the execution to be started."""
        from airflow_provider_dataops.platforms.quantemplate.runs import ExecutionLaunch

        return ExecutionLaunch(
            api=hook.api,
            organisation_id=hook.api.organisation(self.organisation_id),
            pipeline_id=self.pipeline_id,
            trace_id=trace_id(context),
        )

    def make_trigger(
        self, launch: ExecutionLaunch, record: Record, deadline: float
    ) -> QuantemplateExecutionTrigger:
        """Return the trigger that waits for the execution."""
        from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionTrigger

        return QuantemplateExecutionTrigger(
            conn_id=self.quantemplate_conn_id,
            organisation_id=launch.organisation_id,
            pipeline_id=self.pipeline_id,
            run_id=record.run_id,
            deadline=deadline,
            poll_interval=self.poll_interval,
        )


class _FileOperator(DataOpsOperator):
    """Moves one file to or from Quantemplate."""

    def __init__(
        self,
        *,
        organisation_id: str | None = None,
        quantemplate_conn_id: str = "quantemplate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.organisation_id = organisation_id
        self.quantemplate_conn_id = quantemplate_conn_id

    def make_hook(self) -> QuantemplateHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook

        return QuantemplateHook(self.quantemplate_conn_id)


class QuantemplateUploadDatasetOperator(_FileOperator):
    """Replaces a dataset by a file.

    The file is streamed. A repeat overwrites with the same bytes, so failures on the way are repeated. If the
    pipeline is set to run when its dataset changes, the upload itself starts a run.

    Returns ``dataset_id``, ``organisation_id``, ``size`` in bytes and ``url``.

    :param source: local path, or URL of an object store; CSV, XLS, XLSX or gzipped CSV, not empty.
    :param dataset_id: the dataset, ``d-…``; it must be shared with the API user, who must be able to edit it.
    :param organisation_id: the organisation, ``c-…``; the connection's by default.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("source", "dataset_id", "organisation_id", "quantemplate_conn_id")
    ui_color = "#d6e8e4"

    def __init__(self, *, source: str, dataset_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.dataset_id = dataset_id

    def check(self) -> None:
        """Refuse arguments that make no sense, a missing or empty file among them."""
        from airflow_provider_dataops.files.sources import source

        require_text(dataset_id=self.dataset_id, quantemplate_conn_id=self.quantemplate_conn_id)
        source(self.source)

    def act(self, context: Context) -> dict[str, Any]:
        """Upload the file."""
        hook = self.make_hook()
        organisation_id = hook.api.organisation(self.organisation_id)
        url = hook.api.dataset_url(organisation_id, self.dataset_id)
        size = hook.upload_dataset(
            source=self.source,
            dataset_id=self.dataset_id,
            organisation_id=organisation_id,
            trace_id=trace_id(context),
        )
        self.log.info("Uploaded %s (%d bytes) to dataset %s: %s", self.source, size, self.dataset_id, url)
        return {"dataset_id": self.dataset_id, "organisation_id": organisation_id, "size": size, "url": url}


class QuantemplateDownloadOutputOperator(_FileOperator):
    """Streams one output of an execution into a file and returns the file's path or URL.

    The file appears under its name when it is complete.

    :param pipeline_id: the pipeline, ``p-…``.
    :param execution_id: the execution, ``e-…``.
    :param output_id: the output, ``o-…``.
    :param output_name: its name instead; with neither, the execution must have exactly one output.
    :param destination: local path, or URL of an object store; the file's name included.
    :param organisation_id: the organisation, ``c-…``; the connection's by default.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "pipeline_id",
        "execution_id",
        "output_id",
        "output_name",
        "destination",
        "organisation_id",
        "quantemplate_conn_id",
    )
    ui_color = "#d6e8e4"

    def __init__(
        self,
        *,
        pipeline_id: str,
        execution_id: str,
        destination: str,
        output_id: str | None = None,
        output_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self.execution_id = execution_id
        self.output_id = output_id
        self.output_name = output_name
        self.destination = destination

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        require_text(
            pipeline_id=self.pipeline_id,
            execution_id=self.execution_id,
            destination=self.destination,
            quantemplate_conn_id=self.quantemplate_conn_id,
        )
        if self.output_id and self.output_name:
            raise InvalidArgumentError("output_id and output_name exclude each other; both are given")

    def act(self, context: Context) -> str:
        """Download the output."""
        size = self.make_hook().download_output(
            pipeline_id=self.pipeline_id,
            execution_id=self.execution_id,
            output_id=self.output_id or None,
            output_name=self.output_name or None,
            destination=self.destination,
            organisation_id=self.organisation_id,
        )
        self.log.info("Downloaded %d bytes to %s", size, self.destination)
        return self.destination


class QuantemplateDownloadDatasetOperator(_FileOperator):
    """Streams a dataset into a file and returns the file's path or URL.

    The file appears under its name when it is complete.

    :param dataset_id: the dataset, ``d-…``.
    :param version: a certain version, a whole number; the latest by default.
    :param destination: local path, or URL of an object store; the file's name included.
    :param organisation_id: the organisation, ``c-…``; the connection's by default.
    :param quantemplate_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "dataset_id",
        "version",
        "destination",
        "organisation_id",
        "quantemplate_conn_id",
    )
    ui_color = "#d6e8e4"

    def __init__(
        self, *, dataset_id: str, destination: str, version: int | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id = dataset_id
        self.version = version
        self.destination = destination

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        require_text(
            dataset_id=self.dataset_id,
            destination=self.destination,
            quantemplate_conn_id=self.quantemplate_conn_id,
        )
        self._version()

    def _version(self) -> int | None:
        # A template renders to text.
        told = self.version
        if told is None or told == "":
            return None
        if isinstance(told, bool) or not str(told).strip().isdecimal():
            raise InvalidArgumentError(f"version must be a whole number; given: {told!r}")
        return int(told)

    def act(self, context: Context) -> str:
        """Download the dataset."""
        size = self.make_hook().download_dataset(
            dataset_id=self.dataset_id,
            version=self._version(),
            destination=self.destination,
            organisation_id=self.organisation_id,
        )
        self.log.info("Downloaded %d bytes to %s", size, self.destination)
        return self.destination
