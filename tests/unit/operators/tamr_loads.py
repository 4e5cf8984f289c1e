"""What the tests of a run's operator have in common: a task that loads a source of Tamr."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **arguments)
