"""Primitive values: how a Python value becomes one of a type, and how JSON shows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import plain_text

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class UnfitValueError(ValueError):
    """A value that the type cannot hold; the message completes the sentence "must be an INTEGER"."""


def read_primitive(basic: str, value: Any) -> Any:
    """Return a value as one of a primitive type, where nothing is lost by that. Texts are read.

    :param basic: the type's name, ``DATE`` for instance.
    :raises KeyError: if there is no primitive type of that name.
    :raises ValueError: if the value cannot be one of that type.
    """
    accepted, read = _READERS[basic]
    # In Python a bool is an int, too.
    if not isinstance(value, accepted) or (isinstance(value, bool) and basic != "BOOLEAN"):
        raise ValueError(f"no {basic}: {value!r}")
    try:
        return read(value)
    except ArithmeticError as error:
        raise ValueError(f"no {basic}: {value!r}") from error


def _boolean(value: bool | str) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(word)
    return word == "true"


def _integer(value: int | str) -> int:
    number = int(value)
    if not _SMALLEST <= number <= _LARGEST:
        raise UnfitValueError("of 64 bits")
    return number


def _float(value: float | str) -> float:
    number = float(value)
    if isinstance(value, int) and int(number) != value:
        raise UnfitValueError("that holds the number exactly")
    if isinstance(value, str) and math.isinf(number) and "inf" not in value.lower():
        raise UnfitValueError("of 64 bits")
    return number


def _decimal(value: int | str | Decimal) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise UnfitValueError("that is finite")
    return number


def _date(value: date | str) -> date:
    if isinstance(value, datetime):
        raise ValueError("a time is no day")
    return date.fromisoformat(value.strip()) if isinstance(value, str) else value


def _datetime(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    if moment.utcoffset() is None:
        raise UnfitValueError("with an offset from UTC")
    return moment


#: By type: the Python types that are taken, and what makes a value of them.
_READERS: Mapping[str, tuple[Any, Callable[[Any], Any]]] = {
    "BOOLEAN": (bool | str, _boolean),
    "INTEGER": (int | str, _integer),
    "FLOAT": (int | float | str, _float),
    "STRING": (str, plain_text),
    "DECIMAL": (int | str | Decimal, _decimal),
    "DATE": (date | str, _date),
    "DATETIME": (datetime | str, _datetime),
}
PRIMITIVES = tuple(_READERS)


def instant_text(moment: datetime) -> str:
    """Return a moment as the platform reads it: ISO 8601 with seconds and an offset.

    :raises InvalidArgumentError: if it has no offset, or needs to be written in UTC and has no year there.
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


def as_plain_json(value: Any) -> Any:
    """Return a Python value as JSON has it: decimals, dates and times as text, odd floats by their name."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list | tuple):
        return [as_plain_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_plain_json(item) for key, item in value.items()}
    return value
