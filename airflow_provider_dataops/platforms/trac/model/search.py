"""Searches: a small readable form, checked here because the platform checks only the outermost term.

A term is a list, so that a template can render it from JSON::

    ["region", "IN", ["UK", "IE"]]
    ["business_date", ">=", "2026-02-01", "DATE"]
    ["withdrawn", "EXISTS"]

The fourth item is the attribute's type, where it is not the value's own. Terms are combined by
``{"all": [...]}``, ``{"any": [...]}`` and ``{"not": ...}``. The platform's own form, ``{"term": {...}}`` and
``{"logical": {...}}``, does as well, and is checked alike.
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
    as_wire,
    instant_from,
    understood,
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
    """Return the search to be sent.

    :param kind: the type of object to search.
    :param search: the expression; ``None`` finds all objects of the type.
    :param as_of: search the metadata as it was at that time.
    :param prior_versions: look at all versions of each object, not at the latest alone.
    :param prior_tags: look at all versions of each tag.
    :param now: seconds since the epoch.
    :raises InvalidArgumentError: if the platform would not take it, or would fail on it.
    """
    message: dict[str, Any] = {"objectType": object_type(kind)}
    if search is not None:
        if search in ({}, [], (), ""):
            raise InvalidArgumentError(
                "search is empty, as a template that rendered to nothing; leave it out to find all objects "
                f"of the type; given: {search!r}"
            )
        message["search"] = expression(search)
    if as_of is not None:
        moment = instant_from(as_of, "search_as_of")
        if moment.timestamp() > now:
            raise InvalidArgumentError(
                f"search_as_of must not be in the future; given: {instant_text(moment)}, now it is "
                f"{datetime.fromtimestamp(now, UTC).isoformat(timespec='seconds')}"
            )
        message["searchAsOf"] = {"isoDatetime": instant_text(moment)}
    return present({**message, "priorVersions": prior_versions or None, "priorTags": prior_tags or None})


def expression(value: object, where: str = "search") -> dict[str, Any]:
    """Return the platform's form of an expression.

    :raises InvalidArgumentError: naming the part that is wrong.
    """
    if isinstance(value, list | tuple):
        return _term_of_list(value, where)
    if not isinstance(value, Mapping) or len(value) != 1:
        raise _no_expression(value, where)
    ((name, inner),) = value.items()
    if name in _COMBINATIONS:
        return _combined(_COMBINATIONS[name], [inner] if name == "not" else inner, f"{where}[{name!r}]")
    if name == "term":
        return _term_of_wire(inner, where)
    if name == "logical" and isinstance(inner, Mapping) and set(inner) == {"operator", "expr"}:
        return _combined(inner["operator"], inner["expr"], where)
    raise _no_expression(value, where)


def _no_expression(value: object, where: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{where} must be a term such as ['region', '=', 'UK'], or one of {{'all': [...]}}, "
        f"{{'any': [...]}}, {{'not': ...}}; given: {value!r}"
    )


def _combined(operator: object, parts: object, where: str) -> dict[str, Any]:
    if operator not in _COMBINATIONS.values():
        raise InvalidArgumentError(
            f"{where}: the logical operator must be AND, OR or NOT; given: {operator!r}"
        )
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
        raise InvalidArgumentError(f"{where} must be a list of expressions, and not empty; given: {parts!r}")
    if operator == "NOT" and len(parts) != 1:
        raise InvalidArgumentError(f"{where}: NOT takes one expression; given: {len(parts)}")
    expressions = [expression(part, f"{where}[{n}]") for n, part in enumerate(parts)]
    if len(expressions) == 1 and operator != "NOT":
        return expressions[0]
    return _as_one_term(str(operator), expressions) or {
        "logical": {"operator": operator, "expr": expressions}
    }


def _as_one_term(operator: str, expressions: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the one term that says the same, if there is one.

    An OR of three terms takes the real platform seconds. One of four, or a NOT, is often cut off after ten.
    IN and NE take no time at all.
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
    """Return whether a search is sure to take no time: it holds neither an OR nor a NOT."""
    return _has_no_branches(parameters.get("search", {}))


def _has_no_branches(part: JsonObject) -> bool:
    logical = part.get("logical")
    if logical is None:
        return True
    return logical["operator"] == "AND" and all(_has_no_branches(inner) for inner in logical["expr"])


def _term_of_list(term: Sequence[Any], where: str) -> dict[str, Any]:
    if not 2 <= len(term) <= 4:
        raise InvalidArgumentError(
            f"{where}: a term is [name, operator, value] or [name, operator, value, type]; given: {term!r}"
        )
    name, operator, value, attr_type = (*term, None, None)[:4]
    if len(term) < 4 or value is None:
        return _term(name, operator, value, attr_type, where)
    kind = ValueType.named(attr_type)
    many = isinstance(value, list | tuple)
    typed = Value(list(value), ValueType("ARRAY", kind)) if many else Value(value, kind)
    return _term(name, operator, typed, None, where)


def _term_of_wire(term: object, where: str) -> dict[str, Any]:
    if not isinstance(term, Mapping) or set(term) - {"attrName", "attrType", "operator", "searchValue"}:
        raise InvalidArgumentError(
            f"{where}: a term may hold attrName, attrType, operator and searchValue; given: {term!r}"
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
    basic = None
    if sign == "EXISTS":
        if value is not None:
            raise InvalidArgumentError(f"{where}: EXISTS takes no value; given: {value!r}")
        if attr_type is not None:
            basic = ValueType.named(attr_type).basic
    else:
        # Before its type is asked for, which an empty list does not show, and where it is known after all.
        _refuse_empty(sign, value, where)
        plain, kind = understood(value, where)
        _refuse_empty(sign, plain, where)
        basic = _checked(sign, kind, where)
        if attr_type is not None and attr_type != basic:
            raise InvalidArgumentError(f"{where}: attrType is {attr_type!r} and the value is a {kind}")
    return {
        "term": present(
            {
                "attrName": name,
                "attrType": basic,
                "operator": sign,
                "searchValue": None if sign == "EXISTS" else as_wire(value, where=where),
            }
        )
    }


def _refuse_empty(sign: str, value: object, where: str) -> None:
    if sign == "IN" and isinstance(value, list | tuple) and not value:
        raise InvalidArgumentError(f"{where}: IN takes a list of one value or more; given: an empty list")


def _checked(sign: str, kind: ValueType, where: str) -> str:
    """Return the type of the attribute that a value is compared with."""
    basic = kind.basic
    if sign == "IN":
        if basic != "ARRAY" or kind.item is None:
            raise InvalidArgumentError(f"{where}: IN takes a list of values; given: a {kind}")
        basic = kind.item.basic
    if basic not in PRIMITIVES:
        raise InvalidArgumentError(f"{where}: {sign} takes a primitive value; given: a {kind}")
    if sign in _ORDERED and basic in _NOT_ORDERED:
        raise InvalidArgumentError(
            f"{where}: {sign} does not compare a {basic}; give another type as the term's fourth item, "
            "'DATE' for instance"
        )
    if sign not in _ORDERED and basic in _NOT_EQUAL:
        raise InvalidArgumentError(f"{where}: {sign} does not compare a {basic}; use a range of >= and <=")
    return basic
