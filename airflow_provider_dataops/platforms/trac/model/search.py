"""Validate search expressions, and convert their short form to TRAC's JSON.

TRAC itself validates only the outermost term.

A term is a list, because a template can render a list from JSON::

    ["region", "IN", ["UK", "IE"]]
    ["business_date", ">=", "2026-02-01", "DATE"]
    ["withdrawn", "EXISTS"]

The fourth item is the attribute's type. It is needed if the value's type differs from the attribute's,
such as a text for a DATE attribute. ``{"all": [...]}``, ``{"any": [...]}`` and ``{"not": ...}`` combine
terms. TRAC's own form, ``{"term": {...}}`` and ``{"logical": {...}}``, is accepted and validated in the same
way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.json import present
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import object_type, require_identifier
from airflow_provider_dataops.platforms.trac.model.primitives import PRIMITIVES, instant_text
from airflow_provider_dataops.platforms.trac.model.values import (
    Value,
    ValueType,
    instant_from,
    understood,
    wire_of,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

_SIGNS = {"=": "EQ", "==": "EQ", "!=": "NE", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}
_ORDERED = ("LT", "LE", "GT", "GE")
OPERATORS = ("EQ", "NE", *_ORDERED, "IN", "EXISTS")

_NOT_EQUAL = frozenset({"FLOAT", "DECIMAL", "DATETIME"})
_NOT_ORDERED = frozenset({"STRING", "BOOLEAN"})
_COMBINATIONS = {"all": "AND", "any": "OR", "not": "NOT"}


def search_parameters(
    kind: str,
    search: object = None,
    *,
    as_of: object = None,
    prior_versions: bool = False,
    prior_tags: bool = False,
    now: float,
) -> dict[str, Any]:
    """Return the request of a search in TRAC's JSON.

    :param kind: the type of object to search.
    :param search: the expression; ``None`` finds all objects of the type.
    :param as_of: a time in the past. The search then uses the metadata as it was at that time.
    :param prior_versions: search in all versions of each object, not only in the latest.
    :param prior_tags: search in all versions of each tag.
    :param now: the present time, in seconds since the epoch.
    :raises InvalidArgumentError: if TRAC would reject the search or fail to run it.
    """
    message: dict[str, Any] = {"objectType": object_type(kind)}
    if search is not None:
        if search in ({}, [], (), ""):
            raise InvalidArgumentError(
                "search must not be empty; leave search out to find all objects of the type. A template may "
                f"have rendered to an empty value; given: {search!r}"
            )
        message["search"] = expression(search)
    if as_of is not None:
        moment = instant_from(as_of, "search_as_of")
        if moment.timestamp() > now:
            raise InvalidArgumentError(
                f"search_as_of must not be in the future; given: {instant_text(moment)}, the time is now "
                f"{datetime.fromtimestamp(now, UTC).isoformat(timespec='seconds')}"
            )
        message["searchAsOf"] = {"isoDatetime": instant_text(moment)}
    return present({**message, "priorVersions": prior_versions or None, "priorTags": prior_tags or None})


def expression(value: object, where: str = "search") -> dict[str, Any]:
    """Return an expression in TRAC's JSON.

    :param where: the name of the argument, for errors.
    :raises InvalidArgumentError: with the part of the expression that is wrong.
    """
    if isinstance(value, list | tuple):
        return _term_of_list(value, where)
    if not isinstance(value, Mapping) or len(value) != 1:
        raise _not_an_expression(value, where)
    ((name, inner),) = value.items()
    if name in _COMBINATIONS:
        where = f"{where}[{name!r}]"
        if name == "not":
            return _joined("NOT", [expression(inner, where)])
        return _combined(_COMBINATIONS[name], inner, where)
    if name == "term":
        return _term_of_wire(inner, f"{where}['term']")
    if name == "logical" and isinstance(inner, Mapping) and set(inner) == {"operator", "expr"}:
        return _combined(inner["operator"], inner["expr"], f"{where}['logical']['expr']")
    raise _not_an_expression(value, where)


def _not_an_expression(value: object, where: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{where} must be a term such as ['region', '=', 'UK'], or one of {{'all': [...]}}, "
        f"{{'any': [...]}}, {{'not': ...}}; given: {value!r}"
    )


def _combined(operator: object, parts: object, where: str) -> dict[str, Any]:
    if operator not in _COMBINATIONS.values():
        raise InvalidArgumentError(
            f"{where}: the operator of a 'logical' must be AND, OR or NOT; given: {operator!r}"
        )
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
        raise InvalidArgumentError(f"{where} must be a list of one or more expressions; given: {parts!r}")
    if operator == "NOT" and len(parts) != 1:
        raise InvalidArgumentError(
            f"{where} must contain one expression, because the operator is NOT; given: {len(parts)}"
        )
    return _joined(str(operator), [expression(part, f"{where}[{n}]") for n, part in enumerate(parts)])


def _joined(operator: str, expressions: list[dict[str, Any]]) -> dict[str, Any]:
    if len(expressions) == 1 and operator != "NOT":
        return expressions[0]
    return _as_one_term(operator, expressions) or {"logical": {"operator": operator, "expr": expressions}}


def _as_one_term(operator: str, expressions: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return a single term that means the same as the expressions, or ``None`` if there is no such term.

    A single term is faster. TRAC answers IN and NE at once, but needs seconds for an OR of three terms. After
    ten seconds, TRAC often aborts an OR of four terms, or a NOT.
    """
    terms = [part.get("term", {}) for part in expressions]
    if operator == "AND" or any(term.get("operator") != "EQ" for term in terms):
        return None
    if operator == "NOT":
        return {"term": {**terms[0], "operator": "NE"}}
    (name, kind), *others = {(term["attrName"], term["attrType"]) for term in terms}
    if others:
        return None
    values = {
        "type": ValueType("ARRAY", ValueType(kind)).as_json(),
        "arrayValue": {"items": [term["searchValue"] for term in terms]},
    }
    return {"term": {"attrName": name, "attrType": kind, "operator": "IN", "searchValue": values}}


