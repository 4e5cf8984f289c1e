"""TRAC's attribute values: what type they have, how they are stored, how they compare."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from typing import Any

from dataops_sandbox.trac.errors import internal

MEMBERS = {
    "BOOLEAN": "booleanValue",
    "INTEGER": "integerValue",
    "FLOAT": "floatValue",
    "STRING": "stringValue",
    "DECIMAL": "decimalValue",
    "DATE": "dateValue",
    "DATETIME": "datetimeValue",
}
"""The member of a value for each primitive type."""

_TYPES = {member: kind for kind, member in MEMBERS.items()}
_DATETIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


_LONGEST_TEXT = 4096
_DECIMAL = Context(prec=31, rounding=ROUND_DOWN)
_DECIMAL_STEP = Decimal("1E-10")
"""What a column of the database holds: characters of a text; digits of a decimal, in all and after its point."""


class BadValueError(Exception):
    """A value that validation refuses; the text is the detail of the item."""


def _bad(kind: str, text: str) -> BadValueError:
    return BadValueError(f"Value is not a valid {kind}: [{text}]")


def stamp(moment: datetime) -> str:
    """Give a moment as the platform prints it: UTC with three decimals."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{text}Z"


def read_datetime(text: str) -> datetime:
    """Read a moment; it needs seconds and an offset.

    :raises BadValueError: if it has not
    """
    found = _DATETIME.fullmatch(text)
    if found is None:
        raise _bad("datetime", text)
    plain, fraction, offset = found.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        return datetime.fromisoformat(f"{plain}.{micros}{offset}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad("datetime", text) from error


def basic_type(value: dict[str, Any]) -> str | None:
    """Give the basic type of a value, told or inferred; ``None`` for one that is null.

    :raises BadValueError: for an array or a map that does not tell its type
    """
    told = value.get("type", {}).get("basicType")
    member = next((name for name in value if name != "type"), None)
    if told is not None:
        return str(told)
    if member is None:
        return None
    if member not in _TYPES:
        raise BadValueError("Type cannot be inferred for non-primitive value")
    return _TYPES[member]


def of(kind: str, plain: Any) -> dict[str, Any]:
    """Make a stored value of a primitive type from the JSON of its member."""
    return {"type": {"basicType": kind}, MEMBERS[kind]: plain}


def array_of(kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Make a stored array from its items."""
    return {
        "type": {"basicType": "ARRAY", "arrayType": {"basicType": kind}},
        "arrayValue": {"items": items} if items else {},
    }


def text(plain: str) -> dict[str, Any]:
    """Make a stored STRING."""
    return of("STRING", plain)


def normalise(value: dict[str, Any]) -> dict[str, Any]:
    """Give a value as it is stored: with its type, items too, in the platform's own notation.

    :raises BadValueError: if it is no primitive and no array of primitives, or breaks its own type
    """
    kind = basic_type(value)
    if kind is None:
        raise BadValueError("Null values are not allowed")
    if kind == "ARRAY":
        item_type = value["type"].get("arrayType", {}).get("basicType")
        if item_type not in MEMBERS:
            raise BadValueError("An array needs a primitive type of its items")
        if "arrayValue" not in value:
            raise BadValueError("Value does not match its type [ARRAY]")
        items = [normalise(item) for item in value["arrayValue"].get("items", ())]
        if any(basic_type(item) != item_type for item in items):
            raise BadValueError(f"Array items must all be of type [{item_type}]")
        return array_of(item_type, items)
    if kind not in MEMBERS:
        raise BadValueError(f"Type [{kind}] is not allowed, only primitives and arrays of them")
    if MEMBERS[kind] not in value:
        raise BadValueError(f"Value does not match its type [{kind}]")
    return of(kind, _notation(kind, value[MEMBERS[kind]]))


def stored(value: dict[str, Any]) -> dict[str, Any]:
    """Give a normalised value as the database gives it back.

    :raises ServiceError: if it is too long for its column
    """
    if "arrayValue" in value:
        return {**value, "arrayValue": {"items": [stored(item) for item in items(value)]}}
    kind = basic_type(value)
    if kind == "STRING" and len(value["stringValue"]) > _LONGEST_TEXT:
        raise internal()
    if kind == "FLOAT" and value["floatValue"] == 0:
        return of("FLOAT", 0.0)  # the database has one zero
    if kind == "DECIMAL":
        try:
            digits = Decimal(value["decimalValue"]["decimal"]).quantize(_DECIMAL_STEP, context=_DECIMAL)
        except InvalidOperation as error:
            raise internal() from error
        return of("DECIMAL", {"decimal": _plain_decimal(str(digits))})
    return value


def _notation(kind: str, plain: Any) -> Any:
    if kind == "DATETIME":
        return {"isoDatetime": stamp(read_datetime(plain.get("isoDatetime", "")))}
    if kind == "DATE":
        iso = plain.get("isoDate", "")
        read_datetime(f"{iso}T00:00:00Z")
        return {"isoDate": iso}
    if kind == "DECIMAL":
        return {"decimal": _plain_decimal(plain.get("decimal", ""))}
    return plain


def _plain_decimal(digits: str) -> str:
    try:
        plain = f"{Decimal(digits):f}"
    except InvalidOperation as error:
        raise _bad("decimal", digits) from error
    if not plain[-1].isdigit():  # NaN and infinity
        raise _bad("decimal", digits)
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("", "-0") else plain


def items(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the items of a stored array, or a stored primitive as the only one."""
    if "arrayValue" in value:
        return list(value["arrayValue"].get("items", ()))
    return [value]


def item_type(value: dict[str, Any]) -> str:
    """Give the primitive type of a stored value, or of the items of an array."""
    told = value["type"]
    return str(told["arrayType"]["basicType"] if told["basicType"] == "ARRAY" else told["basicType"])


def comparable(value: dict[str, Any]) -> Any:
    """Give a stored primitive as something that compares as the platform compares it."""
    kind = value["type"]["basicType"]
    plain = value[MEMBERS[kind]]
    # A date and a time, as they are stored, compare as their texts do.
    plain = next(iter(plain.values())) if isinstance(plain, dict) else plain
    return {"INTEGER": int, "FLOAT": float, "DECIMAL": Decimal}.get(kind, lambda one: one)(plain)
