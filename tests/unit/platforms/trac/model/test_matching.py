"""Whether an attribute has the value that a sensor waits for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_dataops.platforms.trac.model.matching import difference

MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        ("x", "x"),
        (5, 5),
        (5, 5.0),
        (Decimal("0.1"), 0.1),
        (date(2026, 2, 3), "2026-02-03"),
        # TRAC keeps milliseconds.
        (MOMENT, "2026-02-03T04:05:06.789999+00:00"),
        (MOMENT, "2026-02-03T05:05:06.789+01:00"),
        (float("nan"), float("nan")),
        (["a", "b"], ["a", "b"]),
        (True, True),
    ],
)
def test_equal_values_have_no_difference(actual: Any, wanted: Any) -> None:
    assert difference(actual, wanted) is None


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [("x", "y"), (5, 6), (Decimal("0.1"), 0.2), (["a"], ["a", "b"]), (MOMENT, "2026-02-03T04:05:07+00:00")],
)
def test_different_values_of_one_type_may_become_equal(actual: Any, wanted: Any) -> None:
    assert difference(actual, wanted) == ""


@pytest.mark.parametrize(("actual", "wanted"), [(5, "five"), ("x", 5), (True, 1), (date(2026, 2, 3), "soon")])
def test_values_of_different_types_never_become_equal(actual: Any, wanted: Any) -> None:
    assert repr(wanted) in (difference(actual, wanted) or "")
