"""TRAC's example hands each task what the one before returned."""

from __future__ import annotations

from typing import Any

from airflow.sdk.definitions.xcom_arg import PlainXComArg

from airflow_provider_dataops.platforms.trac import MAX_CONTENT
from example_dags import trac_model_run as example


def xcom(told: Any) -> str:
    assert isinstance(told, PlainXComArg)
    return str(told.operator.task_id)


def test_values_are_handed_on() -> None:
    assert xcom(example.run_model.model) == "import_model"
    assert xcom(example.run_model.inputs["positions"]) == "upload_positions"  # type: ignore[index]
    assert example.run_model.upstream_task_ids == {"import_model", "upload_positions"}
    assert example.download.selector == example.approve.selector
    assert example.approve.upstream_task_ids == {"download_report"}


def test_the_schema_tells_of_the_columns_that_are_there() -> None:
    head, *rows = example.POSITIONS.read_text(encoding="utf-8").splitlines()
    assert head.split(",") == list(example.FIELDS)
    assert rows
    assert example.POSITIONS.stat().st_size < MAX_CONTENT
