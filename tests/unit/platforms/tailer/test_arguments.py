"""Dates in the form that Tailer expects."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.tailer.arguments import day


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("2020-12-09", "2020-12-09"),
        (" 2020-12-09 ", "2020-12-09"),
        (date(2020, 12, 9), "2020-12-09"),
        (datetime(2020, 12, 9, 23, 30, tzinfo=UTC), "2020-12-09"),
        (datetime(2020, 12, 9, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2020-12-08"),
        ("2020-12-09T00:30:00+01:00", "2020-12-08"),
        ("2020-12-09 23:30:00+00:00", "2020-12-09"),
        (datetime(2020, 12, 9, 23, 30), "2020-12-09"),  # noqa: DTZ001 - a user may give one
    ],
)
def test_a_day_is_a_date_in_utc(given: Any, expected: str | None) -> None:
    assert day("logical_date", given) == expected


@pytest.mark.parametrize(
    "given", ["", "2020/12/09", "None", "yesterday", 20201209, 1.5, [], "9999-12-31T23:00:00-05:00"]
)
def test_a_value_that_is_no_date_is_rejected(given: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="started_on must be a date, YYYY-MM-DD; given"):
        day("started_on", given)
