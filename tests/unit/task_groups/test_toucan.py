from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import task as task_decorator

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.task_groups import toucan_refresh
from tests.unit.task_groups.shape import order, task

if TYPE_CHECKING:
    from airflow.sdk import DAG

pytestmark = pytest.mark.usefixtures("dag")


def test_the_operations_run_after_the_upload() -> None:
    group = toucan_refresh(source="/in/{{ ds }}/*.csv", operations=["populate_reports"])
    assert order(group) == {"upload": set(), "run_operations": {"upload"}}
    assert task(group, "upload").source == "/in/{{ ds }}/*.csv"
    assert task(group, "run_operations").operations == ["populate_reports"]


def test_the_default_is_the_default_of_the_operators() -> None:
    group = toucan_refresh(source="x.csv")
    assert task(group, "run_operations").operations[-1] == "release"
    # An upload and an operation have different stages.
    assert task(group, "upload").stage is None
    assert task(group, "run_operations").stage == "staging"


def test_each_task_gets_the_common_arguments_that_it_takes() -> None:
    group = toucan_refresh(
        source="x.csv",
        filename="sales.csv",
        stage=None,
        toucan_conn_id="acme",
        small_app="shop",
        upload_mode="dropzone",
        output_domains=["sales"],
        deferrable=True,
        retries=4,
    )
    upload, run = (task(group, name) for name in order(group))
    for found in (upload, run):
        assert (found.toucan_conn_id, found.small_app, found.retries) == ("acme", "shop", 4)
    assert (upload.filename, upload.upload_mode) == ("sales.csv", "dropzone")
    assert (run.output_domains, run.deferrable, run.stage) == (["sales"], True, None)


@pytest.mark.parametrize("operations", ["operations.json", "{{ params.operations }}"])
def test_the_operations_may_be_a_file_or_a_template(operations: str) -> None:
    group = toucan_refresh(source="x.csv", operations=operations)
    assert task(group, "run_operations").operations == operations


def test_the_operations_may_be_the_output_of_a_task() -> None:
    @task_decorator
    def choose() -> list[str]:
        return ["populate_reports"]

    group = toucan_refresh(source="x.csv", operations=choose())
    assert order(group)["run_operations"] == {"upload", "choose"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", ""),
        ("filename", ""),
        ("operations", []),
        ("operations", ""),
        ("operations", ["", "release"]),
        ("stage", "production"),
    ],
)
def test_a_wrong_argument_is_an_error_and_adds_no_task(dag: DAG, name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        toucan_refresh(**{"source": "x.csv", name: value})
    assert dag.tasks == []
