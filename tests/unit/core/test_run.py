"""A run at one moment, and its way through a trigger's event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant

SNAPSHOT = RunSnapshot(
    run_id="j-1", state=RunState.FAILED, raw_state="DONE", finished_at="f", message="no", details={"a": [1]}
)


def test_a_snapshot_survives_an_event() -> None:
    assert RunSnapshot.from_json(json.loads(json.dumps(SNAPSHOT.as_json()))) == SNAPSHOT


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": ""},
        {"run_id": 5},
        {"state": "splendid"},
        {"state": None},
        {"raw_state": None},
        {"message": {}},
        {"started_at": 5},
        {"details": "x"},
    ],
)
def test_anything_else_is_no_snapshot(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a RunSnapshot|a run snapshot must have an id"):
        RunSnapshot.from_json({**SNAPSHOT.as_json(), **change})


@pytest.mark.parametrize("told", [None, [], "text", {}, {"run_id": "j-1"}, {"state": "failed"}])
def test_neither_is_a_part_of_one(told: object) -> None:
    with pytest.raises(ValueError, match="not a RunSnapshot"):
        RunSnapshot.from_json(told)


def test_details_do_not_replace_what_every_result_has() -> None:
    result = RunSnapshot(run_id="j-1", state=RunState.SUCCEEDED, details={"run_id": "x"}).as_result(
        "https://u"
    )
    assert (result["run_id"], result["state"], result["url"]) == ("j-1", "succeeded", "https://u")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-20T10:00:00Z", 1_795_168_800.0),
        ("2026-11-20T10:00:00.500Z", 1_795_168_800.5),
        ("2026-11-20T11:00:00+01:00", 1_795_168_800.0),
        ("2026-11-20T10:00:00", 1_795_168_800.0),
        ("yesterday", None),
        (1_795_168_800, None),
        (None, None),
    ],
)
def test_an_instant(text: object, seconds: float | None) -> None:
    assert instant(text) == seconds
