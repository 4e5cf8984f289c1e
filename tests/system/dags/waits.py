"""Tasks that start a run of a resource and wait for its end; the DAG run's configuration has the resource."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

RESOURCE = "{{ dag_run.conf['resource'] }}"
RETRY: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=1)}

TAMR: dict[str, dict[str, Any]] = {
    "tamr_deferred": {"deferrable": True},
    "tamr_deferred_retry": {"deferrable": True, **RETRY},
    "tamr_deferred_timeout": {"deferrable": True, "timeout": 8},
    "tamr_slot": {"deferrable": True},
    "tamr_on_worker": {"deferrable": False},
    "tamr_on_worker_retry": {"deferrable": False, **RETRY},
    "tamr_on_worker_timeout": {"deferrable": False, "timeout": 6},
    "tamr_on_worker_execution_timeout": {"deferrable": False, "execution_timeout": timedelta(seconds=6)},
    # A test creates its connection and deletes it.
    "tamr_connection": {
        "deferrable": True,
        "tamr_conn_id": "tamr_of_a_day",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
    },
}
QUANTEMPLATE: dict[str, dict[str, Any]] = {
    "quantemplate_deferred": {"deferrable": True},
    "quantemplate_on_worker": {"deferrable": False},
    "quantemplate_on_worker_retry": {"deferrable": False, **RETRY},
}

for dag_id, arguments in TAMR.items():
    with DAG(dag_id, schedule=None):
        TamrLoadSourceOperator(task_id="wait", source_id=RESOURCE, poll_interval=2, **arguments)

for dag_id, arguments in QUANTEMPLATE.items():
    with DAG(dag_id, schedule=None):
        QuantemplateExecutePipelineOperator(
            task_id="wait", pipeline_id=RESOURCE, poll_interval=2, **arguments
        )

with DAG("tamr_neighbours", schedule=None):
    for task_id in ("wait", "other"):
        source_id = f"{{{{ dag_run.conf['{task_id}'] }}}}"
        TamrLoadSourceOperator(
            task_id=task_id, source_id=source_id, poll_interval=2, deferrable=False, **RETRY
        )
