"""Convert Python values to TRAC's primitive types, and to JSON."""

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
    """A value does not fit its type.

    The caller appends the message to "must be an INTEGER", for example: "must be an INTEGER of 64 bits".
    """


def read_primitive(basic: str, value: Any) -> Any:
    """Return a value, converted to a primitive type without loss. Texts are parsed.

    :param basic: the type's name, ``DATE`` for instance.
    :raises KeyError: if there is no primitive type of that name.
    :raises ValueError: if the value cannot be converted.
    """
    accepted, read = _READERS[basic]
    # In Python, a bool is also an int.
    if not isinstance(value, accepted) or (isinstance(value, bool) and basic != "BOOLEAN"):
        raise ValueError(f"not a value of type {basic}: {value!r}")
    try:
        return read(value)
    except ArithmeticError as error:
        raise ValueError(f"not a value of type {basic}: {value!r}") from error


def _boolean(value: bool | str) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(f"not a value of type BOOLEAN: {word!r}")
    return word == "true"


def _integer(value: int | str) -> int:
    number = int(value)
    if not _SMALLEST <= number <= _LARGEST:
        raise UnfitValueError("of 64 bits")
    return number


def _float(value: float | str) -> float:
    number = float(value)
    if isinstance(value, int) and int(number) != value:
        raise UnfitValueError("that has exactly this value")
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
        raise ValueError("a datetime is not a date")
    return date.fromisoformat(value.strip()) if isinstance(value, str) else value


def _datetime(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    if moment.utcoffset() is None:
        raise UnfitValueError("with an offset from UTC")
    return moment


#: For each type of TRAC: the Python types that are accepted, and the function that converts them.
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
    """Return a time as TRAC reads it: in ISO 8601 with seconds and an offset.

    :raises InvalidArgumentError: if the time has no offset, or its year in UTC is not from 1 to 9999.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise InvalidArgumentError(f"a time must have an offset from UTC; given: {moment!r}")
    try:
        # A time before about 1920 may have an offset with seconds. Few parsers accept such an offset.
        return (moment if offset.seconds % 60 == 0 else moment.astimezone(UTC)).isoformat()
    except OverflowError:
        raise InvalidArgumentError(
            f"a time must be in the years 1 to 9999 in UTC; given: {moment!r}"
        ) from None


def as_plain_json(value: Any) -> Any:
    """Return a Python value as JSON. Decimals, dates, times, NaN and the infinities become texts."""
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
