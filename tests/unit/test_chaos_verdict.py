"""Why a Tamr job was stopped: what `make chaos` reads from the logs of a storm."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos.verdict import cause_of_stop

HEARTBEAT = (
    "2026-11-29T01:39:59Z [warning  ] Failed to send heartbeat. Will be retried [supervisor] "
    "failed_heartbeats={} loc=supervisor.py:1742 max_retries=3 ti_id=UUID('{}')"
)
#: The words of the log are those of `airflow_provider_dataops/operators/kill.py`.
LOGS = "\n".join(
    json.dumps({"event": event, "ti_id": try_id})
    for event, try_id in (
        ("Started job job_1: http://tamr/job_1", "first-try"),
        ("Asked Tamr to stop job job_1", "first-try"),
        ("The job job_1 of an earlier try ended cancelled (The job was stopped by a user.)", "second-try"),
        ("Asked Tamr to stop job job_2", "second-try"),
    )
)


def job(reason: str = "STOPPED_BY_USER", platform: str = "tamr") -> Any:
    return SimpleNamespace(run_id="job_1", platform=platform, detail={"error": {"reason": reason}})


def cause(run: Any, *, terminated: set[str] | None = None, scheduler_log: str = "") -> str:
    stage: Any = SimpleNamespace(
        terminated=terminated or set(), stack=SimpleNamespace(logs=lambda service: scheduler_log)
    )
    task: Any = SimpleNamespace(logs=LOGS)
    return cause_of_stop(task, run, stage)


def test_a_job_was_stopped_by_an_act_that_terminated_the_try_that_stopped_it() -> None:
    assert cause(job(), terminated={"first-try"}) == "a SIGTERM from an act"
    assert cause(job(), terminated={"second-try"}) == ""


def test_a_job_was_stopped_by_airflow_if_the_last_heartbeat_of_the_try_failed() -> None:
    assert cause(job(), scheduler_log=HEARTBEAT.format(3, "first-try")).endswith("failed heartbeats")
    assert cause(job(), scheduler_log=HEARTBEAT.format(2, "first-try")) == ""
    assert cause(job(), scheduler_log=HEARTBEAT.format(3, "second-try")) == ""


@pytest.mark.parametrize("run", [job(reason="FAILED"), job(platform="quantemplate")])
def test_a_run_that_no_user_of_tamr_stopped_may_have_no_successor(run: Any) -> None:
    assert cause(run, terminated={"first-try"}) == ""
