from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.task_groups import quantemplate_straight_through
from tests.unit.task_groups.shape import order, task

if TYPE_CHECKING:
    from airflow.sdk import DAG, TaskGroup

pytestmark = pytest.mark.usefixtures("dag")


def straight_through(**more: Any) -> TaskGroup:
    wanted = {
        "source": "s3://in/{{ ds }}.csv",
        "dataset_id": "d-1",
        "pipeline_id": "p-1",
        "destination": "s3://out/{{ run_id }}.csv",
    }
    return quantemplate_straight_through(**{**wanted, **more})


def test_the_output_of_the_execution_is_downloaded() -> None:
    group = straight_through(output_name="claims")
    assert order(group) == {"upload": set(), "execute": {"upload"}, "download": {"execute"}}
    upload, execute, download = (task(group, name) for name in order(group))
    assert (upload.source, upload.dataset_id) == ("s3://in/{{ ds }}.csv", "d-1")
    assert execute.pipeline_id == download.pipeline_id == "p-1"
    assert (download.output_name, download.output_id) == ("claims", None)
    assert download.destination == "s3://out/{{ run_id }}.csv"
    assert (download.execution_id.operator, download.execution_id.key) == (execute, "execution_id")


def test_each_task_gets_the_common_arguments_that_it_takes() -> None:
    group = straight_through(
        quantemplate_conn_id="acme", organisation_id="c-1", retries=4, deferrable=True, timeout=60.0
    )
    for name in order(group):
        found = task(group, name)
        assert (found.quantemplate_conn_id, found.organisation_id, found.retries) == ("acme", "c-1", 4)
    execute = task(group, "execute")
    assert (execute.deferrable, execute.timeout, execute.wait_for_completion) == (True, 60.0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"source": ""}, "source"),
        ({"dataset_id": None}, "dataset_id"),
        ({"pipeline_id": " "}, "pipeline_id"),
        ({"destination": ""}, "destination"),
        ({"output_id": "o-1", "output_name": "claims"}, "output_id, output_name"),
        ({"output_name": ""}, "output_id, output_name"),
    ],
)
def test_a_wrong_argument_is_an_error_and_adds_no_task(
    dag: DAG, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        straight_through(**arguments)
    assert dag.tasks == []
