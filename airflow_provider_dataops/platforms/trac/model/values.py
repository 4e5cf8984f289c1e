"""Python values and TRAC's typed ``Value``, both ways.

=========== ============= =================================================================================
TRAC        Python        remarks
=========== ============= =================================================================================
BOOLEAN     ``bool``      looked for before ``int``, which it is in Python, too
INTEGER     ``int``       64 bits
FLOAT       ``float``     with NaN and the infinities
STRING      ``str``
DECIMAL     ``Decimal``   the platform cuts zeros at the end
DATE        ``date``
DATETIME    ``datetime``  with an offset, one without is refused; the platform keeps milliseconds, in UTC
ARRAY       ``list``      all items of one type; an empty one must be told its type: :class:`Value`
MAP         ``dict``      keys are text
=========== ============= =================================================================================

Where a Python value has no place, as in a template that renders to JSON, the platform's own form does as
well: ``{"dateValue": {"isoDate": "{{ ds }}"}}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import plain_text

PRIMITIVES = ("BOOLEAN", "INTEGER", "FLOAT", "STRING", "DECIMAL", "DATE", "DATETIME")

#: Integers up to here travel as JSON numbers; beyond it some JSON readers round, so that they go as text.
SAFE_INTEGER = 2**53
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

_FIELDS = {
    "booleanValue": "BOOLEAN",
    "integerValue": "INTEGER",
    "floatValue": "FLOAT",
    "stringValue": "STRING",
    "decimalValue": "DECIMAL",
    "dateValue": "DATE",
    "datetimeValue": "DATETIME",
    "arrayValue": "ARRAY",
    "mapValue": "MAP",
}
_FIELD_OF = {basic: name for name, basic in _FIELDS.items()}
#: How a value inside ``decimalValue`` and so on is called.
_MEMBERS = {
    "DECIMAL": "decimal",
    "DATE": "isoDate",
    "DATETIME": "isoDatetime",
    "ARRAY": "items",
    "MAP": "entries",
}


@dataclass(frozen=True)
class ValueType:
    """A type of TRAC.

    :param basic: its name, ``STRING`` for instance.
    :param item: of an array's items, or of all values of a map; ``None`` for a map of several types.
    """

    basic: str
    item: ValueType | None = None

    def __str__(self) -> str:
        """Return the type as messages show it: ``ARRAY of STRING``."""
        return f"{self.basic} of {self.item}" if self.item else self.basic

    def as_json(self) -> dict[str, Any]:
        """Return the type descriptor."""
        told: dict[str, Any] = {"basicType": self.basic}
        if self.item is not None:
            told["arrayType" if self.basic == "ARRAY" else "mapType"] = self.item.as_json()
        return told

    @classmethod
    def from_json(cls, told: object) -> ValueType | None:
        """Return the type that a descriptor stands for, ``None`` if it names none."""
        if not isinstance(told, Mapping):
            return None
        basic = told.get("basicType")
        if not isinstance(basic, str) or basic == "BASIC_TYPE_NOT_SET":
            return None
        inner = told.get({"ARRAY": "arrayType", "MAP": "mapType"}.get(basic, ""))
        return cls(basic, cls.from_json(inner))

    @classmethod
    def named(cls, name: object) -> ValueType:
        """Return the primitive type of a name, in upper or lower case.

        :raises InvalidArgumentError: if there is none.
        """
        basic = name.upper() if isinstance(name, str) else ""
        if basic not in PRIMITIVES:
            raise InvalidArgumentError(
                f"{name!r} is no primitive type of TRAC; allowed: {', '.join(PRIMITIVES)}"
            )
        return cls(basic)


@dataclass(frozen=True)
class Value:
    """A value with its type told, where Python's own does not tell it: an empty list, 1 as a FLOAT.

    :param value: the Python value; it is converted to the type where nothing is lost.
    :param type: a primitive type's name, or a :class:`ValueType`.
    """

    value: Any
    type: ValueType | str

    @property
    def value_type(self) -> ValueType:
        """The type."""
        return self.type if isinstance(self.type, ValueType) else ValueType.named(self.type)


def as_wire(value: object, *, typed: bool = False, where: str = "value") -> dict[str, Any]:
    """Return the ``Value`` to be sent for a Python value.

    :param typed: send the type of primitives, too; that of arrays and maps always is.
    :param where: what the value is, for errors.
    :raises InvalidArgumentError: if the platform has no such value.
    """
    plain, kind = understood(value, where)
    body = _body(plain, kind)
    return {"type": kind.as_json(), **body} if typed or kind.basic in ("ARRAY", "MAP") else body


def understood(value: object, where: str = "value") -> tuple[Any, ValueType]:
    """Return a value as plain Python, with its type.

    :param value: plain Python, a :class:`Value`, or the platform's own form.
    """
    if isinstance(value, Value):
        return _typed(value.value, value.value_type, where)
    if is_wire(value):
        return _from_users_wire(value, where)
    return _inferred(value, where)


def is_wire(value: object) -> bool:
    """Tell whether a value is in the platform's own form: one of its fields, and perhaps ``type``."""
    if not isinstance(value, Mapping):
        return False
    fields = set(value) - {"type"}
    return len(fields) == 1 and fields <= set(_FIELDS)


