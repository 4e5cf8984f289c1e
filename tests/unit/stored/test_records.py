"""A retry continues with the record that a try with an earlier release has stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_dataops.adapters.task_state import KEY
from airflow_provider_dataops.lifecycle.record import Adopted, Phase, Record, changed, fingerprint
from tests.unit.fakes import play, reply
from tests.unit.platforms.quantemplate.executions import execution
from tests.unit.platforms.tailer.runs import item, results
from tests.unit.platforms.tamr.jobs import job
from tests.unit.platforms.trac.jobs import hits
from tests.unit.platforms.trac.payloads import JOB_ID
from tests.unit.platforms.trac.payloads import job as trac_job
from tests.unit.stored import records
from tests.unit.stored.folders import folders, samples

RECORDS = [
    pytest.param(platform, stored, id=f"{folder.name} {platform}")
    for folder in folders()
    for platform, stored in samples(folder)["records"][KEY].items()
]
#: How each platform responds when a retry looks for the run of the earlier try, and the run's id. Toucan
#: cannot list its operations.
AFTER: dict[str, tuple[Any, str]] = {
    "quantemplate": (
        reply(body=[execution(id="e-10", runNumber=10), execution(id="e-9", runNumber=9)]),
        "e-10",
    ),
    "tailer": (
        results(item("ours", start_execution_date="2026-11-20T10:00:40+00:00"), item("old")),
        "ours",
    ),
    "tamr": (
        reply(
            body={
                "jobs": [
                    job(
                        "ours",
                        statusHistory=[{"state": "PENDING", "stateStartTime": "2026-11-20T10:00:40Z"}],
                    ),
                    job("old"),
                ]
            }
        ),
        "ours",
    ),
    "trac": (hits(trac_job("RUNNING")), JOB_ID),
}


def read(payload: dict[str, Any]) -> Record:
    record = Record.read(payload)
    assert record is not None
    return record


@pytest.mark.parametrize(("platform", "stored"), RECORDS)
class TestRecord:
    def test_of_a_submission_is_read(self, platform: str, stored: dict[str, Any]) -> None:
        record = read(stored["submitted"])
        assert (record.run_id, record.phase, record.token) == ("", Phase.ON_WORKER, records.TOKEN)
        assert (record.generation, record.adopted, record.lost) == (records.GENERATION, Adopted.NO, False)

    def test_of_a_run_is_read(self, platform: str, stored: dict[str, Any]) -> None:
        record = read(stored["waiting"])
        assert (record.run_id, record.phase, record.adopted) == ("run-1", Phase.DEFERRED, Adopted.GUESSED)
        assert (record.timed_out, record.lost, record.reattached) == (True, True, True)
        assert (record.deadline, record.search_until) == (1_800_086_400.0, 1_800_000_300.0)
        assert (record.candidates, record.crash_try, record.crashes) == (("run-1", "run-2"), 2, 1)

    def test_shows_a_retry_and_a_clear(self, platform: str, stored: dict[str, Any]) -> None:
        record = read(stored["submitted"])
        assert not record.is_cleared_by(records.GENERATION)
        assert record.is_cleared_by(replace(records.GENERATION, max_tries=6, clear_number=2))

    def test_finds_the_run_of_its_submission(self, platform: str, stored: dict[str, Any]) -> None:
        record = read(stored["submitted"])
        launch = records.launch(records.OPERATORS[platform]).earlier(record.baseline)
        assert record.id_scope == launch.id_scope
        if not launch.lists_runs:
            assert launch.identity() == records.launch(records.OPERATORS[platform]).identity()
            return
        response, run_id = AFTER[platform]
        found = play(launch.find_candidates(record.baseline, record.token), response)
        assert found.error is None
        assert [snapshot.run_id for snapshot in found.value] == [run_id]


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        pytest.param(name, stored, id=f"{folder.name} {name}")
        for folder in folders()
        for name, stored in samples(folder)["fingerprints"].items()
    ],
)
def test_an_operator_with_the_same_arguments_has_the_same_fingerprint(
    name: str, stored: dict[str, str]
) -> None:
    """Otherwise a retry would reject the run of the earlier try, as if the task's arguments had changed."""
    operators = {operator.__name__: operator for operator in records.ARGUMENTS}
    assert changed(stored, fingerprint(records.launch(operators[name]).identity())) == []
