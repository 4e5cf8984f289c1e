"""TRAC's attributes: their types, the text forms of their values, and the effects of tag updates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac.errors import bad_state, internal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEMBERS = {
    "BOOLEAN": "booleanValue",
    "INTEGER": "integerValue",
    "FLOAT": "floatValue",
    "STRING": "stringValue",
    "DECIMAL": "decimalValue",
    "DATE": "dateValue",
    "DATETIME": "datetimeValue",
}
"""For each primitive type: the member of a value's JSON that contains the primitive."""

_TYPES = {member: kind for kind, member in MEMBERS.items()}
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


_LONGEST_TEXT = 4096
_DECIMAL = Context(prec=31, rounding=ROUND_DOWN)
_DECIMAL_STEP = Decimal("1E-10")
"""Limits of the database: characters of a text, digits of a decimal, digits after the decimal point."""


class BadValueError(Exception):
    """The platform's validation rejects a value. The error's text describes the problem."""


def _bad(kind: str, text: str) -> BadValueError:
    return BadValueError(f"Value is not a valid {kind}: [{text}]")


def stamp(moment: datetime) -> str:
    """Return a date and time as the platform prints it: in UTC, with milliseconds."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{text}Z"


def read_datetime(text: str) -> datetime:
    """Read the text of a date and time, and return it in UTC.

    :raises BadValueError: if the text is not a date and time with seconds and a UTC offset
    """
    if not _DATETIME.fullmatch(text):
        raise _bad("datetime", text)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad("datetime", text) from error


def basic_type(value: dict[str, Any]) -> str | None:
    """Return the basic type that a value declares, or else the type of its JSON; ``None`` for null.

    :raises BadValueError: if an array or a map does not declare its type
    """
    declared: str | None = value.get("type", {}).get("basicType")
    members = [name for name in value if name != "type"]
    if declared or not members:
        return declared
    if members[0] not in _TYPES:
        raise BadValueError("Type cannot be inferred for non-primitive value")
    return _TYPES[members[0]]


def of(kind: str, plain: Any) -> dict[str, Any]:
    """Return a primitive value in the form that the platform stores."""
    return {"type": {"basicType": kind}, MEMBERS[kind]: plain}


def array_of(kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an array with these items in the form that the platform stores."""
    return {
        "type": {"basicType": "ARRAY", "arrayType": {"basicType": kind}},
        "arrayValue": {"items": items} if items else {},
    }


def text(plain: str) -> dict[str, Any]:
    """Return a STRING in the form that the platform stores."""
    return of("STRING", plain)