def _typed(value: object, kind: ValueType, where: str) -> tuple[Any, ValueType]:
    if kind.basic == "ARRAY" and kind.item is None:
        # Half a type: the platform wants all of it.
        return _inferred(value, where)
    return converted(value, kind, where), kind


def _from_users_wire(told: Any, where: str) -> tuple[Any, ValueType]:
    (name,) = set(told) - {"type"}
    basic = _FIELDS[name]
    kind = ValueType.from_json(told.get("type"))
    if kind is not None and kind.basic != basic:
        raise InvalidArgumentError(f"{where} says type {kind} and holds {name!r}")
    member = _MEMBERS.get(basic)
    inner = told[name]
    if member is not None:
        if not isinstance(inner, Mapping) or set(inner) - {member}:
            raise InvalidArgumentError(f"{where}: {name!r} must hold {member!r} alone; given: {inner!r}")
        inner = inner.get(member, {} if basic == "MAP" else [] if basic == "ARRAY" else "")
    if basic in ("ARRAY", "MAP"):
        return _typed(inner, kind, where) if kind else _inferred(inner, where)
    return _typed(inner, ValueType(basic), where)


def _inferred(value: object, where: str) -> tuple[Any, ValueType]:
    basic = _basic(value)
    if basic is None:
        raise InvalidArgumentError(
            f"{where} is {'null' if value is None else f'a {type(value).__name__}'}; TRAC has bool, int, "
            "float, str, Decimal, date, datetime, list and dict"
        )
    if basic == "ARRAY":
        return _inferred_list(value, where)
    if basic == "MAP":
        return _inferred_dict(value, where)
    kind = ValueType(basic)
    return converted(value, kind, where), kind


def _inferred_list(value: Any, where: str) -> tuple[Any, ValueType]:
    parts = [understood(item, f"{where}[{n}]") for n, item in enumerate(value)]
    if not parts:
        raise InvalidArgumentError(
            f"{where} is an empty list, whose type cannot be told; give "
            '{"type": {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}}, '
            '"arrayValue": {"items": []}}'
        )
    kinds = list(dict.fromkeys(kind for _, kind in parts))
    if len(kinds) > 1:
        raise InvalidArgumentError(
            f"{where} must hold items of one type; given: {', '.join(map(str, kinds))}"
        )
    return [plain for plain, _ in parts], ValueType("ARRAY", kinds[0])


def _inferred_dict(value: Any, where: str) -> tuple[Any, ValueType]:
    parts = {key: understood(item, f"{where}[{key!r}]") for key, item in _by_text(value, where).items()}
    kinds = list(dict.fromkeys(kind for _, kind in parts.values()))
    if len(kinds) == 1:
        return {key: plain for key, (plain, _) in parts.items()}, ValueType("MAP", kinds[0])
    # The descriptor cannot tell the types of such a map: each value keeps its own.
    return {key: Value(plain, kind) for key, (plain, kind) in parts.items()}, ValueType("MAP")


def _by_text(value: Mapping[Any, Any], where: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise InvalidArgumentError(f"{where} must have texts as keys; given: {key!r}")
    return {plain_text(key): item for key, item in value.items()}


def _basic(value: object) -> str | None:
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "BOOLEAN"),  # before int, which it is, too
        (int, "INTEGER"),
        (float, "FLOAT"),
        (str, "STRING"),
        (Decimal, "DECIMAL"),
        (datetime, "DATETIME"),  # before date, which it is, too
        (date, "DATE"),
        ((list, tuple), "ARRAY"),
        (Mapping, "MAP"),
    )
    return next((basic for kind, basic in kinds if isinstance(value, kind)), None)


# --- conversion to a type that is known --------------------------------------------------------------------


def converted(value: object, kind: ValueType, where: str = "value") -> Any:
    """Return a value as one of a type, where nothing is lost by that.

    An int does for a FLOAT or DECIMAL; texts are read, since a template renders to one: ``"2026-02-27"`` for
    a DATE, ``"true"`` for a BOOLEAN.

    :raises InvalidArgumentError: if the value cannot be one of that type.
    """
    if isinstance(value, Value) or is_wire(value):
        value, _ = understood(value, where)
    if kind.basic == "ARRAY":
        if not isinstance(value, list | tuple):
            raise _not(kind, value, where)
        item = kind.item or _inferred(value, where)[1].item
        return [converted(v, item, f"{where}[{n}]") if item else v for n, v in enumerate(value)]
    if kind.basic == "MAP":
        if not isinstance(value, Mapping):
            raise _not(kind, value, where)
        if kind.item is None:
            return _inferred_dict(value, where)[0] if value else {}
        return {k: converted(v, kind.item, f"{where}[{k!r}]") for k, v in _by_text(value, where).items()}
    try:
        convert = _CONVERSIONS[kind.basic]
    except KeyError:
        raise InvalidArgumentError(f"{where} must be a {kind}, which is a type not known here") from None
    try:
        return convert(value)
    except (TypeError, ValueError, InvalidOperation, OverflowError) as error:
        why = str(error) if isinstance(error, _WhyError) else ""
        raise _not(kind, value, where, why) from None


