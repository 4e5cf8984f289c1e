"""Changes of a tag: how they are validated before they are sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.updates import read_updates
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.calls import CUSTOM, body
from tests.unit.platforms.trac.payloads import header


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attrs": {"trac_job": "x"}}, "must not begin with trac_"),
        ({"attrs": {"TRAC_job": "x"}}, "must not begin with trac_.*; given: 'TRAC_job'"),
        ({"attrs": {"TracDap_x": "x"}}, "must not begin with trac_"),
        ({"attrs": {"tracdap_x": "x"}}, "must not begin with trac_"),
        ({"attrs": {"_x": "x"}}, "must not begin with trac_"),
        ({"attrs": {"a-b": "x"}}, "each name in attrs must be an identifier"),
        ({"attrs": {"a": None}}, r"attrs\['a'\] must be .*; given: None"),
        (
            {"attrs": {"a": {"b": 1}}},
            "a primitive value or a list of primitive values; given: a value of type MAP of INTEGER",
        ),
        ({"attrs": {"a": [[1]]}}, "a primitive value or a list of primitive values"),
        (
            {"attrs": {"a": [{"b": 1, "c": "x"}]}},
            "a primitive value or a list of primitive values; given: a value of type ARRAY of MAP",
        ),
        ({"attrs": {"a" * 257: 1}}, "each name in attrs must have at most 256 characters; given: 257"),
        ({"attrs": {"a": "x" * 4097}}, r"attrs\['a'\].* at most 4096 characters.*; given: 4097"),
        ({"attrs": {"a": ["x", "y" * 4097]}}, "at most 4096 characters"),
        (
            {"attrs": {"a": Decimal("1" * 22)}},
            r"attrs\['a'\].* at most 21 digits before the point and 10 after",
        ),
        ({"attrs": {"a": [Decimal(1), -Decimal("1E+21")]}}, "at most 21 digits before the point"),
        ({"attrs": {"a": Decimal("0.12345678901")}}, "10 after it, .*; given: 0.12345678901"),
        ({"attrs": {"a": Decimal("1E-40")}}, "10 after it"),
        ({"attrs": {"a": Decimal("1E-999999999")}}, "10 after it"),
        (
            {"tag_updates": [{"attrName": "a", "value": {"decimalValue": {"decimal": "1E+40"}}}]},
            "at most 21 digits before the point",
        ),
        ({"tag_updates": [{"attrName": "b" * 257, "value": 1}]}, "at most 256 characters"),
        ({"attrs": ["a"]}, "attrs must be a dict"),
        ({"tag_updates": {"a": 1}}, "tag_updates must be a list"),
        ({"tag_updates": ["a"]}, r"tag_updates\[0\] must contain only operation, attrName and value"),
        ({"tag_updates": [{"name": "a"}]}, "must contain only operation, attrName and value"),
        (
            {"tag_updates": [{"operation": "SET", "attrName": "a", "value": 1}]},
            r"tag_updates\[0\]\['operation'\] must be one of .*; given: 'SET'",
        ),
        ({"tag_updates": [{"attrName": "a"}]}, r"tag_updates\[0\]\['value'\] must be .*; given: None"),
        (
            {"tag_updates": [{"operation": "DELETE_ATTR", "attrName": "a", "value": 1}]},
            "DELETE_ATTR must have no value; given: 1",
        ),
        (
            {"tag_updates": [{"operation": "DELETE_ATTR"}]},
            r"tag_updates\[0\]\['attrName'\] must be an identifier",
        ),
        (
            {"tag_updates": [{"operation": "CLEAR_ALL_ATTR", "attrName": "a"}]},
            "CLEAR_ALL_ATTR must have no attrName and no value",
        ),
    ],
)
def test_invalid_changes_of_a_tag_are_rejected(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        trac().create_object("CUSTOM", CUSTOM, **changes)


def test_all_attributes_can_be_cleared() -> None:
    done = play(
        trac().update_tag(header(), tag_updates=[{"operation": "CLEAR_ALL_ATTR"}]), reply(body=header())
    )
    assert body(done.requests[0])["tagUpdates"] == [{"operation": "CLEAR_ALL_ATTR"}]


@pytest.mark.parametrize(
    "number", ["123456789012345678901.1234567891", "-0.0000000001", "1.10000000000000", "0E-40", "1E+20"]
)
def test_a_decimal_that_trac_keeps_is_sent(number: str) -> None:
    [update] = read_updates({"a": Decimal(number)}) or []
    assert Decimal(update["value"]["decimalValue"]["decimal"]) == Decimal(number)
