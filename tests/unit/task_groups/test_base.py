from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateExecutePipelineOperator,
    QuantemplateUploadDatasetOperator,
)
from airflow_provider_dataops.task_groups import quantemplate_straight_through, tamr_refresh, toucan_refresh
from airflow_provider_dataops.task_groups.base import distribute

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import DAG

OPERATORS = (QuantemplateUploadDatasetOperator, QuantemplateExecutePipelineOperator)


def test_each_task_gets_the_arguments_that_it_takes() -> None:
    common = {"quantemplate_conn_id": "acme", "organisation_id": "c-1", "retries": 3}
    upload, execute = distribute({**common, "deferrable": True}, *OPERATORS)
    assert upload == common
    assert execute == {**common, "deferrable": True, "wait_for_completion": True}


def test_a_misspelled_argument_is_an_error_with_the_names_of_the_operators() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        distribute({"defferable": True}, *OPERATORS)
    for word in ("defferable", *(operator.__name__ for operator in OPERATORS)):
        assert word in str(caught.value)


REFRESHES: list[Any] = [
    pytest.param(
        lambda **more: tamr_refresh(source_ids=["s-1"], data_product_id="dp-1", **more), id="tamr_refresh"
    ),
    pytest.param(
        lambda **more: quantemplate_straight_through(
            source="x.csv", dataset_id="d-1", pipeline_id="p-1", destination="y.csv", **more
        ),
        id="quantemplate_straight_through",
    ),
    pytest.param(lambda **more: toucan_refresh(source="x.csv", **more), id="toucan_refresh"),
]


@pytest.mark.parametrize("refresh", REFRESHES)
class TestEachGroup:
    def test_has_the_name_of_its_function(
        self, dag: DAG, refresh: Callable[..., Any], request: pytest.FixtureRequest
    ) -> None:
        assert refresh().group_id in request.node.name

    def test_can_be_in_a_dag_twice(self, dag: DAG, refresh: Callable[..., Any]) -> None:
        refresh(group_id="first") >> refresh(group_id="second")
        heads, tails = {task.task_id for task in dag.roots}, {task.task_id for task in dag.leaves}
        assert all(task_id.startswith("first.") for task_id in heads)
        assert all(task_id.startswith("second.") for task_id in tails)

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("wait_for_completion", False, "group sets it itself"),
            ("task_id", "mine", "group sets it itself"),
            ("outlets", [], "set it on one of the group's tasks"),
            ("defferable", True, "is not an argument of"),
            ("deferrable", "yes", "True or False"),
            ("timeout", -1, "above 0"),
            ("poll_interval", 0, "above 0"),
        ],
    )
    def test_rejects_a_wrong_argument_when_the_file_is_parsed(
        self, dag: DAG, refresh: Callable[..., Any], name: str, value: object, words: str
    ) -> None:
        with pytest.raises(InvalidArgumentError, match=rf"{name}.*{words}"):
            refresh(**{name: value})

    def test_waits_although_the_dag_has_another_default(self, dag: DAG, refresh: Callable[..., Any]) -> None:
        dag.default_args["wait_for_completion"] = False
        refresh()
        waiting = [task for task in dag.tasks if not task.is_mapped and hasattr(task, "wait_for_completion")]
        assert waiting
        assert all(task.wait_for_completion for task in waiting)
