"""The asset events of a real Airflow contain facts about the run and the dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from devtools.airflow_client import AirflowClient
    from devtools.airflow_stack import AirflowStack


@pytest.fixture(scope="module")
def asset_events(airflow: AirflowClient, states: dict[str, str]) -> list[dict[str, Any]]:
    assert states
    return airflow.list_all("/assets/events", "asset_events")


def of(events: list[dict[str, Any]], dag_id: str, task_id: str) -> list[dict[str, Any]]:
    """Return the asset events of a task, in the order of its map indexes."""
    found = [e for e in events if (e["source_dag_id"], e["source_task_id"]) == (dag_id, task_id)]
    return sorted(found, key=lambda event: event["source_map_index"])


@pytest.mark.parametrize(
    ("dag_id", "task_id", "name", "kind", "dataset"),
    [
        ("lineage_deferred", "load", "customers", "source", "src_customers"),
        ("lineage_reattached", "load", "crashing", "source", "src_crashing"),
        ("lineage_upload", "upload", "claims_at_quantemplate", "dataset", "d-claims"),
    ],
)
def test_a_declared_asset_gets_the_facts(
    asset_events: list[dict[str, Any]], dag_id: str, task_id: str, name: str, kind: str, dataset: str
) -> None:
    [event] = of(asset_events, dag_id, task_id)
    assert event["name"] == name
    facts = event["extra"]
    assert (facts["kind"], facts["id"]) == (kind, dataset)
    if task_id == "load":
        assert (facts["platform"], facts["state"]) == ("Tamr", "succeeded")
        assert facts["url"].endswith(f"/runs/{facts['run_id']}")
    else:
        assert facts["size"] > 0
    assert len(json.dumps(facts)) < 2000


def test_each_mapped_task_writes_an_event_of_its_own(
    asset_events: list[dict[str, Any]], sandbox: Sandbox
) -> None:
    to_alias = of(asset_events, "lineage_mapped", "to_alias")
    host = urlsplit(sandbox.url).netloc
    # A DAG knows the first asset under a name of its own. The second has its URI as its name.
    uri = f"tamr://{host}/source/src_suppliers"
    assert [event["name"] for event in to_alias] == ["orders", uri]
    assert [event["uri"] for event in to_alias] == [f"tamr://{host}/source/src_orders", uri]
    to_asset = of(asset_events, "lineage_mapped", "to_asset")
    assert {event["name"] for event in to_asset} == {"all_sources"}
    for events in (to_alias, to_asset):
        assert [event["source_map_index"] for event in events] == [0, 1]
        assert [event["extra"]["id"] for event in events] == ["src_orders", "src_suppliers"]


def test_the_alias_starts_a_dag_that_knows_the_asset_by_another_name(
    airflow: AirflowClient, stack: AirflowStack, states: dict[str, str]
) -> None:
    assert states
    stack.wait_until(lambda: airflow.list_all("/dags/lineage_consumer/dagRuns", "dag_runs"), timeout=60)


def test_an_extra_of_the_user_stays(asset_events: list[dict[str, Any]]) -> None:
    [event] = of(asset_events, "lineage_own_extra", "load")
    assert event["extra"] == {"mine": True}


def test_a_failed_task_writes_no_event(asset_events: list[dict[str, Any]]) -> None:
    assert of(asset_events, "lineage_failed", "load") == []
