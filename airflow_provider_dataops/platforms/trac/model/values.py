"""Convert Python values to TRAC's typed values, and back.

=========== ============= =================================================================================
TRAC        Python        remarks
=========== ============= =================================================================================
BOOLEAN     ``bool``
INTEGER     ``int``       64 bits
FLOAT       ``float``     with NaN and the infinities
STRING      ``str``
DECIMAL     ``Decimal``   TRAC removes trailing zeros
DATE        ``date``
DATETIME    ``datetime``  must have an offset; TRAC stores milliseconds, in UTC
ARRAY       ``list``      all items have one type; an empty list needs a type, see :class:`Value`
MAP         ``dict``      keys are texts
=========== ============= =================================================================================

TRAC's own form of a value is accepted everywhere, for instance from a template that renders to JSON:
``{"dateValue": {"isoDate": "{{ ds }}"}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import plain_text
from airflow_provider_dataops.platforms.trac.model.primitives import (
    PRIMITIVES,
    UnfitValueError,
    as_plain_json,
    read_primitive,
)

#: An integer larger than this is sent as a text, because some JSON parsers would round it.
SAFE_INTEGER = 2**53

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
#: For each type, the name of the only field inside ``decimalValue``, ``dateValue`` and so on.
_MEMBERS = {
    "DECIMAL": "decimal",
    "DATE": "isoDate",
    "DATETIME": "isoDatetime",
    "ARRAY": "items",
    "MAP": "entries",
}
#: Each Python type with its type in TRAC. The first type that matches a value applies.
_PYTHON_TYPES: tuple[tuple[Any, str], ...] = (
    (bool, "BOOLEAN"),  # before int, because a bool is also an int
    (int, "INTEGER"),
    (float, "FLOAT"),
    (str, "STRING"),
    (Decimal, "DECIMAL"),
    (datetime, "DATETIME"),  # before date, because a datetime is also a date
    (date, "DATE"),
    (list | tuple, "ARRAY"),
    (Mapping, "MAP"),
)


@dataclass(frozen=True)
class ValueType:
    """A type of values in TRAC.

    :param basic: the type's name, ``STRING`` for instance.
    :param item: the type of an array's items, or of a map's values; ``None`` if a map's values have several
        types.
    """

    basic: str
    item: ValueType | None = None

    def __str__(self) -> str:
        """Return the type in words, for messages: ``ARRAY of STRING``."""
        return f"{self.basic} of {self.item}" if self.item else self.basic

    def as_json(self) -> dict[str, Any]:
        """Return the type in TRAC's JSON: a type descriptor."""
        descriptor: dict[str, Any] = {"basicType": self.basic}
        if self.item is not None:
            descriptor["arrayType" if self.basic == "ARRAY" else "mapType"] = self.item.as_json()
        return descriptor

    @classmethod
    def from_json(cls, payload: object) -> ValueType | None:
        """Return the type in a type descriptor, ``None`` if it contains no type."""
        if not isinstance(payload, Mapping):
            return None
        basic = payload.get("basicType")
        if not isinstance(basic, str) or basic == "BASIC_TYPE_NOT_SET":
            return None
        inner = payload.get({"ARRAY": "arrayType", "MAP": "mapType"}.get(basic, ""))
        return cls(basic, cls.from_json(inner))

    @classmethod
    def named(cls, name: object, what: str = "type") -> ValueType:
        """Return the primitive type with this name. The name may be in upper or lower case.

        :param what: the name of the argument, for errors.
        :raises InvalidArgumentError: if there is no such type.
        """
        basic = name.upper() if isinstance(name, str) else ""
        if basic not in PRIMITIVES:
            raise InvalidArgumentError(f"{what} must be one of {', '.join(PRIMITIVES)}; given: {name!r}")
        return cls(basic)


@dataclass(frozen=True)
class Value:
    """A value together with its type in TRAC. Use it for an empty list, or to send 1 as a FLOAT.

    :param value: the Python value. It is converted to the type if that is possible without loss.
    :param type: a primitive type's name, or a :class:`ValueType`.
    """

    value: Any
    type: ValueType | str

    @property
    def value_type(self) -> ValueType:
        """The type as a :class:`ValueType`, also if the user gave only the type's name."""
        return self.type if isinstance(self.type, ValueType) else ValueType.named(self.type)


