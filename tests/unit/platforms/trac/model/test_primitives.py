"""Primitive values: enumerations, NaN, times with unusual offsets."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.values import Value, ValueType, as_wire, from_wire


class Region(str, Enum):  # noqa: UP042 - as in older code: its str() is the name of the member
    UK = "UK"


class Count(IntEnum):
    MANY = 3


class Share(float, Enum):
    HALF = 0.5


@pytest.mark.parametrize(
    ("member", "plain"),
    [
        (Region.UK, "UK"),
        ([Region.UK], ["UK"]),
        ({"a": Region.UK}, {"a": "UK"}),
        ({Region.UK: 1}, {"UK": 1}),
        ({Region.UK: 1, "b": "x"}, {"UK": 1, "b": "x"}),
        (Value({Region.UK: 1}, ValueType("MAP", ValueType("INTEGER"))), {"UK": 1}),
        (Count.MANY, 3),
        (Value(Count.MANY, "FLOAT"), 3.0),
        (Share.HALF, 0.5),
        (Value(Region.UK, "STRING"), "UK"),
    ],
)
def test_enumeration_members_become_their_values(member: Any, plain: Any) -> None:
    assert repr(as_wire(member)) == repr(as_wire(plain))


def test_nan_is_sent_and_read_as_nan() -> None:
    assert as_wire(math.nan) == {"floatValue": "NaN"}
    assert math.isnan(from_wire({"floatValue": "NaN"}))


def odd(year: int, hours: int) -> datetime:
    """Return the first or last moment of a year at an offset with seconds."""
    zone = timezone(timedelta(hours=hours, seconds=7))
    return datetime(year, 1, 1, tzinfo=zone) if hours > 0 else datetime(year, 12, 31, 23, 59, tzinfo=zone)


def test_offsets_with_seconds_become_utc() -> None:
    assert as_wire(odd(1890, 1)) == {"datetimeValue": {"isoDatetime": "1889-12-31T22:59:53+00:00"}}


@pytest.mark.parametrize("moment", [odd(1, 5), odd(9999, -5)])
def test_a_time_outside_the_years_of_utc_is_rejected(moment: datetime) -> None:
    with pytest.raises(InvalidArgumentError, match="in the years 1 to 9999 in UTC"):
        as_wire(moment)
