"""How an attribute is compared with a value that somebody waits for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.values import ValueType, converted, understood


def equals(there: object, wanted: object) -> bool | None:
    """Tell whether an attribute has a value; ``None`` where no value of the attribute's type can be it.

    :param there: the attribute's value.
    :param wanted: the value as plain JSON; it is read as one of the attribute's type.
    """
    if isinstance(there, list) and isinstance(wanted, list):
        items = [equals(*pair) for pair in zip(there, wanted, strict=False)]
        return None if None in items else len(there) == len(wanted) and all(items)
    try:
        value = _read(wanted, understood(there)[1])
    except InvalidArgumentError:
        return None
    if isinstance(value, datetime) and isinstance(there, datetime):
        return _cut(value) == _cut(there)
    # What is no number is unequal even to itself.
    return bool(value == there or (value != value and there != there))


def _read(wanted: object, kind: ValueType) -> Any:
    if isinstance(wanted, float) and kind.basic == "DECIMAL":
        # The text that the number was written as: 0.1, not the binary fraction next to it.
        wanted = repr(wanted)
    elif isinstance(wanted, float) and kind.basic == "INTEGER" and wanted.is_integer():
        wanted = int(wanted)
    return converted(wanted, kind)


def _cut(moment: datetime) -> datetime:
    """Return a moment as TRAC keeps it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def type_name(value: object) -> str:
    """Return the name of a value's type, for messages."""
    try:
        return str(understood(value)[1])
    except InvalidArgumentError:
        return type(value).__name__
