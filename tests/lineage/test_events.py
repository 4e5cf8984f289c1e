"""The events that OpenLineage sends for the tasks of a real Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from example_dags import release_train
from tests.lineage.conftest import DAGS, NAMESPACE, Events
from tests.lineage.events import Named, faults, named, written_to

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dataops_sandbox import Sandbox
    from devtools.airflow_client import AirflowClient


@pytest.fixture(scope="session")
def host(sandbox: Sandbox) -> str:
    return urlsplit(sandbox.url).netloc


def own(event: dict[str, Any]) -> dict[str, Any]:
    """Return this provider's facet of a run, without the members that each facet has."""
    facet = event["run"]["facets"]["dataops_run"]
    return {name: value for name, value in facet.items() if not name.startswith("_")}


def test_all_dags_end_as_expected(states: dict[str, str]) -> None:
    assert states == dict.fromkeys(DAGS, "success") | {"lineage_failed": "failed"}


def test_a_deferred_task_names_its_run_and_what_it_wrote(
    events_of: Callable[[str, str], Events], host: str
) -> None:
    events = events_of("lineage_deferred.load", "COMPLETE")
    # Airflow sends the second START when the task resumes.
    assert [event["eventType"] for event in events] == ["START", "START", "COMPLETE"]
    assert len({event["run"]["runId"] for event in events}) == 1
    last = events[-1]
    assert named(last["outputs"]) == {(f"tamr://{host}", "source/src_customers")}
    facet = own(last)
    assert (facet["platform"], facet["state"], facet["reattached"]) == ("Tamr", "succeeded", False)
    assert facet["url"].endswith(f"/runs/{facet['run_id']}")
    query = last["run"]["facets"]["externalQuery"]
    assert (query["externalQueryId"], query["source"]) == (facet["run_id"], f"tamr://{host}")


def test_a_task_that_fails_after_its_deferral_names_its_run(
    events_of: Callable[[str, str], Events], host: str
) -> None:
    last = events_of("lineage_failed.load", "FAIL")[-1]
    assert own(last)["state"] == "failed"
    assert named(last["outputs"]) == {(f"tamr://{host}", "source/src_broken")}
    # The author of the DAG has declared this inlet.
    inlet = ("quantemplate://fabric.prod.quantemplate.com/c-sandbox", "dataset/d-claims")
    assert named(last["inputs"]) == {inlet}


def test_a_retry_names_the_run_of_the_try_before(events_of: Callable[[str, str], Events]) -> None:
    events = events_of("lineage_reattached.load", "COMPLETE")
    assert [event["eventType"] for event in events] == ["START", "FAIL", "START", "COMPLETE"]
    failed, complete = own(events[1]), own(events[3])
    assert (failed["reattached"], complete["reattached"]) == (False, True)
    assert failed["run_id"] == complete["run_id"]
    assert failed["state"] == complete["state"] == "succeeded"
    assert events[1]["run"]["runId"] != events[3]["run"]["runId"]


def test_an_upload_names_the_file_and_the_dataset(
    events_of: Callable[[str, str], Events], host: str, claims: Path
) -> None:
    last = events_of("lineage_upload.upload", "COMPLETE")[-1]
    assert named(last["inputs"]) == {("file", str(claims))}
    [output] = last["outputs"]
    assert (output["namespace"], output["name"]) == (
        f"quantemplate://{host}/c-sandbox",
        "dataset/d-claims",
    )
    assert output["outputFacets"]["outputStatistics"]["size"] == claims.stat().st_size
    assert "dataops_run" not in last["run"]["facets"]


