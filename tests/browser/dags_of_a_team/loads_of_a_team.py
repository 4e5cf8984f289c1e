"""A DAG in a bundle of its own, so that a user may read this DAG alone."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

with DAG("loads_of_a_team", schedule=None):
    TamrLoadSourceOperator(task_id="load", source_id="source_team", deferrable=True, retries=20)
