"""In TRAC's example DAG, each task uses the result of an earlier task."""

from __future__ import annotations

from typing import Any

from airflow.sdk.definitions.xcom_arg import PlainXComArg

from airflow_provider_dataops.platforms.trac import MAX_CONTENT
from example_dags import trac_model_run as example


def source_task(value: Any) -> str:
    assert isinstance(value, PlainXComArg)
    return str(value.operator.task_id)


def test_each_task_uses_the_result_of_an_earlier_task() -> None:
    assert source_task(example.run_model.model) == "import_model"
    assert source_task(example.run_model.inputs["positions"]) == "upload_positions"  # type: ignore[index]
    assert example.run_model.upstream_task_ids == {"import_model", "upload_positions"}
    assert example.download.selector == example.approve.selector
    assert example.approve.upstream_task_ids == {"download_report"}


def test_the_schema_contains_the_columns_of_the_file() -> None:
    head, *rows = example.POSITIONS.read_text(encoding="utf-8").splitlines()
    assert head.split(",") == list(example.FIELDS)
    assert rows
    assert example.POSITIONS.stat().st_size < MAX_CONTENT
