"""Combine ``@task`` functions with operators: data flows from each to the other, and tasks are mapped.

- A function decides which sources Tamr loads. A mapped operator loads them, with one task instance for each
  source.
- A pipeline of Quantemplate has several outputs. A mapped function copies each output to TRAC. The function
  uses the hooks of both platforms.
- A mapped operator labels each of the new files.

The DAG uses the connections ``tamr_default``, ``quantemplate_default`` and ``trac_default``.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
from airflow_provider_dataops.hooks.trac import TracHook
from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateExecutePipelineOperator,
    QuantemplateUploadDatasetOperator,
)
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.trac import TracUpdateTagOperator

CLAIMS = Path(__file__).parent / "data" / "claims.csv"
PIPELINE = "p-two"

with DAG(
    dag_id="taskflow",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["tamr", "quantemplate", "trac", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_taskflow_feeds_operator]
    @task
    def changed_sources() -> list[str]:
        """Return the sources that have new data; replace this list with your own query."""
        return ["src_customers", "src_suppliers"]

    loads = TamrLoadSourceOperator.partial(task_id="load").expand(source_id=changed_sources())
    # [END howto_taskflow_feeds_operator]

    # [START howto_taskflow_mapped_results]
    @task
    def count_loads(job_ids: Any) -> int:
        """Return how many sources were loaded. Each mapped task instance has returned one job id."""
        return len(list(job_ids))

    count_loads(loads.output["job_id"])
    # [END howto_taskflow_mapped_results]

    upload = QuantemplateUploadDatasetOperator(
        task_id="upload_claims", source=str(CLAIMS), dataset_id="d-claims"
    )
    execute = QuantemplateExecutePipelineOperator(task_id="execute_pipeline", pipeline_id=PIPELINE)
    upload >> execute

    # [START howto_taskflow_operator_feeds_task]
    @task
    def output_names(execution: Any) -> list[str]:
        """Return the names of the execution's outputs."""
        return [output["name"] for output in execution["outputs"]]

    names = output_names(execute.output)
    # [END howto_taskflow_operator_feeds_task]

    # [START howto_taskflow_hook]
    @task
    def copy_output(name: str, execution_id: str) -> dict[str, Any]:
        """Copy an output to TRAC, and return the header of the new file.

        Download and upload in the same task, because another task may run on a worker without the file.
        """
        with TemporaryDirectory() as folder:
            file = f"{folder}/output.csv"
            QuantemplateHook().download_output(
                pipeline_id=PIPELINE, execution_id=execution_id, output_name=name, destination=file
            )
            return TracHook().create_small_file(source=file, attrs={"output": name}).as_result()

    # [END howto_taskflow_hook]

    # [START howto_taskflow_expand]
    copies = copy_output.partial(execution_id=execute.output["execution_id"]).expand(name=names)
    TracUpdateTagOperator.partial(task_id="label", attrs={"source": "quantemplate"}).expand(selector=copies)
    # [END howto_taskflow_expand]