def normalise(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value, and each item of an array, in the platform's notation and with its type.

    :raises BadValueError: if the value is neither a primitive nor an array of primitives,
        or does not match the type that it declares
    """
    kind = basic_type(value)
    if kind is None:
        raise BadValueError("Null values are not allowed")
    if kind == "ARRAY":
        item_type = value["type"].get("arrayType", {}).get("basicType")
        if item_type not in MEMBERS:
            raise BadValueError("The items of an array must have a primitive type")
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
    """Return a normalised value as the database stores it, e.g. with shorter decimals.

    :raises ServiceError: if the value is too long for its column
    """
    if "arrayValue" in value:
        return {**value, "arrayValue": {"items": [stored(item) for item in items(value)]}}
    kind = basic_type(value)
    if kind == "STRING" and len(value["stringValue"]) > _LONGEST_TEXT:
        raise internal()
    if kind == "FLOAT" and value["floatValue"] == 0:
        return of("FLOAT", 0.0)  # The database does not distinguish 0.0 from -0.0.
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
    if not plain[-1].isdigit():  # NaN or infinity
        raise _bad("decimal", digits)
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("", "-0") else plain


def items(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of a stored array; for a stored primitive, return a list with only that value."""
    if "arrayValue" in value:
        return list(value["arrayValue"].get("items", ()))
    return [value]


def item_type(value: dict[str, Any]) -> str:
    """Return the primitive type of a stored value; for an array, the type of its items."""
    declared = value["type"]
    return str(declared.get("arrayType", declared)["basicType"])


def comparable(value: dict[str, Any]) -> Any:
    """Return a stored primitive as a Python value, so that ``<`` and ``==`` give the platform's result."""
    kind = value["type"]["basicType"]
    plain = value[MEMBERS[kind]]
    # Stored dates and times have a fixed format, so their texts have the same order as the times.
    plain = next(iter(plain.values())) if isinstance(plain, dict) else plain
    return {"INTEGER": int, "FLOAT": float, "DECIMAL": Decimal}.get(kind, lambda one: one)(plain)


# Attributes

USER_ID, USER_NAME = "#trac_unknown", "Unknown User"
"""The user that the platform records for every request. The open-source platform has no real users."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RESERVED = re.compile(r"trac_|tracdap_|_", re.IGNORECASE)

_LONGEST_NAME = 256
"""Maximum length of an attribute's name in characters; longer names do not fit into the database."""

_CAPITAL = re.compile("(?=[A-Z])")
_MEMBERS_IN_ATTRS = {
    "MODEL": ("language", "repository", "package", "version", "entryPoint", "path"),
    "FILE": ("name", "extension", "mimeType"),
}
"""For each object type: the members of a definition that the platform also writes to attributes."""

Attrs = dict[str, dict[str, Any]]


def is_identifier(name: str) -> bool:
    """Return whether the platform accepts a name as an identifier."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_reserved(name: str) -> bool:
    """Return whether the platform reserves a name for itself."""
    return _RESERVED.match(name) is not None


def apply(updates: Iterable[Mapping[str, Any]], attrs: Attrs) -> Attrs:
    """Apply valid updates to attributes, and return the result as the platform stores it.

    :raises ServiceError: if an update contradicts the attributes, or a value is too long for the database
    """
    attrs = dict(attrs)
    for update in updates:
        operation, name = update.get("operation", "CREATE_OR_REPLACE_ATTR"), update.get("attrName", "")
        if operation == "CLEAR_ALL_ATTR":
            attrs = {key: value for key, value in attrs.items() if is_reserved(key)}
            continue
        old = attrs.get(name)
        if operation.startswith("CREATE_OR_"):
            operation = "CREATE_ATTR" if old is None else operation.removeprefix("CREATE_OR_")
        if (operation == "CREATE_ATTR") != (old is None):
            problem = "does not exist" if old is None else "already exists"
            raise bad_state(f'{operation} "{name}": Attribute {problem}')
        if operation == "DELETE_ATTR":
            del attrs[name]
            continue
        new = normalise(update["value"])
        if old is not None:
            was, now = item_type(old), item_type(new)
            if was != now:
                raise bad_state(
                    f'{operation} "{name}": Attribute type does not match '
                    f"(original type = {was}, new type = {now})"
                )
        if old is not None and operation == "APPEND_ATTR":
            new = array_of(item_type(old), items(old) + items(new))
        attrs[name] = new
    if any(len(name) > _LONGEST_NAME for name in attrs):
        raise internal()
    # The database has one row for each item of an array, so an empty array is not stored.
    return {name: stored(value) for name, value in attrs.items() if items(value)}


def written(at: datetime, *, created: bool, job: str = "") -> Attrs:
    """Return the attributes that record the time, the user and the job of a write.

    :param created: whether the write creates the object
    :param job: key of the job that writes the object; empty if a client writes it
    """
    attrs: Attrs = {}
    for verb in ("create", "update") if created else ("update",):
        attrs[f"trac_{verb}_time"] = of("DATETIME", {"isoDatetime": stamp(at)})
        attrs[f"trac_{verb}_user_id"] = text(USER_ID)
        attrs[f"trac_{verb}_user_name"] = text(USER_NAME)
        if job:
            attrs[f"trac_{verb}_job"] = text(job)
    return attrs


def derived(definition: Mapping[str, Any]) -> Attrs:
    """Return the attributes that the platform derives from a definition."""
    kind = definition["objectType"]
    inner = definition[kind.lower()]
    attrs = {
        f"trac_{kind.lower()}_{_CAPITAL.sub('_', name).lower()}": text(inner.get(name, ""))
        for name in _MEMBERS_IN_ATTRS.get(kind, ())
    }
    if kind == "JOB":
        attrs["trac_job_type"] = text(inner["jobType"])
    if kind == "FILE":
        attrs["trac_file_size"] = of("INTEGER", inner["size"])
    return schema_attrs(inner) if kind == "SCHEMA" else attrs


def schema_attrs(schema: Mapping[str, Any]) -> Attrs:
    """Return the attributes that the platform derives from a schema."""
    count = len(schema.get("table", {}).get("fields", ()))
    return {
        "trac_schema_type": text(schema.get("schemaType", "")),
        "trac_schema_field_count": of("INTEGER", str(count)),
    }
