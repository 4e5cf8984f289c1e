"""The example DAGs work in a real Airflow, with the results that they promise."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dataops.adapters import task_state
from airflow_provider_dataops.lifecycle.published import PROGRESS_KEY
from devtools.demo import DAGS
from example_dags import quantemplate_straight_through as quantemplate
from example_dags import tamr_refresh as tamr
from example_dags import trac_model_run as trac
from tests.system.scenes import APPROVAL, APPROVED, REJECTED
from tests.unit.task_classes import class_of

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.airflow_client import AirflowClient

#: The tasks that start a run and wait for it, by DAG.
WAITING = {
    "toucan_refresh": {"preprocess", "populate", "release"},
    "tailer_launch": {"prepare_tables", "export_tables"},
    "quantemplate_straight_through": {"execute_pipeline"},
    "tamr_refresh": {
        *(f"load_{source}" for source in tamr.SOURCES),
        "update_data_product",
        "run_workflow",
        "publish_golden_records",
    },
    "trac_model_run": {"import_model", "run_model"},
    "release_train": {
        "sales.preprocess",
        "sales.stage",
        "build_tables",
        "customers.load",
        "customers.update",
        "positions.cleanse",
        "risk.import_model",
        "risk.run_model",
        "release",
    },
    "quantemplate_auto_run": set(),
    "quantemplate_events": set(),
    "tailer_checked_build": set(),
    "tamr_supervised_update": set(),
    "trac_flow_run": {"run_flow"},
    "trac_review": set(),
    "taskflow": {"load", "execute_pipeline"},
    "approved_release": {"cleanse.execute", "stage.run_operations", "release"},
}
#: The sensors that wait for a run, by DAG. The run may have ended before the sensor looks.
SENSING = {
    "quantemplate_auto_run": {"wait_for_execution"},
    "tailer_checked_build": {"wait_for_tables", "wait_for_build"},
    "tamr_supervised_update": {"wait_for_load", "wait_for_update"},
    "trac_flow_run": {"wait_for_import"},
}
#: The names of all sensors of the examples begin like this.
SENSOR = "wait_"
#: A mapped task has many results.
MAPPED = {"customers.load", "load"}
#: The tasks whose results and links are checked one by one.
TASKS = [
    (dag_id, task_id)
    for dag_id in DAGS
    for task_id in sorted((WAITING[dag_id] | SENSING.get(dag_id, set())) - MAPPED)
]
#: The tasks of this provider that return a dict or a list of dicts, with the keys that they promise.
RESULTS: list[Any] = [
    pytest.param(dag_id, task.task_id, class_of(task).result_keys, id=f"{dag_id}.{task.task_id}")
    for dag_id in DAGS
    for task in import_module(f"example_dags.{dag_id}").dag.tasks
    if getattr(class_of(task), "result_keys", None) and not task.is_mapped
]


def test_the_tests_cover_all_examples() -> None:
    assert set(WAITING) == set(DAGS)


@pytest.mark.parametrize("dag_id", WAITING)
def test_all_tasks_succeed_in_their_first_try(
    airflow: AirflowClient, examples: dict[str, str], dag_id: str
) -> None:
    tasks = airflow.task_instances(dag_id, examples[dag_id])
    assert {task["state"] for task in tasks} == {"success"}
    assert {task["try_number"] for task in tasks} == {1}
    assert {task["task_id"] for task in tasks} >= WAITING[dag_id]


@pytest.mark.parametrize("dag_id", WAITING)
def test_only_the_tasks_that_wait_were_deferred(
    airflow: AirflowClient, examples: dict[str, str], dag_id: str
) -> None:
    times = airflow.times(dag_id, examples[dag_id])
    deferred = {task.task_id for task in times if task.deferrals == 1}
    # Before 3.3, Airflow also defers a task that waits for a person.
    others = {task_id for task_id in deferred if task_id.startswith(SENSOR) or task_id == APPROVAL}
    assert deferred - others == WAITING[dag_id]
    assert all(task.deferrals <= 1 for task in times)


@pytest.mark.parametrize(("dag_id", "task_id"), TASKS)
def test_a_task_that_waits_returns_its_run(
    airflow: AirflowClient, examples: dict[str, str], dag_id: str, task_id: str
) -> None:
    value = airflow.xcom(dag_id, examples[dag_id], task_id)
    assert value["state"] == "succeeded"
    if value["started_at"] and value["finished_at"]:
        assert value["started_at"] < value["finished_at"]
    assert value["url"].endswith(f"/runs/{value['run_id']}")
    assert urlsplit(value["url"]).scheme == "http"
    assert list(airflow.links(dag_id, examples[dag_id], task_id).values()) == [value["url"]]
    keys = airflow.xcom_keys(dag_id, examples[dag_id], task_id)
    # Before 3.3, Airflow has no task state store, and the record is an XCom.
    others = ("return_value", PROGRESS_KEY, task_state.KEY)
    outputs = [key for key in keys if key not in others and not key.startswith("_link_")]
    assert 1 <= len(outputs) <= 2
    assert [airflow.xcom(dag_id, examples[dag_id], task_id, key) for key in outputs] == [
        value[key] for key in outputs
    ]


@pytest.mark.parametrize(("dag_id", "task_id", "promised"), RESULTS)
def test_a_result_has_the_keys_that_its_page_lists(
    airflow: AirflowClient, examples: dict[str, str], dag_id: str, task_id: str, promised: dict[str, str]
) -> None:
    value = airflow.xcom(dag_id, examples[dag_id], task_id)
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        assert set(entry) <= set(promised)
        assert all("missing" in promised[key] for key in set(promised) - set(entry))


def test_the_sources_are_loaded_before_the_product_is_updated(
    airflow: AirflowClient, examples: dict[str, str]
) -> None:
    results = {
        task: airflow.xcom("tamr_refresh", examples["tamr_refresh"], task) for task in WAITING["tamr_refresh"]
    }
    loaded = max(results[f"load_{source}"]["finished_at"] for source in tamr.SOURCES)
    assert loaded < results["update_data_product"]["started_at"]
    assert results["update_data_product"]["finished_at"] < results["run_workflow"]["started_at"]
    assert results["run_workflow"]["finished_at"] < results["publish_golden_records"]["started_at"]


def test_the_downloaded_file_is_the_output_of_the_pipeline_for_the_uploaded_file(
    airflow: AirflowClient, examples: dict[str, str], downloads: Path
) -> None:
    dag_id = "quantemplate_straight_through"
    path = downloads / dag_id / examples[dag_id] / "claims.csv"
    assert airflow.xcom(dag_id, examples[dag_id], "download_output") == str(path)

    received = path.read_bytes()
    assert received == _as_the_sandbox_computes(quantemplate.CLAIMS)
    assert "東京海上ホールディングス" in received.decode()
    assert received.count(b"\n") > 1000
    assert [file.name for file in path.parent.iterdir()] == ["claims.csv"]


def test_the_report_is_the_output_of_the_model_for_the_uploaded_file(
    airflow: AirflowClient, examples: dict[str, str], downloads: Path
) -> None:
    path = downloads / "trac_model_run" / examples["trac_model_run"] / "report.csv"
    head, *received = csv.reader(io.StringIO(path.read_text("utf-8"), newline=""))
    computed = csv.reader(io.StringIO(_as_the_sandbox_computes(trac.POSITIONS).decode(), newline=""))
    assert head == next(computed)
    amount = head.index("MARKET_VALUE")
    # TRAC writes decimals with twelve places.
    wanted = [[*row[:amount], f"{Decimal(row[amount]):.12f}", *row[amount + 1 :]] for row in computed]
    assert received == wanted


def test_the_release_comes_last(airflow: AirflowClient, examples: dict[str, str]) -> None:
    tasks = airflow.task_instances("release_train", examples["release_train"])
    [release] = [task for task in tasks if task["task_id"] == "release"]
    assert all(task["end_date"] <= release["start_date"] for task in tasks if task is not release)


def test_the_app_is_released_after_the_approval(airflow: AirflowClient, examples: dict[str, str]) -> None:
    staged, approved, released = (
        airflow.task(APPROVED, examples[APPROVED], task_id)
        for task_id in ("stage.run_operations", APPROVAL, "release")
    )
    assert staged["end_date"] <= approved["start_date"]
    assert approved["end_date"] <= released["start_date"]
    assert airflow.xcom(APPROVED, examples[APPROVED], APPROVAL)["chosen_options"] == ["Approve"]
    url = airflow.xcom(APPROVED, examples[APPROVED], "stage.run_operations")["url"]
    assert url in airflow.question(APPROVED, examples[APPROVED], APPROVAL)


@pytest.mark.usefixtures("examples")
def test_the_app_is_not_released_after_a_rejection(airflow: AirflowClient) -> None:
    assert airflow.wait_for_run(APPROVED, REJECTED) == "success"
    assert airflow.task(APPROVED, REJECTED, "stage.run_operations")["state"] == "success"
    assert airflow.task(APPROVED, REJECTED, "release")["state"] == "skipped"


def _as_the_sandbox_computes(source: Path) -> bytes:
    """Return what the sandbox's pipelines make of a file: trimmed cells, numbered rows, upper-case names."""
    head, *rows = csv.reader(io.StringIO(source.read_text(encoding="utf-8-sig"), newline=""))
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow([*(name.strip().upper() for name in head), "ROW_NUMBER"])
    for number, row in enumerate((row for row in rows if any(cell.strip() for cell in row)), start=1):
        writer.writerow([*(cell.strip() for cell in row), number])
    return made.getvalue().encode()
