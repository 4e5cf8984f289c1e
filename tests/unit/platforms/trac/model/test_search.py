"""Searches: from the readable form to the platform's, and what is refused before it is sent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    InvalidArgumentError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.platforms.trac import Value, ValueType
from airflow_provider_dataops.platforms.trac.model.search import expression, search_parameters
from tests.unit.platforms.apis import trac

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def term(name: str, kind: str, operator: str, value: Any) -> dict[str, Any]:
    return {"term": {"attrName": name, "attrType": kind, "operator": operator, "searchValue": value}}


UK = {"stringValue": "UK"}
IN_UK = {
    "type": {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}},
    "arrayValue": {"items": [UK, {"stringValue": "IE"}]},
}
WITHDRAWN = {"term": {"attrName": "withdrawn", "operator": "EXISTS"}}


@pytest.mark.parametrize(
    ("told", "wire"),
    [
        (["region", "=", "UK"], term("region", "STRING", "EQ", UK)),
        (("region", "!=", "UK"), term("region", "STRING", "NE", UK)),
        (["region", "in", ["UK", "IE"]], term("region", "STRING", "IN", IN_UK)),
        (["withdrawn", "EXISTS"], WITHDRAWN),
        (
            ["day", "EXISTS", None, "DATE"],
            {"term": {"attrName": "day", "attrType": "DATE", "operator": "EXISTS"}},
        ),
        (["n", ">=", 5], term("n", "INTEGER", "GE", {"integerValue": 5})),
        (["n", "LT", 0.5], term("n", "FLOAT", "LT", {"floatValue": 0.5})),
        (["ok", "==", False], term("ok", "BOOLEAN", "EQ", {"booleanValue": False})),
        (["day", ">", date(2026, 2, 1)], term("day", "DATE", "GT", {"dateValue": {"isoDate": "2026-02-01"}})),
        (
            ["day", "<=", "2026-02-01", "DATE"],
            term("day", "DATE", "LE", {"dateValue": {"isoDate": "2026-02-01"}}),
        ),
        (["ratio", "<", 1, "float"], term("ratio", "FLOAT", "LT", {"floatValue": 1.0})),
        (
            ["day", "IN", ["2026-02-01"], "DATE"],
            term(
                "day",
                "DATE",
                "IN",
                {
                    "type": {"basicType": "ARRAY", "arrayType": {"basicType": "DATE"}},
                    "arrayValue": {"items": [{"dateValue": {"isoDate": "2026-02-01"}}]},
                },
            ),
        ),
        (
            {"all": [["region", "=", "UK"], {"not": ["withdrawn", "EXISTS"]}]},
            {
                "logical": {
                    "operator": "AND",
                    "expr": [
                        term("region", "STRING", "EQ", UK),
                        {"logical": {"operator": "NOT", "expr": [WITHDRAWN]}},
                    ],
                }
            },
        ),
        (
            {"any": [["region", "=", "UK"], ["withdrawn", "EXISTS"]]},
            {"logical": {"operator": "OR", "expr": [term("region", "STRING", "EQ", UK), WITHDRAWN]}},
        ),
        ({"all": [["region", "=", "UK"]]}, term("region", "STRING", "EQ", UK)),
        # What takes the platform seconds, or is cut off, is said in one term where that is possible.
        ({"any": [["region", "=", "UK"], ["region", "=", "IE"]]}, term("region", "STRING", "IN", IN_UK)),
        ({"not": ["region", "=", "UK"]}, term("region", "STRING", "NE", UK)),
        (
            {"any": [["region", "=", "UK"], ["region", "=", 5]]},
            {
                "logical": {
                    "operator": "OR",
                    "expr": [
                        term("region", "STRING", "EQ", UK),
                        term("region", "INTEGER", "EQ", {"integerValue": 5}),
                    ],
                }
            },
        ),
    ],
)
def test_expressions(told: Any, wire: dict[str, Any]) -> None:
    assert expression(told) == wire
    # The platform's own form is read, too, and stays as it is.
    assert expression(wire) == wire


class Word(str, Enum):  # noqa: UP042 - as older code has it, whose str() is the member's name
    UK = "UK"
    IN = "IN"
    STRING = "STRING"
    REGION = "region"


def test_members_of_enumerations_are_their_values() -> None:
    told = expression([Word.REGION, Word.IN, [Word.UK, "IE"], Word.STRING])
    assert repr(told) == repr(expression(["region", "IN", ["UK", "IE"], "STRING"]))
    exists = expression(["region", "EXISTS", None, Word.STRING])
    assert repr(exists) == repr(expression(["region", "EXISTS", None, "STRING"]))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (["region", ">", "UK"], "GT cannot compare values of type STRING"),
        (["ok", "<", True], "LT cannot compare values of type BOOLEAN"),
        (["ratio", "=", 0.5], "EQ cannot compare values of type FLOAT"),
        (["amount", "!=", Decimal(1)], "NE cannot compare values of type DECIMAL"),
        (["at", "=", datetime(2026, 1, 1, tzinfo=UTC)], "EQ cannot compare values of type DATETIME"),
        (["ratio", "IN", [0.5]], "IN cannot compare values of type FLOAT"),
        (["region", "IN", "UK"], "the value of IN must be a list; given: a value of type STRING"),
        (["region", "IN", []], r"the value of IN must be a list, not empty; given: \[\]"),
        (["region", "IN", [], "STRING"], "the value of IN must be a list, not empty"),
        (
            ["region", "IN", Value([], ValueType("ARRAY", ValueType("STRING")))],
            "IN must be a list, not empty",
        ),
        (
            term("region", "STRING", "IN", {**IN_UK, "arrayValue": {"items": []}}),
            "IN must be a list, not empty",
        ),
        ({"not": ["region", "IN", [], "STRING"]}, r"search\['not'\] \(region\): .* not empty"),
        (["region", "IN", ["UK", 5]], "items of one type"),
        (["region", "=", ["UK"]], "the value of EQ must be primitive"),
        (["region", "IN", [["UK"]]], "the value of IN must be primitive"),
        (["region", "=", None], "the value must be a bool, int, .*; given: None"),
        (["region", "EXISTS", True], "EXISTS must have no value; given: True"),
        (["region", "EXISTS", None, "ARRAY"], "type must be one of BOOLEAN, .*; given: 'ARRAY'"),
        (["region", "~", "UK"], "operator must be one of .*; given: '~'"),
        (["a region", "=", "UK"], "must be an identifier"),
        (["region"], r"search must be \[name, operator, value\]"),
        (["day", ">", "soon", "DATE"], "must be a DATE"),
        (["day", ">", "2026-01-01", "DAY"], r"search\[3\], .* must be one of BOOLEAN, .*; given: 'DAY'"),
        ({"all": []}, "not empty"),
        ({"any": "x"}, "must be a list of expressions"),
        ({"some": []}, "search must be a term"),
        ({"region": "UK", "n": 5}, "search must be a term"),
        ("region = 'UK'", "search must be a term"),
        ({"not": [["a", "EXISTS"], ["b", "EXISTS"]]}, "must be"),
        (
            {"logical": {"operator": "NOT", "expr": [WITHDRAWN, WITHDRAWN]}},
            r"search\['logical'\]\['expr'\] must contain one expression",
        ),
        ({"logical": {"operator": "XOR", "expr": [WITHDRAWN]}}, "must be AND, OR or NOT"),
        (term("region", "DATE", "EQ", UK), "attrType must be .*, STRING; given: 'DATE'"),
        ({"term": {"attr": "region"}}, r"search\['term'\] must contain only attrName"),
        # The platform looks at the outermost term alone, and fails on what is wrong further in.
        (
            {"all": [["a", "=", "b"], {"not": ["ratio", "=", 0.5]}]},
            r"search\['all'\]\[1\]\['not'\] \(ratio\)",
        ),
    ],
)
def test_what_the_platform_would_refuse_or_fail_on(told: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        expression(told)


def test_the_whole_search() -> None:
    told = search_parameters(
        "data",
        ["withdrawn", "EXISTS"],
        as_of="2026-03-01T00:00:00Z",
        prior_versions=True,
        prior_tags=True,
        now=NOW,
    )
    assert told == {
        "objectType": "DATA",
        "search": WITHDRAWN,
        "searchAsOf": {"isoDatetime": "2026-03-01T00:00:00+00:00"},
        "priorVersions": True,
        "priorTags": True,
    }
    assert search_parameters("DATA", now=NOW) == {"objectType": "DATA"}


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("2026-03-01T00:00:01Z", "not be in the future"),
        ("2026-02-01T00:00:00", "with an offset"),
        ("yesterday", "be a DATETIME"),
    ],
)
def test_a_time_that_cannot_be_searched_at(as_of: str, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"search_as_of .*{words}"):
        search_parameters("DATA", as_of=as_of, now=NOW)


@pytest.mark.parametrize("search", [{}, [], (), ""])
def test_nothing_is_no_search_for_all(search: object) -> None:
    with pytest.raises(InvalidArgumentError, match="leave search out to find all objects"):
        search_parameters("DATA", search, now=NOW)


def test_a_type_that_cannot_be() -> None:
    with pytest.raises(InvalidArgumentError, match="object_type must be an identifier"):
        search_parameters("", now=NOW)


FLAT = [
    None,
    ["region", "=", "UK"],
    {"all": [["region", "=", "UK"], {"all": [["n", ">", 5], {"not": ["region", "=", "IE"]}]}]},
    {"any": [["region", "=", "UK"], ["region", "=", "IE"]]},
]
BRANCHED = [
    {"any": [["region", "=", "UK"], ["withdrawn", "EXISTS"]]},
    {"not": ["withdrawn", "EXISTS"]},
    {"all": [["region", "=", "UK"], {"not": ["n", ">", 5]}]},
]
CUTS = [ServerError("500", status=500), ServerError("504", status=504), TransportError("cut")]


@pytest.mark.parametrize("search", FLAT)
def test_a_flat_search_is_repeated(search: Any) -> None:
    exchange = trac().search("DATA", search)
    assert next(exchange).repeatable
    with pytest.raises(ServerError):
        exchange.throw(CUTS[0])


@pytest.mark.parametrize("search", BRANCHED)
@pytest.mark.parametrize("cut", CUTS)
def test_one_that_was_cut_off_is_not(search: Any, cut: ApiError) -> None:
    exchange = trac().search("DATA", search)
    assert not next(exchange).repeatable
    with pytest.raises(BadRequestError, match="may keep running in TRAC's database") as caught:
        exchange.throw(cut)
    assert caught.value.permanent


@pytest.mark.parametrize(
    "away", [ServerError("503", status=503), TransportError("refused", not_sent=True)], ids=repr
)
def test_one_that_never_began_may_be_asked_again(away: ApiError) -> None:
    exchange = trac().search("DATA", BRANCHED[0])
    next(exchange)
    with pytest.raises(type(away)):
        exchange.throw(away)