class _WhyError(ValueError):
    """A conversion that failed for a reason worth telling."""


def _not(kind: ValueType, value: object, where: str, why: str = "") -> InvalidArgumentError:
    article = "an" if kind.basic[:1] in "AI" else "a"
    told = f" {why}" if why else ""
    return InvalidArgumentError(f"{where} must be {article} {kind}{told}; given: {value!r}")


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise TypeError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, str):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not _SMALLEST <= value <= _LARGEST:
        raise _WhyError("of 64 bits")
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if isinstance(value, int) and int(number) != value:
        raise _WhyError("that holds the number exactly")
    if isinstance(value, str) and math.isinf(number) and "inf" not in value.lower():
        raise _WhyError("of 64 bits")
    return number


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return plain_text(value)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError
    number = Decimal(value)
    if not number.is_finite():
        raise _WhyError("that is finite")
    return number


def _date(value: Any) -> date:
    if isinstance(value, str):
        value = date.fromisoformat(value.strip())
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError
    return value


def _datetime(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime):
        raise TypeError
    if value.utcoffset() is None:
        raise _WhyError("with an offset from UTC")
    return value


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "BOOLEAN": _boolean,
    "INTEGER": _integer,
    "FLOAT": _float,
    "STRING": _string,
    "DECIMAL": _decimal,
    "DATE": _date,
    "DATETIME": _datetime,
}


# --- to the wire -------------------------------------------------------------------------------------------


def _body(value: Any, kind: ValueType) -> dict[str, Any]:
    basic = kind.basic
    told: Any
    if basic == "INTEGER":
        told = value if abs(value) <= SAFE_INTEGER else str(value)
    elif basic == "FLOAT":
        told = value if math.isfinite(value) else _infinite(value)
    elif basic == "DECIMAL":
        told = format(value, "f")
    elif basic == "DATE":
        told = value.isoformat()
    elif basic == "DATETIME":
        told = instant_text(value)
    elif basic == "ARRAY":
        told = [_entry(item, kind.item) for item in value]
    elif basic == "MAP":
        told = {key: _entry(item, kind.item) for key, item in value.items()}
    else:
        told = value
    member = _MEMBERS.get(basic)
    return {_FIELD_OF[basic]: {member: told} if member else told}


def _entry(value: Any, kind: ValueType | None) -> dict[str, Any]:
    return as_wire(value, typed=True) if kind is None else _body(value, kind)


def _infinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def instant_text(moment: datetime) -> str:
    """Return a moment as the platform reads it: ISO 8601 with seconds and an offset.

    :raises InvalidArgumentError: if it has no offset, or cannot be told in UTC where it must be.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise InvalidArgumentError(f"a time must have an offset from UTC; given: {moment!r}")
    try:
        # Offsets of old times may have seconds, which few readers know.
        return (moment if offset.seconds % 60 == 0 else moment.astimezone(UTC)).isoformat()
    except OverflowError:
        raise InvalidArgumentError(
            f"a time must be from the year 1 to the year 9999 in UTC, too; given: {moment!r}"
        ) from None


def instant_from(value: object, where: str) -> datetime:
    """Return the moment that a ``datetime`` or an ISO 8601 text with an offset stands for.

    :raises InvalidArgumentError: if it is none.
    """
    moment: datetime = converted(value, ValueType("DATETIME"), where)
    return moment


# --- from the wire -----------------------------------------------------------------------------------------


def from_wire(told: Any) -> Any:
    """Return the Python value of a ``Value`` in an answer.

    A value without a field is ``None``; one of a kind that is not known here is returned as it came.

    :raises ValueError: if it cannot be read.
    """
    name = next((name for name in told if name in _FIELDS), None)
    if name is None:
        return None if set(told) <= {"type"} else dict(told)
    basic, inner = _FIELDS[name], told[name]
    if basic == "ARRAY":
        return [from_wire(item) for item in inner.get("items") or []]
    if basic == "MAP":
        return {key: from_wire(item) for key, item in (inner.get("entries") or {}).items()}
    member = _MEMBERS.get(basic)
    try:
        return _CONVERSIONS[basic](inner.get(member, "") if member else inner)
    except (TypeError, InvalidOperation, OverflowError) as error:
        raise ValueError(f"no {basic}: {inner!r}") from error


def as_plain_json(value: Any) -> Any:
    """Return a Python value as JSON has it: decimals, dates and times as text, odd floats by their name."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return _infinite(value)
    if isinstance(value, list | tuple):
        return [as_plain_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_plain_json(item) for key, item in value.items()}
    return value
