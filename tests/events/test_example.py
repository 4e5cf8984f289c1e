"""What the authors of DAGs see: the example works, and a wrong argument has a clear error."""

from __future__ import annotations

from signal import SIGTERM
from typing import TYPE_CHECKING

from tests.events.ledger import STARTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.events.ledger import Ledger

DAG_ID = "quantemplate_events"
WRONG = """
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow_provider_dataops.triggers.tamr import TamrJobEventTrigger

watcher = AssetWatcher(name="wrong", trigger=TamrJobEventTrigger(states=["done"]))
with DAG("wrong", schedule=[Asset("wrong", watchers=[watcher])]):
    pass
"""


def test_the_example_downloads_the_outputs_of_an_execution_once(ledger: Ledger, downloads: Path) -> None:
    client, store = ledger.stack.client, ledger.sandbox.quantemplate
    ledger.open("the example DAG")
    client.wait_for_dags([DAG_ID])
    client.unpause(DAG_ID)
    ledger.stack.wait_until(lambda: ledger.lines(STARTS) == 1, timeout=300.0)

    execution_id = store.start("p-claims")
    store.finish(execution_id)
    ledger.wait_until_fired()
    ledger.stack.wait_until(lambda: ended(ledger), timeout=300.0)
    # The event was stored a few seconds ago. The trigger may not have stored its position.
    ledger.stop(SIGTERM)
    ledger.start()
    second = store.start("p-claims")
    store.finish(second)
    ledger.stack.wait_until((downloads / DAG_ID / second).exists, timeout=300.0)
    ledger.stack.wait_until(lambda: len(paths(ledger)) == 2, timeout=120.0)

    assert [path.parent.name for path in sorted((downloads / DAG_ID).glob("*/*.csv"))] == sorted(
        [execution_id, second]
    )
    assert len(set(paths(ledger))) == len(paths(ledger)) == 2
    ledger.close()


def test_a_wrong_argument_is_an_import_error_of_the_dag(ledger: Ledger, examples: Path) -> None:
    (examples / "wrong.py").write_text(WRONG)
    errors: list[str] = []

    def found() -> bool:
        errors[:] = [error["stack_trace"] for error in ledger.stack.client.import_errors()]
        return bool(errors)

    ledger.stack.wait_until(found, timeout=300.0, interval=1.0)
    (examples / "wrong.py").unlink()
    message = "TamrJobEventTrigger: states must contain only succeeded, failed, cancelled; given: ['done']"
    assert message in errors[0]


def ended(ledger: Ledger) -> list[str]:
    """Return the ids of the DAG runs that have succeeded."""
    runs = ledger.stack.client.list_all(f"/dags/{DAG_ID}/dagRuns", "dag_runs")
    assert "failed" not in {run["state"] for run in runs}
    return [run["dag_run_id"] for run in runs if run["state"] == "success"]


def paths(ledger: Ledger) -> list[str]:
    """Return the paths that the DAG runs have downloaded."""
    found = [ledger.stack.client.xcom(DAG_ID, run_id, "download_outputs") for run_id in ended(ledger)]
    return [path for run in found for path in run or ()]
