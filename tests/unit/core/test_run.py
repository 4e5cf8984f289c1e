"""The snapshot of a run, and how a trigger's event contains it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant

SNAPSHOT = RunSnapshot(
    run_id="j-1", state=RunState.FAILED, raw_state="DONE", finished_at="f", message="no", details={"a": [1]}
)


def test_a_snapshot_can_be_read_back_from_an_event() -> None:
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
def test_an_invalid_snapshot_is_rejected(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a RunSnapshot|a run snapshot must have an id"):
        RunSnapshot.from_json({**SNAPSHOT.as_json(), **change})


@pytest.mark.parametrize("payload", [None, [], "text", {}, {"run_id": "j-1"}, {"state": "failed"}])
def test_an_incomplete_snapshot_is_rejected(payload: object) -> None:
    with pytest.raises(ValueError, match="not a RunSnapshot"):
        RunSnapshot.from_json(payload)


def test_details_do_not_replace_the_common_fields_of_a_result() -> None:
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
def test_a_timestamp_becomes_seconds(text: object, seconds: float | None) -> None:
    assert instant(text) == seconds
