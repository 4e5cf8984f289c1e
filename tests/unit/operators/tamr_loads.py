"""The task that most operator tests use: it loads a source of Tamr."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **arguments)
