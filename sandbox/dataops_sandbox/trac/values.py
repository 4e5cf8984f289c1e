"""TRAC's attributes: types and notation of their values, and what updates of a tag do to them."""

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
"""The member of a value for each primitive type."""

_TYPES = {member: kind for kind, member in MEMBERS.items()}
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


_LONGEST_TEXT = 4096
_DECIMAL = Context(prec=31, rounding=ROUND_DOWN)
_DECIMAL_STEP = Decimal("1E-10")
"""What a column of the database holds: characters of a text, digits of a decimal (all, after the point)."""


class BadValueError(Exception):
    """A value that validation refuses; the text is the detail of the item."""


def _bad(kind: str, text: str) -> BadValueError:
    return BadValueError(f"Value is not a valid {kind}: [{text}]")


def stamp(moment: datetime) -> str:
    """Return a moment as the platform prints it: UTC with three decimals."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{text}Z"


def read_datetime(text: str) -> datetime:
    """Read a moment; it needs seconds and an offset.

    :raises BadValueError: if it has not
    """
    if not _DATETIME.fullmatch(text):
        raise _bad("datetime", text)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad("datetime", text) from error


def basic_type(value: dict[str, Any]) -> str | None:
    """Return the basic type of a value, told or inferred; ``None`` for one that is null.

    :raises BadValueError: for an array or a map that does not tell its type
    """
    told: str | None = value.get("type", {}).get("basicType")
    members = [name for name in value if name != "type"]
    if told or not members:
        return told
    if members[0] not in _TYPES:
        raise BadValueError("Type cannot be inferred for non-primitive value")
    return _TYPES[members[0]]


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
    """Return a value as it is stored: with its type, items too, in the platform's own notation.

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
    """Return a normalised value as the database gives it back.

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
    """Return the items of a stored array, or a stored primitive as the only one."""
    if "arrayValue" in value:
        return list(value["arrayValue"].get("items", ()))
    return [value]


def item_type(value: dict[str, Any]) -> str:
    """Return the primitive type of a stored value, or of the items of an array."""
    told = value["type"]
    return str(told.get("arrayType", told)["basicType"])


def comparable(value: dict[str, Any]) -> Any:
    """Return a stored primitive as something that compares as the platform compares it."""
    kind = value["type"]["basicType"]
    plain = value[MEMBERS[kind]]
    # A date and a time, as they are stored, compare as their texts do.
    plain = next(iter(plain.values())) if isinstance(plain, dict) else plain
    return {"INTEGER": int, "FLOAT": float, "DECIMAL": Decimal}.get(kind, lambda one: one)(plain)


# Attributes

USER_ID, USER_NAME = "#trac_unknown", "Unknown User"
"""Whom everybody acts as, since the open-source platform knows no users."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RESERVED = re.compile(r"trac_|tracdap_|_", re.IGNORECASE)

_LONGEST_NAME = 256
"""Characters of an attribute's name that the database holds."""

_CAPITAL = re.compile("(?=[A-Z])")
_TOLD = {
    "MODEL": ("language", "repository", "package", "version", "entryPoint", "path"),
    "FILE": ("name", "extension", "mimeType"),
}
"""The members of definitions that attributes repeat."""

Attrs = dict[str, dict[str, Any]]


def is_identifier(name: str) -> bool:
    """Return whether a name is one that the platform takes."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_reserved(name: str) -> bool:
    """Return whether a name is kept for the platform's own use."""
    return _RESERVED.match(name) is not None


def apply(updates: Iterable[Mapping[str, Any]], attrs: Attrs) -> Attrs:
    """Return the attributes after updates that are right in themselves, as they are stored.

    :raises ServiceError: if one does not fit the attributes that there are, or is too long for the database
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
    # An array is a row for each item: one without items leaves nothing behind.
    return {name: stored(value) for name, value in attrs.items() if items(value)}


def written(at: datetime, *, created: bool, job: str = "") -> Attrs:
    """Return what the platform notes of who wrote an object version, and when.

    :param created: whether it is the first version
    :param job: key of the job that made it, if one did
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
    """Return what the platform tells of a definition in attributes."""
    kind = definition["objectType"]
    inner = definition[kind.lower()]
    told = {
        f"trac_{kind.lower()}_{_CAPITAL.sub('_', name).lower()}": text(inner.get(name, ""))
        for name in _TOLD.get(kind, ())
    }
    if kind == "JOB":
        told["trac_job_type"] = text(inner["jobType"])
    if kind == "FILE":
        told["trac_file_size"] = of("INTEGER", inner["size"])
    return schema_attrs(inner) if kind == "SCHEMA" else told


def schema_attrs(schema: Mapping[str, Any]) -> Attrs:
    """Return what the platform tells of a schema."""
    count = len(schema.get("table", {}).get("fields", ()))
    return {
        "trac_schema_type": text(schema.get("schemaType", "")),
        "trac_schema_field_count": of("INTEGER", str(count)),
    }
