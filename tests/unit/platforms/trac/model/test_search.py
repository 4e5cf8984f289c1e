"""Searches: converted from the readable form to TRAC's form, or rejected before they are sent."""

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
from tests.unit.fakes import first_request
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
    ("search", "wire"),
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
        # TRAC is slow at branches, or cuts them off. They become one term where possible.
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
def test_an_expression_is_converted_to_tracs_form(search: Any, wire: dict[str, Any]) -> None:
    assert expression(search) == wire
    # TRAC's own form is accepted too, and does not change.
    assert expression(wire) == wire


class Word(str, Enum):  # noqa: UP042 - as in older code: its str() is the name of the member
    UK = "UK"
    IN = "IN"
    STRING = "STRING"
    REGION = "region"


def test_enumeration_members_become_their_values() -> None:
    converted = expression([Word.REGION, Word.IN, [Word.UK, "IE"], Word.STRING])
    assert repr(converted) == repr(expression(["region", "IN", ["UK", "IE"], "STRING"]))
    exists = expression(["region", "EXISTS", None, Word.STRING])
    assert repr(exists) == repr(expression(["region", "EXISTS", None, "STRING"]))


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (["region", ">", "UK"], "GT cannot compare values of type STRING"),
        (["ok", "<", True], "LT cannot compare values of type BOOLEAN"),
        (["ratio", "=", 0.5], "EQ cannot compare values of type FLOAT"),
        (["amount", "!=", Decimal(1)], "NE cannot compare values of type DECIMAL"),
        (["at", "=", datetime(2026, 1, 1, tzinfo=UTC)], "EQ cannot compare values of type DATETIME"),
        (["ratio", "IN", [0.5]], "IN cannot compare values of type FLOAT"),
        (["region", "IN", "UK"], "the value of IN must be a list; given: a value of type STRING"),
        (["region", "IN", []], r"the value of IN must be a list of one or more items; given: \[\]"),
        (["region", "IN", [], "STRING"], "the value of IN must be a list of one or more items"),
        (
            ["region", "IN", Value([], ValueType("ARRAY", ValueType("STRING")))],
            "IN must be a list of one or more items",
        ),
        (
            term("region", "STRING", "IN", {**IN_UK, "arrayValue": {"items": []}}),
            "IN must be a list of one or more items",
        ),
        ({"not": ["region", "IN", [], "STRING"]}, r"search\['not'\] \(region\): .* one or more items"),
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
        ({"all": []}, "a list of one or more expressions"),
        ({"any": "x"}, "must be a list of one or more expressions"),
        ({"some": []}, "search must be a term"),
        ({"region": "UK", "n": 5}, "search must be a term"),
        ("region = 'UK'", "search must be a term"),
        ({"not": [["a", "EXISTS"], ["b", "EXISTS"]]}, "must be"),
        (
            {"logical": {"operator": "NOT", "expr": [WITHDRAWN, WITHDRAWN]}},
            r"search\['logical'\]\['expr'\] must contain one expression",
        ),
        ({"logical": {"operator": "XOR", "expr": [WITHDRAWN]}}, "must be AND, OR or NOT"),
        (term("region", "DATE", "EQ", UK), "attrType must be STRING, .*; given: 'DATE'"),
        ({"term": {"attr": "region"}}, r"search\['term'\] must contain only attrName"),
        # TRAC validates only the outermost term, and fails on an error inside it.
        (
            {"all": [["a", "=", "b"], {"not": ["ratio", "=", 0.5]}]},
            r"search\['all'\]\[1\]\['not'\] \(ratio\)",
        ),
    ],
)
def test_an_expression_that_trac_would_reject_or_fail_on_is_rejected(search: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        expression(search)


def test_search_parameters_contain_all_arguments() -> None:
    parameters = search_parameters(
        "data",
        ["withdrawn", "EXISTS"],
        as_of="2026-03-01T00:00:00Z",
        prior_versions=True,
        prior_tags=True,
        now=NOW,
    )
    assert parameters == {
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
def test_an_invalid_search_as_of_is_rejected(as_of: str, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"search_as_of .*{words}"):
        search_parameters("DATA", as_of=as_of, now=NOW)


@pytest.mark.parametrize("search", [{}, [], (), ""])
def test_an_empty_search_is_rejected(search: object) -> None:
    with pytest.raises(InvalidArgumentError, match="leave search out to find all objects"):
        search_parameters("DATA", search, now=NOW)


def test_an_empty_object_type_is_rejected() -> None:
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
def test_a_flat_search_is_repeatable(search: Any) -> None:
    exchange = trac().search("DATA", search)
    assert first_request(exchange).repeatable
    with pytest.raises(ServerError):
        exchange.throw(CUTS[0])


@pytest.mark.parametrize("search", BRANCHED)
@pytest.mark.parametrize("cut", CUTS)
def test_a_branched_search_that_was_cut_off_is_not_repeated(search: Any, cut: ApiError) -> None:
    exchange = trac().search("DATA", search)
    assert not first_request(exchange).repeatable
    with pytest.raises(BadRequestError, match="may keep running in TRAC's database") as caught:
        exchange.throw(cut)
    assert caught.value.permanent


@pytest.mark.parametrize(
    "error", [ServerError("503", status=503), TransportError("refused", not_sent=True)], ids=repr
)
def test_a_branched_search_that_never_started_may_be_repeated(error: ApiError) -> None:
    exchange = trac().search("DATA", BRANCHED[0])
    first_request(exchange)
    with pytest.raises(type(error)):
        exchange.throw(error)
