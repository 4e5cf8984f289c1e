from __future__ import annotations

import pytest

from tests.cluster.platforms import Run
from tests.cluster.report import broken, lateness, table
from tests.cluster.watch import Seen, fired_at

FIRST, SECOND = ("waits", "wait", 0), ("waits", "wait", 1)
TASKS = {
    FIRST: Seen(state="success", tries=2, workers={"worker-1", "worker-2"}, triggerers={"triggerer-1"}),
    SECOND: Seen(state="success", tries=1, workers={"worker-2"}, triggerers={"triggerer-1", "triggerer-2"}),
    ("other", "upload", -1): Seen(state="success", tries=1, workers={"worker-1"}),
}
RUN_IDS = {FIRST: "run-1", SECOND: "run-2"}


def run(run_id: str, finished_at: float | None = 100.0) -> Run:
    return Run(platform="trac", run_id=run_id, resource="model", finished_at=finished_at)


RUNS = [run("run-1"), run("run-2", 200.0)]


def test_one_run_for_each_task_is_good() -> None:
    assert broken(TASKS, RUN_IDS, RUNS, 2) == []


@pytest.mark.parametrize(
    ("run_ids", "runs", "submissions", "message"),
    [
        (RUN_IDS, [*RUNS, run("run-3")], 3, "no task returned Run(platform='trac', run_id='run-3'"),
        ({**RUN_IDS, SECOND: "run-1"}, [run("run-1")], 1, "2 tasks returned the run run-1"),
        (RUN_IDS, [run("run-1")], 1, "returned run-2, which no platform knows"),
        (RUN_IDS, [run("run-1"), run("run-2", None)], 2, "has not ended"),
        (RUN_IDS, RUNS, 3, "3 requests started 2 runs"),
    ],
)
def test_a_run_that_is_not_exactly_one_tasks_is_reported(
    run_ids: dict[tuple[str, str, int], str], runs: list[Run], submissions: int, message: str
) -> None:
    (found,) = broken(TASKS, run_ids, runs, submissions)
    assert message in found


def test_a_task_that_has_failed_is_reported() -> None:
    tasks = {**TASKS, SECOND: Seen(state="failed", tries=1)}
    assert broken(tasks, RUN_IDS, RUNS, 2) == ["('waits', 'wait', 1) is failed"]


def test_the_lateness_is_the_time_from_the_end_of_the_run_to_the_event() -> None:
    assert lateness({FIRST: 103.5, ("other", "upload", -1): 1.0}, RUN_IDS, RUNS) == {FIRST: 3.5}


def test_the_table_counts_tasks_workers_triggerers_and_runs() -> None:
    head, waits, other = table(TASKS, RUN_IDS, {FIRST: 3.5, SECOND: 31.6})
    assert head.split()[:4] == ["DAG", "tasks", "succeeded", "retried"]
    assert waits.split("  ")[0] == "waits"
    for cell in ("worker-1: 1, worker-2: 2", "triggerer-1: 2, triggerer-2: 1", "32 s"):
        assert cell in waits
    assert other.rstrip().endswith("-")


def test_the_last_event_of_a_trigger_counts() -> None:
    log = (
        "2026-01-01T00:00:01+00:00        info     Trigger fired event name='x'\n"
        "2026-01-01T00:00:02+00:00        info     another line\n"
        "2026-01-01T00:00:03.500000+00:00 info     Trigger fired event name='x'\n"
    )
    assert fired_at(log) == pytest.approx(1767225603.5)
    assert fired_at("2026-01-01T00:00:02+00:00 info another line") is None
