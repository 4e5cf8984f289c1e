"""The Quantemplate hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.core.lineage import file_dataset
from airflow_provider_dataops.errors import InvalidArgumentError, NotFoundError
from airflow_provider_dataops.files import destinations, sources
from airflow_provider_dataops.hooks.base import DataOpsHook
from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi
from airflow_provider_dataops.platforms.quantemplate.lineage import NAMES

if TYPE_CHECKING:
    from airflow_provider_dataops.core.lineage import Dataset
    from airflow_provider_dataops.platforms.quantemplate.model import Execution, Output


class QuantemplateHook(DataOpsHook[QuantemplateApi]):
    """Calls the Quantemplate API.

    All methods take ``organisation_id``, for instance ``c-…``. The default is the organisation of the
    connection.

    :param quantemplate_conn_id: the Airflow connection, of type ``quantemplate``.
    """

    conn_name_attr = "quantemplate_conn_id"
    default_conn_name = "quantemplate_default"
    conn_type = "quantemplate"
    hook_name = "Quantemplate"

    api_class = QuantemplateApi

    def __init__(self, quantemplate_conn_id: str = default_conn_name, **options: Any) -> None:
        super().__init__(quantemplate_conn_id, **options)

    def upload_dataset(
        self, *, source: str, dataset_id: str, organisation_id: str | None = None, trace_id: str = ""
    ) -> int:
        """Replace the content of a dataset with a file, and return the file's size in bytes.

        The file is streamed.

        :param source: local path or URL of an object store; CSV, XLS, XLSX or gzipped CSV. The platform
            rejects gzipped CSV with a byte-order mark.
        :param trace_id: sent in the header ``X-QT-Trace-Id``, so that the vendor can find the request.
        """
        require_text(dataset_id=dataset_id)
        file = sources.source(source)
        self.run(self.api.upload_dataset(organisation_id, dataset_id, file, trace_id=trace_id))
        url = self.api.dataset_url(self.api.organisation(organisation_id), dataset_id)
        written = self._dataset(organisation_id, "dataset", dataset_id, size=file.size, url=url)
        self.report([file_dataset(source, file.size)], [written])
        return file.size

    def download_dataset(
        self,
        *,
        dataset_id: str,
        destination: str,
        version: int | None = None,
        organisation_id: str | None = None,
    ) -> int:
        """Stream a dataset into a file and return its size in bytes.

        :param version: the version of the dataset; the latest by default.
        """
        if version is not None:
            require_whole(version=version)
        require_text(dataset_id=dataset_id)
        with destinations.destination(destination) as file:
            self.run(self.api.download_dataset(organisation_id, dataset_id, file, version=version))
        read = self._dataset(organisation_id, "dataset", dataset_id, version=version)
        self.report([read], [file_dataset(destination, file.size)])
        return file.size

    def _dataset(self, organisation_id: str | None, *path: str, **facts: Any) -> Dataset:
        namespace = self.api.namespace(self.api.organisation(organisation_id))
        return NAMES.dataset(namespace, *path, **facts)

    def execute_pipeline(
        self, *, pipeline_id: str, organisation_id: str | None = None, trace_id: str = ""
    ) -> Execution:
        """Start an execution.

        Each call starts another execution. If the response is lost, check :meth:`list_executions` before
        you call again.
        """
        require_text(pipeline_id=pipeline_id)
        return self.run(self.api.execute_pipeline(organisation_id, pipeline_id, trace_id=trace_id))

    def list_executions(self, *, pipeline_id: str, organisation_id: str | None = None) -> list[Execution]:
        """Return all executions of a pipeline, in no documented order."""
        require_text(pipeline_id=pipeline_id)
        return self.run(self.api.list_executions(organisation_id, pipeline_id))

    def get_execution(
        self, *, pipeline_id: str, execution_id: str, organisation_id: str | None = None
    ) -> Execution:
        """Return one execution from the list of the pipeline's executions.

        :raises NotFoundError: if the list does not contain the execution. A new execution may be missing
            for some time.
        """
        require_text(pipeline_id=pipeline_id, execution_id=execution_id)
        found = self.run(self.api.get_execution(organisation_id, pipeline_id, execution_id))
        if found is None:
            raise NotFoundError(
                f"execution {execution_id} is not in the list of pipeline {pipeline_id}",
                platform=self.api.platform,
                operation=f"get execution {execution_id}",
            )
        return found

    def download_output(
        self,
        *,
        pipeline_id: str,
        execution_id: str,
        destination: str,
        output_id: str | None = None,
        output_name: str | None = None,
        organisation_id: str | None = None,
    ) -> int:
        """Stream one output of an execution into a file and return its size in bytes.

        :param output_id: the id of the output. The hook does not check that this output exists.
        :param output_name: the name of the output, instead of ``output_id``. If you give neither, the
            execution must have exactly one output.
        """
        if output_id and output_name:
            raise InvalidArgumentError("give either output_id or output_name, not both")
        require_text(pipeline_id=pipeline_id, execution_id=execution_id)
        with destinations.destination(destination) as file:
            if not output_id:
                execution = self.get_execution(
                    pipeline_id=pipeline_id, execution_id=execution_id, organisation_id=organisation_id
                )
                output = choose_output(execution, output_name)
                output_id, output_name = output.id, output.name
            self.run(self.api.download_output(organisation_id, pipeline_id, execution_id, output_id, file))
        # Lineage names an output by its name, which is not known if the user gave only the id.
        read = (
            [self._dataset(organisation_id, "pipeline", pipeline_id, "output", output_name)]
            if output_name and output_name.strip()
            else []
        )
        self.report(read, [file_dataset(destination, file.size)])
        return file.size


def choose_output(execution: Execution, name: str | None) -> Output:
    """Return the output with the given name, or the only output if the name is ``None``.

    :raises InvalidArgumentError: if no output or more than one output matches.
    """
    names = [o.name for o in execution.outputs]
    matching = [o for o in execution.outputs if name is None or o.name == name]
    if len(matching) == 1:
        return matching[0]
    wanted = f"named {name!r}" if name is not None else "(give output_id or output_name)"
    raise InvalidArgumentError(
        f"execution {execution.id} ({execution.status}) has {len(matching)} outputs {wanted}; "
        f"all outputs: {names}"
    )
