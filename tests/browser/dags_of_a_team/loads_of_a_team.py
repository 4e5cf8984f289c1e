"""A DAG in a bundle of its own, so that a user may read this DAG alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

# A busy machine may end more than one try.
args: dict[str, Any] = {"retries": 20, "retry_delay": timedelta(seconds=1)}

with DAG("loads_of_a_team", schedule=None, default_args=args):
    TamrLoadSourceOperator(task_id="load", source_id="source_team", deferrable=True)
