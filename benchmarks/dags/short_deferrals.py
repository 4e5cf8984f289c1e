"""Many tasks that defer. Their jobs end a few seconds later. No task is retried."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

SOURCES = [f"source_{number}" for number in range(int(os.environ["SHORT_DEFERRALS"]))]

with DAG("short_deferrals", schedule=None, max_active_tasks=64):
    TamrLoadSourceOperator.partial(task_id="load", deferrable=True, poll_interval=2, retries=0).expand(
        source_id=SOURCES
    )