def is_flat(parameters: JsonObject) -> bool:
    """Return whether a search contains no OR and no NOT. TRAC runs such a search quickly."""
    return _has_no_branches(parameters.get("search", {}))


def _has_no_branches(part: JsonObject) -> bool:
    logical = part.get("logical")
    if logical is None:
        return True
    return logical["operator"] == "AND" and all(_has_no_branches(inner) for inner in logical["expr"])


def _term_of_list(term: Sequence[Any], where: str) -> dict[str, Any]:
    if not 2 <= len(term) <= 4:
        raise InvalidArgumentError(
            f"{where} must be [name, operator, value] or [name, operator, value, type]; given: {term!r}"
        )
    name, operator, value, attr_type = (*term, None, None)[:4]
    if len(term) < 4 or value is None:
        return _term(name, operator, value, attr_type, where)
    kind = ValueType.named(attr_type, f"{where}[3], the attribute's type,")
    many = isinstance(value, list | tuple)
    typed = Value(list(value), ValueType("ARRAY", kind)) if many else Value(value, kind)
    return _term(name, operator, typed, None, where)


def _term_of_wire(term: object, where: str) -> dict[str, Any]:
    if not isinstance(term, Mapping) or set(term) - {"attrName", "attrType", "operator", "searchValue"}:
        raise InvalidArgumentError(
            f"{where} must contain only attrName, attrType, operator and searchValue; given: {term!r}"
        )
    return _term(
        term.get("attrName"), term.get("operator"), term.get("searchValue"), term.get("attrType"), where
    )


def _term(name: object, operator: object, value: object, attr_type: object, where: str) -> dict[str, Any]:
    name = require_identifier(f"{where}: the attribute's name", name)
    where = f"{where} ({name})"
    sign = operator.upper() if isinstance(operator, str) else ""
    sign = _SIGNS.get(sign, sign)
    if sign not in OPERATORS:
        raise InvalidArgumentError(
            f"{where}: the operator must be one of {', '.join((*OPERATORS, *_SIGNS))}; given: {operator!r}"
        )
    basic, wire = None, None
    if sign == "EXISTS":
        if value is not None:
            raise InvalidArgumentError(f"{where}: EXISTS must have no value; given: {value!r}")
        if attr_type is not None:
            basic = ValueType.named(attr_type, f"{where}: the attribute's type").basic
    else:
        # Check for an empty list twice. The first check is needed because understood() raises another error
        # for an empty list without a type. The second check is needed because only understood() finds the
        # list in a Value.
        _reject_empty(sign, value, where)
        plain, kind = understood(value, f"{where}: the value")
        _reject_empty(sign, plain, where)
        basic, wire = _checked(sign, kind, where), wire_of(plain, kind)
        if attr_type is not None and attr_type != basic:
            raise InvalidArgumentError(
                f"{where}: attrType must be {basic}, because searchValue has this type; given: {attr_type!r}"
            )
    return {
        "term": present(
            {
                "attrName": name,
                "attrType": basic,
                "operator": sign,
                "searchValue": wire,
            }
        )
    }


def _reject_empty(sign: str, value: object, where: str) -> None:
    if sign == "IN" and isinstance(value, list | tuple) and not value:
        raise InvalidArgumentError(
            f"{where}: the value of IN must be a list of one or more items; given: {value!r}"
        )


def _checked(sign: str, kind: ValueType, where: str) -> str:
    """Return the attribute's type. For IN, this is the type of the list's items, else the value's type."""
    basic = kind.basic
    if sign == "IN":
        if basic != "ARRAY" or kind.item is None:
            raise InvalidArgumentError(
                f"{where}: the value of IN must be a list; given: a value of type {kind}"
            )
        basic = kind.item.basic
    if basic not in PRIMITIVES:
        raise InvalidArgumentError(
            f"{where}: the value of {sign} must be primitive; given: a value of type {kind}"
        )
    if sign in _ORDERED and basic in _NOT_ORDERED:
        raise InvalidArgumentError(
            f"{where}: {sign} cannot compare values of type {basic}; give the attribute's type as the fourth "
            "item of the term, 'DATE' for instance"
        )
    if sign not in _ORDERED and basic in _NOT_EQUAL:
        raise InvalidArgumentError(
            f"{where}: {sign} cannot compare values of type {basic}; use a range of >= and <="
        )
    return basic
