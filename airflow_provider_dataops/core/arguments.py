"""Checks of arguments, made before anything is sent. Each error names the argument and its value."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError

#: The longest time that can be asked for, in seconds: dates end in the year 9999.
LONGEST = 1e9


def require_text(**arguments: object) -> None:
    """Refuse arguments that are no text or a blank one.

    :raises InvalidArgumentError: naming the first such argument.
    """
    for name, value in arguments.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidArgumentError(f"{name} must be a non-empty text; given: {value!r}")
        if not is_encodable(value):
            raise InvalidArgumentError(f"{name} has characters that cannot be sent; given: {value!r}")


def is_encodable(text: str) -> bool:
    """Return whether a text can be sent. A file's name that is not UTF-8 cannot: it has lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_texts(name: str, value: Any) -> list[str]:
    """Return a list of texts that are not blank. One text is refused: it would be a list of letters.

    :raises InvalidArgumentError: also for an empty list.
    """
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if not listed or not value or not all(isinstance(item, str) and item.strip() for item in value):
        raise InvalidArgumentError(f"{name} must be a list of non-empty texts, not empty; given: {value!r}")
    require_text(**{f"{name}[{number}]": item for number, item in enumerate(value)})
    return list(value)


def require_choice(name: str, value: object, allowed: Collection[object]) -> None:
    """Refuse what is not among the allowed values.

    :raises InvalidArgumentError: naming the allowed values.
    """
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise InvalidArgumentError(f"{name} must be {choices}; given: {value!r}")


def require_boolean(name: str, value: object) -> bool:
    """Return a yes-or-no argument.

    :raises InvalidArgumentError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False; given: {value!r}")
    return value


def require_whole(minimum: int = 0, **arguments: object) -> None:
    """Refuse arguments that are no whole number from a minimum.

    :raises InvalidArgumentError: naming the first such argument.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise InvalidArgumentError(f"{name} must be a whole number from {minimum}; given: {value!r}")


def whole_number(name: str, value: object) -> int:
    """Return a whole number from 0, which may be a text: templates render to text.

    :raises InvalidArgumentError: if it is none.
    """
    if isinstance(value, bool) or not str(value).strip().isdecimal():
        raise InvalidArgumentError(f"{name} must be a whole number from 0; given: {value!r}")
    return int(str(value))


def require_time(**arguments: object) -> None:
    """Refuse arguments that are no positive, finite number.

    :raises InvalidArgumentError: naming the first such argument.
    """
    for name, value in arguments.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:  # type: ignore[operator]
            raise InvalidArgumentError(f"{name} must be a number above 0; given: {value!r}")


def require_seconds(name: str, value: object) -> float:
    """Return a length of time in seconds; it may be a number or a timedelta.

    :raises InvalidArgumentError: if it is not above 0, or longer than any date allows.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= LONGEST:
        raise InvalidArgumentError(
            f"{name} must be seconds or a timedelta, above 0 and up to {LONGEST:.0e} s; given: {value!r}"
        )
    return float(number)


def require_one(**arguments: object) -> None:
    """Refuse anything but exactly one argument that is set.

    :raises InvalidArgumentError: naming all of them and those that are set.
    """
    names = [name for name, value in arguments.items() if value is not None and value != ""]
    if len(names) != 1:
        found = ", ".join(names) if names else "none of them"
        raise InvalidArgumentError(f"exactly one of {', '.join(arguments)} is needed; given: {found}")


def require_one_text(**arguments: object) -> None:
    """Refuse anything but exactly one argument that is set, which must be a text that is not blank.

    :raises InvalidArgumentError: naming the arguments that are wrong.
    """
    require_one(**arguments)
    require_text(**{name: value for name, value in arguments.items() if value is not None and value != ""})


def set_arguments(owner: object, *names: str) -> tuple[str, ...]:
    """Return the names of an operator's arguments that are not ``None`` when its constructor ends."""
    return tuple(name for name in names if getattr(owner, name) is not None)


def require_still_set(owner: object, names: Sequence[str]) -> None:
    """Refuse arguments that were set and whose template rendered to ``None``.

    ``None`` would stand for the default, or for everything.

    :raises InvalidArgumentError: naming the first such argument.
    """
    for name in names:
        if getattr(owner, name) is None:
            raise InvalidArgumentError(f"{name} rendered to None; leave it out, or have it render to a value")
