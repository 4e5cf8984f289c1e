"""The classes of OpenLineage that OpenLineage gets, against the rules of its specification."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from airflow.sdk import Asset, AssetAlias
from jsonschema import Draft202012Validator
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from airflow_provider_dataops.core import run as core_run
from airflow_provider_dataops.core.lineage import ExternalRun, Lineage, Names, file_dataset
from airflow_provider_dataops.lineage.openlineage import DATAOPS_RUN, SCHEMA, operator_lineage
from tests.lineage.events import OWN, faults, named

NAMES = Names("tamr", "", ("source/SOURCE",))
NAMESPACE = NAMES.namespace("my-tenant.tamr.cloud")
SOURCE = NAMES.dataset(NAMESPACE, "source", "s", version=3, size=7)
RUN = ExternalRun(
    namespace=NAMESPACE, run_id="j-1", state="succeeded", url="https://my-tenant.tamr.cloud/", reattached=True
)
LINEAGE = Lineage(platform="Tamr", inputs=(file_dataset("/claims.csv"),), outputs=(SOURCE,), run=RUN)


def event(lineage: Lineage | None, *declared: Any) -> dict[str, Any]:
    """Return the event that OpenLineage sends for a task."""
    reported = operator_lineage(lineage, *declared)
    sent = RunEvent(
        eventType=RunState.COMPLETE,
        eventTime="2026-11-28T10:00:00.000Z",
        run=Run("0193754e-0000-7000-8000-000000000000", facets=reported.run_facets),
        job=Job("default", "dag.task", facets=reported.job_facets),
        inputs=reported.inputs,
        outputs=reported.outputs,
    )
    payload: dict[str, Any] = json.loads(Serde.to_json(sent))
    return payload


def test_an_event_follows_the_specification() -> None:
    sent = event(LINEAGE)
    assert faults(sent) == []
    assert named(sent["inputs"]) == {("file", "/claims.csv")}
    [output] = sent["outputs"]
    assert (output["namespace"], output["name"]) == (NAMESPACE, "source/s")
    assert output["facets"]["version"]["datasetVersion"] == "3"
    assert output["outputFacets"]["outputStatistics"]["size"] == 7


def test_the_facets_identify_the_run() -> None:
    facets = event(LINEAGE)["run"]["facets"]
    assert facets["externalQuery"]["externalQueryId"] == "j-1"
    assert facets["externalQuery"]["source"] == NAMESPACE
    own = {name: value for name, value in facets[DATAOPS_RUN].items() if not name.startswith("_")}
    assert own == {
        "platform": "Tamr",
        "run_id": "j-1",
        "state": "succeeded",
        "url": RUN.url,
        "reattached": True,
    }
    assert facets[DATAOPS_RUN]["_schemaURL"] == SCHEMA


def test_the_schema_in_the_package_describes_the_facet() -> None:
    Draft202012Validator.check_schema(OWN)
    assert f"{OWN['$id']}#/$defs/DataOpsRunFacet" == SCHEMA
    assert set(OWN["$defs"]["DataOpsRunFacet"]["properties"]["state"]["enum"]) == set(core_run.RunState)


@pytest.mark.parametrize("name", ["platform", "run_id", "state", "url", "reattached", "_producer"])
def test_the_rules_find_a_wrong_facet(name: str) -> None:
    sent = event(LINEAGE)
    missing, wrong = copy.deepcopy(sent), copy.deepcopy(sent)
    del missing["run"]["facets"][DATAOPS_RUN][name]
    wrong["run"]["facets"][DATAOPS_RUN][name] = None
    assert faults(missing)
    assert faults(wrong)


def test_an_upload_has_no_run() -> None:
    sent = event(Lineage(platform="Tamr", outputs=(SOURCE,)))
    assert faults(sent) == []
    assert sent["run"].get("facets", {}) == {}


def test_what_the_author_has_declared_is_added_once() -> None:
    """OpenLineage itself leaves it out if the operator names a dataset."""
    inlets = [Asset("orders", uri="tamr://my-tenant.tamr.cloud/source/orders"), AssetAlias("more"), object()]
    outlets = [Asset("customers", uri=SOURCE.uri), Asset("table", uri="s3://bucket/table"), Asset("name")]
    sent = event(LINEAGE, inlets, outlets)
    assert faults(sent) == []
    assert named(sent["inputs"]) == {("file", "/claims.csv"), (NAMESPACE, "source/orders")}
    # Airflow's Amazon provider, which would translate the table, is not installed.
    assert named(sent["outputs"]) == {(NAMESPACE, "source/s")}
    assert len(sent["outputs"]) == 1


def test_nothing_is_reported_if_nothing_is_known() -> None:
    reported = operator_lineage(None, [Asset("customers", uri=SOURCE.uri)])
    assert (reported.inputs, reported.outputs, reported.run_facets) == ([], [], {})
