"""What the tasks of Quantemplate share."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.tasks.quantemplate import QuantemplatePipelineTask


def test_a_task_with_a_pipeline_id_is_accepted() -> None:
    QuantemplatePipelineTask(task_id="t", pipeline_id="p-1").check()


@pytest.mark.parametrize("pipeline_id", ["", " ", None, 5])
def test_a_pipeline_id_that_is_empty_or_no_text_is_rejected(pipeline_id: str) -> None:
    with pytest.raises(InvalidArgumentError, match="pipeline_id"):
        QuantemplatePipelineTask(task_id="t", pipeline_id=pipeline_id).check()


def test_the_connection_id_is_checked_too() -> None:
    with pytest.raises(InvalidArgumentError, match="quantemplate_conn_id"):
        QuantemplatePipelineTask(task_id="t", pipeline_id="p-1", quantemplate_conn_id="").check()
