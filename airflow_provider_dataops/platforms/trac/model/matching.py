"""Compare an attribute with the value that a sensor waits for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.values import ValueType, converted, understood


def difference(actual: object, wanted: object) -> str | None:
    """Compare an attribute with a value.

    :param actual: the attribute's value.
    :param wanted: the value as plain JSON. It is converted to the attribute's type.
    :return: ``None`` if the values are equal, and an empty text if they differ. If the attribute's type
        cannot have the wanted value, the text explains this.
    """
    equal = _equals(actual, wanted)
    if equal is None:
        return (
            f"is of type {_type_name(actual)}, so it cannot equal {wanted!r}, "
            f"which is of type {_type_name(wanted)}"
        )
    return None if equal else ""


def _equals(actual: object, wanted: object) -> bool | None:
    """Return whether two values are equal; ``None`` if ``wanted`` does not fit the type of ``actual``."""
    if isinstance(actual, list) and isinstance(wanted, list):
        items = [_equals(*pair) for pair in zip(actual, wanted, strict=False)]
        return None if None in items else len(actual) == len(wanted) and all(items)
    try:
        value = _read(wanted, understood(actual)[1])
    except InvalidArgumentError:
        return None
    if isinstance(value, datetime) and isinstance(actual, datetime):
        return _cut(value) == _cut(actual)
    # In Python, NaN is not equal to itself. But a sensor that waits for NaN must find NaN.
    return bool(value == actual or (value != value and actual != actual))


def _read(wanted: object, kind: ValueType) -> Any:
    if isinstance(wanted, float) and kind.basic == "DECIMAL":
        # Convert the float to a text first: the text 0.1 becomes exactly 0.1, but the float 0.1 does not.
        wanted = repr(wanted)
    elif isinstance(wanted, float) and kind.basic == "INTEGER" and wanted.is_integer():
        wanted = int(wanted)
    return converted(wanted, kind)


def _cut(moment: datetime) -> datetime:
    """Return a time in whole milliseconds, rounded down, as TRAC stores it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _type_name(value: object) -> str:
    try:
        return str(understood(value)[1])
    except InvalidArgumentError:
        return type(value).__name__
