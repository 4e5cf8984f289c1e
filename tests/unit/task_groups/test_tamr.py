from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import task as task_decorator

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.task_groups import tamr_refresh
from tests.unit.task_groups.shape import argument, order, task

if TYPE_CHECKING:
    from airflow.sdk import DAG

pytestmark = pytest.mark.usefixtures("dag")


def test_all_parts_run_one_after_the_other() -> None:
    group = tamr_refresh(
        source_ids=["s-1", "s-2"],
        data_product_id="dp-1",
        workflow_id="flow-1",
        destination_ids=["dest-1"],
        realtime_destination_ids=["dest-2", "dest-3"],
    )
    assert order(group) == {
        "load": set(),
        "update": {"load"},
        "run_workflow": {"update"},
        "publish": {"run_workflow"},
        "publish_realtime": {"run_workflow"},
    }
    assert task(group, "load").expand_input.value == {"source_id": ["s-1", "s-2"]}
    assert task(group, "update").data_product_id == "dp-1"
    assert task(group, "run_workflow").workflow_id == "flow-1"
    assert task(group, "publish").expand_input.value == {"destination_id": ["dest-1"]}
    assert argument(group, "publish", "data_product_id") == "dp-1"
    assert task(group, "publish_realtime").expand_input.value == {"destination_id": ["dest-2", "dest-3"]}
    # Tamr rejects the publication to a RealTime destination if it contains a data product.
    assert argument(group, "publish_realtime", "data_product_id") is None


def test_a_part_without_an_id_is_left_out() -> None:
    group = tamr_refresh(source_ids=["s-1"], data_product_id="dp-1", destination_ids=["dest-1"])
    assert order(group) == {"load": set(), "update": {"load"}, "publish": {"update"}}


def test_all_tasks_get_the_common_arguments() -> None:
    group = tamr_refresh(
        source_ids=["s-1"],
        data_product_id="dp-1",
        workflow_id="flow-1",
        destination_ids=["dest-1"],
        realtime_destination_ids=["dest-2"],
        group_id="customers",
        tamr_conn_id="{{ params.tenant }}",
        deferrable=True,
        timeout=600.0,
        poll_interval=10.0,
        cancel_on_kill=False,
        retries=4,
    )
    for name in order(group):
        for which, value in (
            ("tamr_conn_id", "{{ params.tenant }}"),
            ("deferrable", True),
            ("timeout", 600.0),
            ("poll_interval", 10.0),
            ("cancel_on_kill", False),
            ("retries", 4),
            ("wait_for_completion", True),
        ):
            assert argument(group, name, which) == value, f"{which} of {name}"


def test_the_sources_may_be_the_output_of_a_task() -> None:
    @task_decorator
    def find_sources() -> list[str]:
        return ["s-1"]

    group = tamr_refresh(source_ids=find_sources(), data_product_id="dp-1")
    assert order(group)["load"] == {"find_sources"}


def test_each_load_has_the_name_of_its_source() -> None:
    group = tamr_refresh(source_ids=["s-1"], data_product_id="dp-1")
    assert argument(group, "load", "map_index_template") == "{{ task.source_id }}"
    assert "source_id" in TamrLoadSourceOperator.template_fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source_ids", []),
        ("source_ids", "s-1"),
        ("source_ids", ["s-1", " "]),
        ("data_product_id", ""),
        ("workflow_id", ""),
        ("destination_ids", []),
        ("destination_ids", "dest-1"),
        ("realtime_destination_ids", [3]),
    ],
)
def test_a_wrong_id_is_an_error_and_adds_no_task(dag: DAG, name: str, value: Any) -> None:
    wanted = {"source_ids": ["s-1"], "data_product_id": "dp-1", name: value}
    with pytest.raises(InvalidArgumentError, match=name):
        tamr_refresh(**wanted)
    assert dag.tasks == []
