"""The example DAGs work in a real Airflow, with the results that they promise."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from devtools.demo import DAGS
from example_dags import quantemplate_straight_through as quantemplate
from example_dags import tamr_refresh as tamr
from example_dags import trac_model_run as trac

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.airflow_client import AirflowClient

#: The tasks that wait for a run, by DAG.
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
}
#: The tasks whose results and links are checked one by one.
TASKS = [
    (dag_id, task_id)
    for dag_id, task_ids in WAITING.items()
    for task_id in sorted(task_ids)
    if task_id != "customers.load"  # a mapped task has many results
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
    assert {task.task_id for task in times if task.deferrals == 1} == WAITING[dag_id]
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
    outputs = [key for key in keys if key != "return_value" and not key.startswith("_link_")]
    assert 1 <= len(outputs) <= 2
    assert [airflow.xcom(dag_id, examples[dag_id], task_id, key) for key in outputs] == [
        value[key] for key in outputs
    ]


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


def _as_the_sandbox_computes(source: Path) -> bytes:
    """Return what the sandbox's pipelines make of a file: trimmed cells, numbered rows, upper-case names."""
    head, *rows = csv.reader(io.StringIO(source.read_text(encoding="utf-8-sig"), newline=""))
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow([*(name.strip().upper() for name in head), "ROW_NUMBER"])
    for number, row in enumerate((row for row in rows if any(cell.strip() for cell in row)), start=1):
        writer.writerow([*(cell.strip() for cell in row), number])
    return made.getvalue().encode()
