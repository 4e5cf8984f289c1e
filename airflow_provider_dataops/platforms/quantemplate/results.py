"""What the tasks of Quantemplate return: the keys of the result, with their meaning."""

from __future__ import annotations

from airflow_provider_dataops.core import results

EXECUTION = {
    **results.RUN,
    "execution_id": "the id of the execution, the same as `run_id`",
    "pipeline_id": "the id of the pipeline",
    "organisation_id": "the id of the organisation",
    "run_number": "the number of the execution; each execution of a pipeline gets the next number",
    "version": "the version of the pipeline",
    "outputs": "a list of the outputs, each with `id` and `name`; empty until the execution has ended",
}
UPLOAD = {
    "dataset_id": "the id of the dataset",
    "organisation_id": "the id of the organisation",
    "size": "the size of the file in bytes",
    "url": "the URL of the dataset in the API",
}
