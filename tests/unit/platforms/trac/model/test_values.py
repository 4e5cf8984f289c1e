"""Conversion of Python values to TRAC's form and back."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.primitives import as_plain_json
from airflow_provider_dataops.platforms.trac.model.values import (
    Value,
    ValueType,
    as_wire,
    converted,
    from_wire,
)

STRINGS = {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}}
NOON = datetime(2026, 2, 3, 12, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("value", "wire", "basic"),
    [
        (True, {"booleanValue": True}, "BOOLEAN"),
        (False, {"booleanValue": False}, "BOOLEAN"),
        (0, {"integerValue": 0}, "INTEGER"),
        (2**53, {"integerValue": 2**53}, "INTEGER"),
        # JSON readers may round such an integer, so it is sent as text.
        (2**53 + 1, {"integerValue": "9007199254740993"}, "INTEGER"),
        (-(2**63), {"integerValue": "-9223372036854775808"}, "INTEGER"),
        (0.1, {"floatValue": 0.1}, "FLOAT"),
        (math.inf, {"floatValue": "Infinity"}, "FLOAT"),
        (-math.inf, {"floatValue": "-Infinity"}, "FLOAT"),
        ("", {"stringValue": ""}, "STRING"),
        ("é", {"stringValue": "é"}, "STRING"),
        (Decimal("1.10"), {"decimalValue": {"decimal": "1.10"}}, "DECIMAL"),
        (Decimal("1E+3"), {"decimalValue": {"decimal": "1000"}}, "DECIMAL"),
        (date(2026, 2, 3), {"dateValue": {"isoDate": "2026-02-03"}}, "DATE"),
        (date.min, {"dateValue": {"isoDate": "0001-01-01"}}, "DATE"),
        (NOON, {"datetimeValue": {"isoDatetime": "2026-02-03T12:00:00+01:00"}}, "DATETIME"),
    ],
)
def test_primitives_are_converted_to_tracs_form_and_back(
    value: Any, wire: dict[str, Any], basic: str
) -> None:
    assert as_wire(value) == wire
    assert as_wire(value, typed=True) == {"type": {"basicType": basic}, **wire}
    back = from_wire({"type": {"basicType": basic}, **wire})
    assert back == value
    assert type(back) is type(value)


def test_lists_and_dicts_always_contain_their_type() -> None:
    assert as_wire(["x", "y"]) == {
        "type": STRINGS,
        "arrayValue": {"items": [{"stringValue": "x"}, {"stringValue": "y"}]},
    }
    assert as_wire({"a": [1]}) == {
        "type": {
            "basicType": "MAP",
            "mapType": {"basicType": "ARRAY", "arrayType": {"basicType": "INTEGER"}},
        },
        "mapValue": {"entries": {"a": {"arrayValue": {"items": [{"integerValue": 1}]}}}},
    }
    assert as_wire({"a": 1, "b": "x"}) == {
        "type": {"basicType": "MAP"},
        "mapValue": {
            "entries": {
                "a": {"type": {"basicType": "INTEGER"}, "integerValue": 1},
                "b": {"type": {"basicType": "STRING"}, "stringValue": "x"},
            }
        },
    }


@pytest.mark.parametrize("value", [["x"], {"a": [1, 2]}, {"a": 1, "b": "x"}, {}, [[1], [2, 3]]])
def test_lists_and_dicts_are_read_back_unchanged(value: Any) -> None:
    assert from_wire(as_wire(value)) == value


def test_an_empty_list_needs_an_explicit_type() -> None:
    empty = {"type": STRINGS, "arrayValue": {"items": []}}
    with pytest.raises(InvalidArgumentError, match="labels must not be an empty list without a type"):
        as_wire([], where="labels")
    assert as_wire(Value([], ValueType("ARRAY", ValueType("STRING")))) == empty
    assert as_wire(empty) == empty
    assert from_wire({"type": STRINGS, "arrayValue": {}}) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "value must be a bool, int, .*; given: None"),
        (b"x", "value must be .*; given: a bytes"),
        ({1, 2}, "value must be .*; given: a set"),
        (datetime(2026, 2, 3), "must be a DATETIME with an offset from UTC"),  # noqa: DTZ001 - on purpose
        (2**63, "must be an INTEGER of 64 bits"),
        (Decimal("NaN"), "must be a DECIMAL that is finite"),
        ([1, "x"], "value must have items of one type; given: INTEGER, STRING"),
        ([1, 1.0], "value must have items of one type; given: INTEGER, FLOAT"),
        ([True, 1], "value must have items of one type; given: BOOLEAN, INTEGER"),
        ([1, None], r"value\[1\] must be .*; given: None"),
        ({1: "x"}, "each key of value must be a text; given: 1"),
        (Value({1: 2}, ValueType("MAP", ValueType("INTEGER"))), "each key of value must be a text; given: 1"),
        ({"a": {"b": None}}, r"value\['a'\]\['b'\] must be .*; given: None"),
        ({"dateValue": {"isoDate": "3 Feb"}}, "must be a DATE; given: '3 Feb'"),
        ({"datetimeValue": {"isoDatetime": "2026-02-03T10:00:00"}}, "with an offset"),
        ({"dateValue": "2026-02-03"}, r"value\['dateValue'\] must contain only 'isoDate'"),
        ({"stringValue": 5}, "must be a STRING; given: 5"),
        (
            {"type": {"basicType": "DATE"}, "stringValue": "x"},
            r"value\['type'\] must be STRING, because 'stringValue' has this type; given: DATE",
        ),
    ],
)
def test_a_value_that_trac_does_not_support_is_rejected(value: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        as_wire(value)


def test_an_incomplete_type_is_completed() -> None:
    incomplete = {"type": {"basicType": "ARRAY"}, "arrayValue": {"items": [{"integerValue": "1"}]}}
    assert as_wire(incomplete) == as_wire([1]) == as_wire(Value([1], ValueType("ARRAY")))


def test_tracs_own_form_is_accepted() -> None:
    assert as_wire({"dateValue": {"isoDate": "2026-02-03"}}) == {"dateValue": {"isoDate": "2026-02-03"}}
    assert as_wire({"integerValue": "12"}) == {"integerValue": 12}
    assert as_wire({"arrayValue": {"items": [{"stringValue": "x"}]}}) == as_wire(["x"])


@pytest.mark.parametrize(
    ("value", "basic", "found"),
    [
        (1, "FLOAT", 1.0),
        ("0.99", "FLOAT", 0.99),
        ("NaN", "FLOAT", math.nan),
        ("-Infinity", "FLOAT", -math.inf),
        ("inf", "FLOAT", math.inf),
        (1, "DECIMAL", Decimal(1)),
        ("1.10", "DECIMAL", Decimal("1.10")),
        ("12", "INTEGER", 12),
        ("TRUE", "BOOLEAN", True),
        ("2026-02-27", "DATE", date(2026, 2, 27)),
        ("2026-02-27T10:00:00Z", "DATETIME", datetime(2026, 2, 27, 10, tzinfo=UTC)),
        ({"integerValue": "3"}, "FLOAT", 3.0),
        (Value("5", "INTEGER"), "INTEGER", 5),
    ],
)
def test_a_value_is_converted_to_a_type_if_nothing_is_lost(value: Any, basic: str, found: Any) -> None:
    result = converted(value, ValueType(basic))
    assert type(result) is type(found)
    assert result == found or (math.isnan(result) and math.isnan(found))


@pytest.mark.parametrize(
    ("value", "basic"),
    [
        (1.5, "INTEGER"),
        (1.0, "INTEGER"),
        (True, "INTEGER"),
        (True, "FLOAT"),
        (1, "BOOLEAN"),
        ("yes", "BOOLEAN"),
        (0.1, "DECIMAL"),
        (5, "STRING"),
        (datetime(2026, 2, 3, tzinfo=UTC), "DATE"),
        (date(2026, 2, 3), "DATETIME"),
        ("2026-02-27T10:00:00", "DATETIME"),
        (2**53 + 1, "FLOAT"),
        (10**400, "FLOAT"),
        ("1e400", "FLOAT"),
        ("-1e400", "FLOAT"),
        ("x", "INTEGER"),
        ("x", "ARRAY"),
        ([1], "MAP"),
        (1, "MONEY"),
    ],
)
def test_a_conversion_that_would_change_the_value_is_rejected(value: Any, basic: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"limit must be an? {basic}"):
        converted(value, ValueType(basic), "limit")


def test_unknown_types_of_later_releases_are_accepted() -> None:
    assert from_wire({"type": {"basicType": "MONEY"}, "moneyValue": {"amount": 1}}) == {
        "type": {"basicType": "MONEY"},
        "moneyValue": {"amount": 1},
    }
    assert from_wire({"type": {"basicType": "STRING"}}) is None


@pytest.mark.parametrize(
    "value", [{"integerValue": "x"}, {"dateValue": {}}, {"decimalValue": {"decimal": "x"}}]
)
def test_an_unreadable_value_raises_an_error(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_wire(value)


def test_values_become_plain_json_for_other_tasks() -> None:
    given = {
        "d": Decimal("1.10"),
        "t": NOON,
        "day": date(2026, 2, 3),
        "n": [math.nan, 1],
        "s": "x",
        "b": True,
    }
    assert as_plain_json(given) == {
        "d": "1.10",
        "t": "2026-02-03T12:00:00+01:00",
        "day": "2026-02-03",
        "n": ["NaN", 1],
        "s": "x",
        "b": True,
    }
