"""The figures of the benchmark with several triggerers."""

from __future__ import annotations

import pytest

from benchmarks.triggerers.figures import row, shares, table
from benchmarks.triggers.adapter import job_end

PLAN = {"t0": 100.0, "n": 4, "shortest": 15.0, "longest": 35.0}
STATS = {"requests": 90, "busiest_second": 7, "most_under_way": 3, "connections": 2}


def test_each_job_belongs_to_one_triggerer() -> None:
    assert shares(5, 2) == [[1, 3, 5], [2, 4]]
    assert sorted(job for share in shares(1000, 4) for job in share) == list(range(1, 1001))


def test_lateness_and_load_count_from_the_plan() -> None:
    events = {job: job_end(job, 100.0, 15.0, 35.0) + job for job in (1, 2, 3)}
    found = row("trac", 2, 1, PLAN, events, STATS)
    assert found["late_p50_s"] == pytest.approx(2.0)
    assert found["late_max_s"] == pytest.approx(3.0)
    assert found["lost_waits"] == 1
    assert found["requests_per_second"] == pytest.approx(90 / (max(events.values()) - 100.0))


def test_the_table_has_a_dash_for_a_figure_that_is_missing() -> None:
    found = row("trac", 1, 0, PLAN, {}, STATS)
    assert table([found]).splitlines()[-1] == "| trac | 1 | 0 | 90 | - | 7 | 3 | 2 | - | - | 4 |"
