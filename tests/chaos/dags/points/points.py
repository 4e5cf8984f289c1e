"""DAGs with one task each, for each platform. The task starts a run of the resource in the DAG run's conf."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.toucan import ToucanRunOperationsOperator
from airflow_provider_dataops.operators.trac import TracImportModelOperator

RESOURCE = "{{ dag_run.conf['resource'] }}"
OPERATORS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "tamr": (TamrLoadSourceOperator, {"source_id": RESOURCE}),
    "quantemplate": (QuantemplateExecutePipelineOperator, {"pipeline_id": RESOURCE}),
    "tailer": (TailerLaunchJobOperator, {"configuration_id": RESOURCE}),
    "trac": (
        TracImportModelOperator,
        {"repository": "acme_models", "entry_point": RESOURCE, "version": "v1.0.0"},
    ),
    "toucan": (ToucanRunOperationsOperator, {"small_app": RESOURCE, "operations": ["populate_reports"]}),
}

for platform, (operator, arguments) in OPERATORS.items():
    for mode in ("deferrable", "on_worker"):
        with DAG(f"started_on_{platform}_{mode}", schedule=None):
            operator(
                task_id="work",
                deferrable=mode == "deferrable",
                poll_interval=2,
                # A busy machine may end more than one try.
                retries=20,
                retry_delay=timedelta(seconds=1),
                **arguments,
            )
