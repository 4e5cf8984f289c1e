"""The vendors' own programs run to their end against the sandbox."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import requests

from dataops_sandbox import Sandbox
from tests.integration.sandbox import seed_clients

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCES = ["a", "list", "of", "source", "IDs"]
"""The sample values of the vendor's script."""

TENANT = "my-tenant"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Return a sandbox in real time, because the programs use it. Its runs take a moment."""
    with Sandbox(run_seconds=0.05) as serving:
        monkeypatch.setattr(seed_clients, "QUANTEMPLATE_URL", serving.quantemplate.base_url)
        monkeypatch.setattr(seed_clients, "QUANTEMPLATE_TOKEN_URL", serving.quantemplate.auth_url)
        monkeypatch.setattr(seed_clients, "TAMR_URL", serving.tamr.base_url)
        # Set the polling interval and the timeout here: the functions that wait do not pass them on.
        monkeypatch.setattr(seed_clients.poll_job, "__defaults__", (0.01, 2))
        yield serving


def run_straight_through(file: Path) -> None:
    seed_clients.run(
        user_id="sandbox-client",
        client_secret="sandbox-secret",
        org_id="c-sandbox",
        pipeline_input_id="d-claims",
        pipeline_id="p-claims",
        pipeline_input_file=str(file),
    )


def test_quantemplate_program_prints_the_output_for_the_file_that_it_uploaded(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "claims.csv"
    file.write_bytes("insured,amount\n Zürich Rück ,10\n\n Ōsaka,20\n".encode())

    run_straight_through(file)

    assert capsys.readouterr().out.endswith("INSURED,AMOUNT,ROW_NUMBER\nZürich Rück,10,1\nŌsaka,20,2\n\n")
    assert [entry.operation for entry in sandbox.journal] == [
        "get_token",
        "upload_dataset",
        "execute_pipeline",
        # The program waits a second between two polls, which is longer than the run.
        "list_executions",
        "list_executions",
        "download_output",
    ]
    assert sandbox.journal.refusals() == []


def test_quantemplate_program_prints_the_status_of_a_failed_run(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "claims.csv"
    file.write_bytes(b"a\n1\n")
    sandbox.quantemplate.script("p-claims", outcome="Cancelled", duration=0)

    run_straight_through(file)

    assert capsys.readouterr().out.endswith("Pipeline execution failed: Cancelled\n")


def test_quantemplate_class_downloads_the_dataset_that_it_uploaded(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "claims.csv"
    file.write_bytes("größe\n1\n".encode())
    api = seed_clients.ApiClient("sandbox-client", "sandbox-secret")
    api.authenticate()
    api.upload_dataset("c-sandbox", "d-1", str(file))

    assert api.download_dataset("c-sandbox", "d-1") == "größe\n1\n"


def test_tamr_program_runs_all_steps_in_order(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox.tamr.configure(api_key="apk_xyz")
    for source in SOURCES:
        sandbox.tamr.add_source(source)
    sandbox.tamr.add_data_product("dp_xyz")
    sandbox.tamr.add_workflow("flow_xyz")
    sandbox.tamr.add_destination("xyz")

    seed_clients.run_end_to_end()

    assert capsys.readouterr().out.endswith("Completed updating our Tamr Pipeline!\n")
    runs = sandbox.runs()
    assert [run.resource for run in runs] == [*SOURCES, "dp_xyz", "flow_xyz", "xyz"]
    assert all(run.finished and run.detail["error"] is None for run in runs)
    # Each job starts after the end of the previous one.
    for earlier, later in pairwise(runs):
        assert earlier.finished_at is not None
        assert earlier.finished_at <= later.created_at
    assert sandbox.journal.refusals() == []


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["X-API-KEY"] = "apk_sandbox"
        yield opened


def test_tamr_functions_that_do_not_wait_return_the_id_of_a_running_job(
    sandbox: Sandbox, session: requests.Session
) -> None:
    sandbox.tamr.script(hold=True)

    jobs = [
        seed_clients.refresh_source("src_orders", TENANT, session, wait=False),
        seed_clients.refresh_data_product("dp_customers", TENANT, session, wait=False),
        seed_clients.refresh_search_index("flow_sor", TENANT, session, wait=False),
        seed_clients.refresh_output("dest_golden", "dp_customers", TENANT, session, wait=False),
    ]

    assert [run.run_id for run in sandbox.runs()] == jobs
    assert not any(run.finished for run in sandbox.runs())


def test_tamr_poll_raises_the_message_of_a_failed_job(sandbox: Sandbox, session: requests.Session) -> None:
    sandbox.tamr.script(error={"reason": "PLANNING_FAILED", "message": "no column id"})

    with pytest.raises(RuntimeError, match="PLANNING_FAILED\n\nAnd message: no column id"):
        seed_clients.refresh_source("src_orders", TENANT, session)


@pytest.mark.parametrize("no_error", ["null", "empty"])
def test_tamr_poll_treats_an_empty_error_as_a_success(
    sandbox: Sandbox, session: requests.Session, no_error: str
) -> None:
    sandbox.tamr.script(no_error=no_error)

    job_id = seed_clients.refresh_source("src_orders", TENANT, session)

    assert [run.run_id for run in sandbox.runs() if run.finished] == [job_id]


def test_tamr_poll_ends_at_its_timeout_and_the_job_keeps_running(
    sandbox: Sandbox, session: requests.Session
) -> None:
    sandbox.tamr.script(hold=True)
    job_id = seed_clients.refresh_source("src_orders", TENANT, session, wait=False)

    with pytest.raises(RuntimeError, match="exceed the timeout"):
        seed_clients.poll_job(job_id, TENANT, session, timeout_hours=0.05 / 3600)  # type: ignore[arg-type]

    assert not sandbox.runs()[0].finished
