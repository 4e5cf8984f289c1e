"""50 mapped tasks. Each one starts a TRAC job of its own, and waits for it in a triggerer."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_dataops.operators.trac import TracImportModelOperator

NUMBER = 50
#: The class of the model that each task imports, by map index.
ENTRY_POINTS = [f"cluster.n{index:02}.Model" for index in range(NUMBER)]

with DAG("waits", schedule=None, max_active_tasks=100):
    TracImportModelOperator.partial(
        task_id="wait",
        repository="acme_models",
        version="v1.0.0",
        deferrable=True,
        poll_interval=10,
    ).expand(entry_point=ENTRY_POINTS)
