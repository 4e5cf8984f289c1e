"""The job that each operator of Tamr Cloud creates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.operators.tamr import (
    TamrCreateJobOperator,
    TamrLoadSourceOperator,
    TamrPublishOperator,
    TamrRunWorkflowOperator,
    TamrStopJobOperator,
    TamrUpdateDataProductOperator,
)

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


@pytest.mark.parametrize(
    ("operator", "arguments", "job"),
    [
        (TamrLoadSourceOperator, {"source_id": "s"}, {"load": {"sourceId": "s"}}),
        (TamrUpdateDataProductOperator, {"data_product_id": "d"}, {"update": {"dataProductId": "d"}}),
        (TamrRunWorkflowOperator, {"workflow_id": "w"}, {"update": {"workflowId": "w"}}),
        (TamrPublishOperator, {"destination_id": "x"}, {"publish": {"destinationId": "x"}}),
        (
            TamrPublishOperator,
            {"destination_id": "x", "data_product_id": "d"},
            {"publish": {"destinationId": "x", "dataProductId": "d"}},
        ),
        (TamrCreateJobOperator, {"configuration": {"load": {"sourceId": "s"}}}, {"load": {"sourceId": "s"}}),
    ],
)
def test_the_operator_creates_its_configuration(
    operator: Any, arguments: dict[str, Any], job: dict[str, Any]
) -> None:
    task = operator(task_id="t", **arguments)
    assert task.job() == job
    assert set(arguments) <= set(task.template_fields)


class TestStop:
    def test_asks_the_hook_and_returns_the_id(self, mocker: MockerFixture) -> None:
        task = TamrStopJobOperator(task_id="t", job_id="j-1")
        hook = mocker.patch.object(TamrStopJobOperator, "make_hook").return_value
        assert task.act(mocker.Mock()) == "j-1"
        hook.stop_job.assert_called_once_with("j-1")

    @pytest.mark.parametrize("job_id", ["", " ", None])
    def test_needs_a_job_id(self, job_id: str) -> None:
        with pytest.raises(InvalidArgumentError, match="job_id"):
            TamrStopJobOperator(task_id="t", job_id=job_id).check()