def understood(value: object, where: str = "value") -> tuple[Any, ValueType]:
    """Return a pair: the value as plain Python, and its type in TRAC.

    :param value: plain Python, a :class:`Value`, or TRAC's own form.
    :param where: the name of the argument, for errors.
    :raises InvalidArgumentError: if TRAC has no such value.
    """
    if isinstance(value, Value):
        return _typed(value.value, value.value_type, where)
    return _from_users_wire(value, where) if is_wire(value) else _inferred(value, where)


def is_wire(value: object) -> bool:
    """Return whether a value has TRAC's own form: a field such as ``dateValue``, and perhaps ``type``."""
    if not isinstance(value, Mapping):
        return False
    fields = set(value) - {"type"}
    return len(fields) == 1 and fields <= set(_FIELDS)


def _typed(value: object, kind: ValueType, where: str) -> tuple[Any, ValueType]:
    if kind.basic == "ARRAY" and kind.item is None:
        # TRAC needs the type of the items. The user did not give it, so it is inferred from the items.
        return _inferred(value, where)
    return converted(value, kind, where), kind


def _from_users_wire(payload: Any, where: str) -> tuple[Any, ValueType]:
    (name,) = set(payload) - {"type"}
    basic = _FIELDS[name]
    kind = ValueType.from_json(payload.get("type"))
    if kind is not None and kind.basic != basic:
        raise InvalidArgumentError(
            f"{where}['type'] must be {basic}, because {name!r} has this type; given: {kind}"
        )
    member, inner = _MEMBERS.get(basic), payload[name]
    if member is not None:
        if not isinstance(inner, Mapping) or set(inner) - {member}:
            raise InvalidArgumentError(f"{where}[{name!r}] must contain only {member!r}; given: {inner!r}")
        inner = inner.get(member, {} if basic == "MAP" else [] if basic == "ARRAY" else "")
    if kind is None and basic in ("ARRAY", "MAP"):
        return _inferred(inner, where)
    return _typed(inner, kind or ValueType(basic), where)


def _inferred(value: Any, where: str) -> tuple[Any, ValueType]:
    basic = next((basic for kind, basic in _PYTHON_TYPES if isinstance(value, kind)), None)
    if basic is None:
        raise InvalidArgumentError(
            f"{where} must be a bool, int, float, str, Decimal, date, datetime, list or dict; given: "
            f"{'None' if value is None else f'a {type(value).__name__}'}"
        )
    if basic == "ARRAY":
        return _inferred_list(value, where)
    if basic == "MAP":
        return _inferred_dict(value, where)
    return _typed(value, ValueType(basic), where)


def _inferred_list(value: Any, where: str) -> tuple[Any, ValueType]:
    parts = [understood(item, f"{where}[{n}]") for n, item in enumerate(value)]
    if not parts:
        raise InvalidArgumentError(
            f"{where} must not be an empty list without a type; give "
            '{"type": {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}}, '
            '"arrayValue": {"items": []}}'
        )
    kinds = list(dict.fromkeys(kind for _, kind in parts))
    if len(kinds) > 1:
        raise InvalidArgumentError(
            f"{where} must have items of one type; given: {', '.join(map(str, kinds))}"
        )
    return [plain for plain, _ in parts], ValueType("ARRAY", kinds[0])


def _inferred_dict(value: Any, where: str) -> tuple[Any, ValueType]:
    parts = {key: understood(item, f"{where}[{key!r}]") for key, item in _by_text(value, where).items()}
    kinds = list(dict.fromkeys(kind for _, kind in parts.values()))
    if len(kinds) == 1:
        return {key: plain for key, (plain, _) in parts.items()}, ValueType("MAP", kinds[0])
    # The values have several types, but a type descriptor has only one type for all values of a map. So each
    # value is sent with its own type.
    return {key: Value(*part) for key, part in parts.items()}, ValueType("MAP")