@pytest.fixture(scope="module")
def expected(airflow: AirflowClient, host: str, states: dict[str, str]) -> dict[str, tuple[Named, Named]]:
    """Return the inputs and outputs of each task that has some."""
    assert states
    [run] = airflow.list_all("/dags/release_train/dagRuns", "dag_runs")

    def result(task_id: str) -> Any:
        return airflow.xcom("release_train", run["dag_run_id"], task_id)

    quantemplate, trac = f"quantemplate://{host}/c-sandbox", f"trac://{host}/ACME_CORP"
    toucan, tailer = f"toucan://{host}/product-corporation", f"tailer://{host}/000099/DEV"
    files = sorted((release_train.DATA / "toucan").iterdir())
    sales = (toucan, "staging/sales")
    stored, report = result("risk.store_positions"), result("risk.run_model")["outputs"]["report"]
    return {
        "sales.upload_files": (
            {("file", str(file)) for file in files},
            {(toucan, f"production/data-source/{file.name}") for file in files},
        ),
        "sales.preprocess": ({sales}, set()),
        "sales.stage": ({sales}, set()),
        "build_tables": (
            set(),
            {(tailer, "configuration/000099_iowa_liquor_prepare_pda_DEV")},
        ),
        "customers.update": (set(), {(f"tamr://{host}", "data-product/dp_customers")}),
        "positions.receive": (
            {("file", str(release_train.DATA / "positions.csv"))},
            {(quantemplate, "dataset/d-positions")},
        ),
        "positions.cleanse": (
            set(),
            {
                (quantemplate, f"pipeline/p-positions/output/{output['name']}")
                for output in result("positions.cleanse")["outputs"]
            },
        ),
        "risk.import_model": (set(), {(trac, _name_of(result("risk.import_model")["model"]))}),
        "risk.run_model": (
            {(trac, f"data/{stored['object_id']}")},
            {(trac, _name_of(report))},
        ),
        "release": (set(), set()),
    }


class TestTheReleaseTrain:
    """The example with all five platforms."""

    def test_names_the_inputs_and_outputs_of_each_task(
        self,
        expected: dict[str, tuple[Named, Named]],
        events_of: Callable[[str, str], Events],
    ) -> None:
        found = {}
        for task_id in expected:
            last = events_of(f"release_train.{task_id}", "COMPLETE")[-1]
            found[task_id] = (named(last.get("inputs", [])), named(last.get("outputs", [])))
        assert found == expected

    def test_names_the_run_of_each_task_that_waits(
        self, expected: dict[str, tuple[Named, Named]], events_of: Callable[[str, str], Events]
    ) -> None:
        for task_id in set(expected) - {"sales.upload_files", "positions.receive"}:
            facet = own(events_of(f"release_train.{task_id}", "COMPLETE")[-1])
            assert (facet["state"], facet["reattached"]) == ("succeeded", False)

    def test_names_what_the_hooks_in_a_python_task_read_and_wrote(
        self, events_of: Callable[[str, str], Events], host: str
    ) -> None:
        """The task downloads from Quantemplate and uploads to TRAC; nothing else names its datasets."""
        last = events_of("release_train.risk.store_positions", "COMPLETE")[-1]
        inputs, outputs = (
            {name for namespace, name in named(last[side]) if namespace != "file"}
            for side in ("inputs", "outputs")
        )
        assert len(inputs) == len(outputs) == 1
        assert inputs.pop().startswith("pipeline/p-positions/output/")
        assert outputs.pop().startswith("data/")


def _name_of(key: str) -> str:
    """Return the name of an object of TRAC: ``DATA-<uuid>-v1``."""
    kind, _, rest = key.partition("-")
    return f"{kind.lower()}/{rest.rpartition('-v')[0]}"


def test_all_events_follow_the_specification(states: dict[str, str], event_file: Path) -> None:
    assert states
    events = written_to(event_file)
    jobs = {event["job"]["name"].partition(".")[0] for event in events}
    assert jobs >= set(DAGS)
    assert {event["job"]["namespace"] for event in events} == {NAMESPACE}
    wrong = {f"{event['job']['name']} {event['eventType']}": faults(event) for event in events}
    assert {event: found for event, found in wrong.items() if found} == {}


def test_no_task_logs_a_complaint_about_its_lineage(airflow: AirflowClient, states: dict[str, str]) -> None:
    for dag_id in states:
        [run] = airflow.list_all(f"/dags/{dag_id}/dagRuns", "dag_runs")
        for task in airflow.task_instances(dag_id, run["dag_run_id"]):
            log = airflow.log(dag_id, run["dag_run_id"], task["task_id"], map_index=task["map_index"])
            for complaint in ("Failed to extract", "return None", "gets no facts", "are not known"):
                assert complaint not in log, (task["task_id"], log)
