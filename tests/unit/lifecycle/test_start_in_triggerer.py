"""The deadline of a sensor that starts in the triggerer, and how it relates to Airflow's own timeout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_dataops.lifecycle.deadlines import start_deadline, start_timeout

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "interval", "airflow", "ours"),
    [
        pytest.param(600.0, None, 10.0, 660.0, 600.0, id="a minute later"),
        pytest.param(600.0, None, 60.0, 720.0, 600.0, id="two intervals later"),
        pytest.param(600.0, 3600.0, 10.0, 660.0, 600.0, id="a later execution_timeout"),
        pytest.param(600.0, 300.0, 10.0, 300.0, 290.0, id="an earlier execution_timeout"),
        pytest.param(600.0, 605.0, 10.0, 605.0, 595.0, id="an execution_timeout just after timeout"),
        pytest.param(600.0, 20.0, 10.0, 20.0, 18.0, id="a short execution_timeout"),
        pytest.param(0.0, None, 10.0, 60.0, 0.0, id="no time at all"),
    ],
)
def test_the_deadline_comes_before_airflow_ends_the_trigger(
    timeout: float, execution_timeout: float | None, interval: float, airflow: float, ours: float
) -> None:
    limit = None if execution_timeout is None else timedelta(seconds=execution_timeout)
    # Airflow stores the earlier of these two times.
    ends = min(start_timeout(timeout, limit, interval), limit or timedelta.max)
    assert ends.total_seconds() == airflow
    for end in (BEGAN + ends, (BEGAN + ends).replace(tzinfo=None)):
        assert start_deadline(end, timeout, limit, interval) - BEGAN.timestamp() == pytest.approx(ours)


def test_without_airflows_time_the_wait_begins_now() -> None:
    now = datetime.now(tz=UTC).timestamp()
    assert start_deadline(None, 600, None, 10) == pytest.approx(now + 600, abs=60)
