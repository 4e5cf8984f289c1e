"""The figures that the benchmark of deferred tasks reads from Airflow."""

from __future__ import annotations

import pytest

from benchmarks.airflow_load.figures import percentile, requests_in

LINE = (
    "2026-11-29T12:26:29Z [info] request finished [http.access] client_addr=127.0.0.1:38046 "
    "duration_us=16064 loc=http_access_log.py:130 method={} path={} query= status_code=204\n"
)


def test_the_requests_of_tasks_are_counted_by_name_without_heartbeats() -> None:
    log = "".join(
        LINE.format(*request)
        for request in [
            ("PATCH", "/execution/task-instances/1/run"),
            ("PATCH", "/execution/task-instances/2/run"),
            ("PUT", "/execution/task-instances/1/heartbeat"),
            ("PATCH", "/execution/task-instances/1/state"),
            ("PUT", "/execution/store/ti/1/dataops_run"),
            ("POST", "/execution/xcoms/tamr/manual__1/wait/job_id"),
            ("GET", "/execution/connections/tamr_default"),
            ("GET", "/api/v2/dags/tamr"),
        ]
    )
    assert requests_in(log, tasks=2) == {
        "start": 1.0,
        "deferral or end": 0.5,
        "PUT task state": 0.5,
        "POST XCom job_id": 0.5,
        "GET connections": 0.5,
    }


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.99, 99.0)])
def test_a_percentile_is_the_value_that_a_share_does_not_exceed(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(101)], share) == pytest.approx(value)
    assert percentile([7.0], share) == 7.0
