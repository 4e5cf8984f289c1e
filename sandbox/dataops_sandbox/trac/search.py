"""TRAC's search, which finds tags by their attributes."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import values
from dataops_sandbox.trac.errors import internal
from dataops_sandbox.trac.metadata import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from dataops_sandbox.trac.metadata import Metadata
    from dataops_sandbox.trac.validation import Check
    from dataops_sandbox.trac.values import Attrs

    Predicate = Callable[[Attrs], bool]

MOST_RESULTS = 100

_ORDERED = {"LT": operator.lt, "LE": operator.le, "GT": operator.gt, "GE": operator.ge}
_NOT_ORDERED = ("STRING", "BOOLEAN")
_NOT_EXACT = ("FLOAT", "DECIMAL", "DATETIME")
_PATH = "searchParams."


def validate(check: Check, now: datetime) -> None:
    """Check a search request. Like the platform, do not check terms inside a logical expression."""
    params = check.body
    check.require(params, "objectType", _PATH)
    if "searchAsOf" in params:
        check.moment(params, "searchAsOf", _PATH)
        if not check.items and values.read_datetime(params["searchAsOf"]["isoDatetime"]) > now:
            check.add("[searchAsOf] is in the future", f"{_PATH}searchAsOf")
    expression = params.get("search", {})
    if "term" in expression:
        _validate_term(check, expression["term"])


def _validate_term(check: Check, term: Mapping[str, Any]) -> None:
    path = f"{_PATH}search.term."
    how = term.get("operator")
    check.identifier(term, "attrName", path, reserved=True)
    if not check.require(term, "operator", path) or how == "EXISTS":
        return
    kind = term.get("attrType")
    if check.require(term, "attrType", path) and kind not in values.MEMBERS:
        check.add("Value of [attrType] must be a primitive type", f"{path}attrType")
    if (how in _ORDERED and kind in _NOT_ORDERED) or (how not in _ORDERED and kind in _NOT_EXACT):
        check.add(f"Operator [{how}] is not for attributes of type [{kind}]", f"{path}operator")
    if check.require(term, "searchValue", path):
        try:
            _wanted(term)
        except values.BadValueError as error:
            check.add(str(error), f"{path}searchValue")


def _wanted(term: Mapping[str, Any]) -> list[Any]:
    """Return the values that a term searches for, in a form that can be compared.

    :raises BadValueError: if a value does not match the operator or the type of the term
    """
    value = values.normalise(term["searchValue"])
    if (term["operator"] == "IN") != (value["type"]["basicType"] == "ARRAY"):
        raise values.BadValueError("Operator [IN] needs an array, all other operators need a primitive value")
    if values.item_type(value) != term.get("attrType"):
        raise values.BadValueError(f"Value must be of type [{term.get('attrType')}]")
    found = [values.comparable(item) for item in values.items(value)]
    if not found:
        raise values.BadValueError("The array of [IN] must not be empty")
    return found


def search(metadata: Metadata, tenant: str, params: Mapping[str, Any]) -> list[Found]:
    """Return the newest matching tag of each object: at most 100 tags, newest first.

    :raises ServiceError: if the real platform fails on a nested expression
    """
    as_of = params.get("searchAsOf")
    moment = values.read_datetime(as_of["isoDatetime"]) if as_of else None
    expression = params.get("search", {})
    matches = _build(expression, set(), 0)[0] if expression else lambda _: True

    def chosen(among: list[Any], prior: str) -> list[Any]:
        among = [one for one in among if moment is None or one.at <= moment]
        return among if params.get(prior) else among[-1:]

    found = []
    for record in metadata.objects(tenant, params["objectType"]):
        matching = [
            Found(record, version, tag)
            for version in chosen(record.versions, "priorVersions")
            for tag in chosen(version.tags, "priorTags")
            if matches(tag.attrs)
        ]
        if matching:
            found.append(max(matching, key=lambda one: (one.tag.write, one.tag.place)))
    # Newest first; but the tags that one transaction wrote stay in the order of the request.
    found.sort(key=lambda one: (one.tag.at, one.tag.write, -one.tag.place), reverse=True)
    return found[:MOST_RESULTS]


def _build(expression: Mapping[str, Any], joined: set[int], number: int) -> tuple[Predicate, int]:
    """Build a predicate from an expression. Raise an error if the platform's SQL would fail.

    The platform does not validate nested expressions. In its SQL, each term joins the table of attributes
    under a numbered alias. NOT and NE become a subquery. After a subquery, the platform starts again with
    alias 0. If a query then contains an alias twice, the column names are ambiguous, and the query fails.

    :param joined: alias numbers that the query has used so far
    :param number: alias number of the next term
    :return: predicate on attributes, and the alias number of the term after this expression
    :raises ServiceError: if the platform's query fails
    """
    if "logical" in expression:
        how, parts = expression["logical"].get("operator"), expression["logical"].get("expr", [])
        if how is None or not parts or (how == "NOT" and len(parts) != 1):
            raise internal()
        if how == "NOT":
            unwanted, _ = _build(parts[0], set(), number)
            return lambda attrs: not unwanted(attrs), 0
        built = []
        for part in parts:
            predicate, number = _build(part, joined, number)
            built.append(predicate)
        enough = all if how == "AND" else any
        return lambda attrs: enough(one(attrs) for one in built), number
    term = expression.get("term", {})
    if not term.get("attrName") or "operator" not in term:
        raise internal()
    if term["operator"] == "NE":
        equal = _build_term(term)
        return lambda attrs: not equal(attrs), 0
    if number in joined:
        raise internal()
    joined.add(number)
    return _build_term(term), number + 1


def _build_term(term: Mapping[str, Any]) -> Predicate:
    name, how = term["attrName"], term["operator"]
    try:
        wanted = [] if how == "EXISTS" else _wanted(term)
    except (KeyError, values.BadValueError) as error:
        raise internal() from error

    def met(attrs: Attrs) -> bool:
        attr = attrs.get(name)
        if attr is None or term.get("attrType") not in (None, values.item_type(attr)):
            return False
        held = [values.comparable(item) for item in values.items(attr)]
        if how in _ORDERED:
            # An attribute with several values never matches LT, LE, GT or GE.
            return "arrayValue" not in attr and bool(_ORDERED[how](held[0], wanted[0]))
        return how == "EXISTS" or any(one in wanted for one in held)

    return met