def _by_text(value: Mapping[Any, Any], where: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise InvalidArgumentError(f"each key of {where} must be a text; given: {key!r}")
    return {plain_text(key): item for key, item in value.items()}


def converted(value: object, kind: ValueType, where: str = "value") -> Any:
    """Return a value, converted to a type without loss.

    An int becomes a FLOAT or DECIMAL. A text is parsed, because templates render to text: ``"2026-02-27"``
    becomes a DATE, ``"true"`` a BOOLEAN.

    :param where: the name of the argument, for errors.
    :raises InvalidArgumentError: if the value cannot be converted.
    """
    if isinstance(value, Value) or is_wire(value):
        value, _ = understood(value, where)
    if kind.basic == "ARRAY" and isinstance(value, list | tuple):
        item = kind.item or _inferred(value, where)[1].item
        return [converted(v, item, f"{where}[{n}]") if item else v for n, v in enumerate(value)]
    if kind.basic == "MAP" and isinstance(value, Mapping):
        if kind.item is None:
            return _inferred_dict(value, where)[0] if value else {}
        return {k: converted(v, kind.item, f"{where}[{k!r}]") for k, v in _by_text(value, where).items()}
    why = ""
    if kind.basic not in ("ARRAY", "MAP"):
        try:
            return read_primitive(kind.basic, value)
        except KeyError:
            raise InvalidArgumentError(
                f"{where} must be a {kind}, but this provider does not know this type; given: {value!r}"
            ) from None
        except UnfitValueError as error:
            why = f" {error}"
        except ValueError:
            pass
    article = "an" if kind.basic[:1] in "AI" else "a"
    raise InvalidArgumentError(f"{where} must be {article} {kind}{why}; given: {value!r}")


def instant_from(value: object, where: str) -> datetime:
    """Return a ``datetime``, or the time in an ISO 8601 text with an offset.

    :param where: the name of the argument, for errors.
    :raises InvalidArgumentError: if the value is neither.
    """
    moment: datetime = converted(value, ValueType("DATETIME"), where)
    return moment


# --- to the wire and back ----------------------------------------------------------------------------------


def as_wire(value: object, *, typed: bool = False, where: str = "value") -> dict[str, Any]:
    """Return a Python value in TRAC's JSON.

    :param typed: whether to include the type of a primitive value. Arrays and maps always include it.
    :param where: the name of the argument, for errors.
    :raises InvalidArgumentError: if TRAC has no such value.
    """
    return wire_of(*understood(value, where), typed=typed)


def wire_of(plain: Any, kind: ValueType, *, typed: bool = False) -> dict[str, Any]:
    """Return a value in TRAC's JSON, as :func:`as_wire` does.

    :param plain: the value, as :func:`understood` has returned it.
    :param kind: the value's type, as :func:`understood` has returned it.
    """
    body = _body(plain, kind)
    return {"type": kind.as_json(), **body} if typed or kind.basic in ("ARRAY", "MAP") else body


def _body(value: Any, kind: ValueType) -> dict[str, Any]:
    basic = kind.basic
    content: Any
    if basic == "ARRAY":
        content = [_entry(item, kind.item) for item in value]
    elif basic == "MAP":
        content = {key: _entry(item, kind.item) for key, item in value.items()}
    elif basic == "INTEGER" and abs(value) > SAFE_INTEGER:
        content = str(value)
    else:
        content = as_plain_json(value)
    member = _MEMBERS.get(basic)
    return {_FIELD_OF[basic]: {member: content} if member else content}


def _entry(value: Any, kind: ValueType | None) -> dict[str, Any]:
    return as_wire(value, typed=True) if kind is None else _body(value, kind)


def from_wire(payload: Any) -> Any:
    """Return a value in a response as a Python value.

    If the JSON contains no value, the result is ``None``. If this provider does not know the type of the
    value, the result is the JSON unchanged.

    :raises ValueError: if the value cannot be read.
    """
    name = next((name for name in payload if name in _FIELDS), None)
    if name is None:
        return None if set(payload) <= {"type"} else dict(payload)
    basic, inner = _FIELDS[name], payload[name]
    if basic == "ARRAY":
        return [from_wire(item) for item in inner.get("items") or []]
    if basic == "MAP":
        return {key: from_wire(item) for key, item in (inner.get("entries") or {}).items()}
    member = _MEMBERS.get(basic)
    return read_primitive(basic, inner.get(member, "") if member else inner)
