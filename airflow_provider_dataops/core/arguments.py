"""Validate arguments before anything is sent. Each error contains the argument's name and value."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError

#: The longest time that an argument may have, in seconds. With a longer time, a deadline could be after the
#: year 9999, which Python's dates cannot represent.
LONGEST = 1e9


def require_text(**arguments: object) -> None:
    """Check that each argument is a string that is not blank and can be encoded as UTF-8.

    :raises InvalidArgumentError: with the name and value of the first wrong argument.
    """
    for name, value in arguments.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidArgumentError(f"{name} must be a non-empty text; given: {value!r}")
        if not is_encodable(value):
            raise InvalidArgumentError(f"{name} has characters that cannot be sent; given: {value!r}")


def require_text_if_set(**arguments: object) -> None:
    """Reject arguments that are neither ``None`` nor a text with visible characters.

    :raises InvalidArgumentError: with the argument's name.
    """
    require_text(**{name: value for name, value in arguments.items() if value is not None})


def is_encodable(text: str) -> bool:
    """Return whether a string can be encoded as UTF-8. Some file names cannot be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_texts(name: str, value: Any) -> list[str]:
    """Return an argument as a list of strings.

    :raises InvalidArgumentError: if the argument is not a list, the list is empty, or an entry is blank. A
        single string is an error, too, because Python would treat it as a list of letters.
    """
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if not listed or not value or not all(isinstance(item, str) and item.strip() for item in value):
        raise InvalidArgumentError(f"{name} must be a list of one or more non-empty texts; given: {value!r}")
    require_text(**{f"{name}[{number}]": item for number, item in enumerate(value)})
    return list(value)


def require_choice(name: str, value: object, allowed: Collection[object]) -> None:
    """Check that an argument has one of the allowed values.

    :raises InvalidArgumentError: if the value is not allowed. The message contains the allowed values.
    """
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise InvalidArgumentError(f"{name} must be {choices}; given: {value!r}")


def require_boolean(name: str, value: object) -> bool:
    """Return an argument that must be ``True`` or ``False``.

    :raises InvalidArgumentError: if the argument is neither ``True`` nor ``False``.
    """
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False; given: {value!r}")
    return value


def require_whole(minimum: int = 0, **arguments: object) -> None:
    """Check that each argument is a whole number of at least ``minimum``.

    :raises InvalidArgumentError: with the name and value of the first wrong argument.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise InvalidArgumentError(
                f"{name} must be a whole number of at least {minimum}; given: {value!r}"
            )


def whole_number(name: str, value: object) -> int:
    """Return an argument as a whole number, 0 or more. A template may have rendered it to a string.

    :raises InvalidArgumentError: if the argument contains no such number.
    """
    if isinstance(value, bool) or not str(value).strip().isdecimal():
        raise InvalidArgumentError(f"{name} must be a whole number of at least 0; given: {value!r}")
    return int(str(value))


def require_time(**arguments: object) -> None:
    """Check that each argument is a finite number above 0.

    :raises InvalidArgumentError: with the name and value of the first wrong argument.
    """
    for name, value in arguments.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:  # type: ignore[operator]
            raise InvalidArgumentError(f"{name} must be a number above 0; given: {value!r}")


def require_seconds(name: str, value: object) -> float:
    """Return a length of time in seconds. The argument may be a number of seconds or a timedelta.

    :raises InvalidArgumentError: if the time is not above 0, or longer than :data:`LONGEST`.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= LONGEST:
        raise InvalidArgumentError(
            f"{name} must be seconds or a timedelta, above 0 and up to {LONGEST:.0e} s; given: {value!r}"
        )
    return float(number)


def require_one(**arguments: object) -> None:
    """Check that exactly one of the arguments is set. ``None`` and an empty string count as not set.

    :raises InvalidArgumentError: if no argument or more than one is set. The message contains the names.
    """
    names = [name for name, value in arguments.items() if value is not None and value != ""]
    if len(names) != 1:
        found = ", ".join(names) if names else "none of them"
        raise InvalidArgumentError(f"exactly one of {', '.join(arguments)} is needed; given: {found}")


def require_one_text(**arguments: object) -> None:
    """Check that exactly one of the arguments is set, and that its value is a string that is not blank.

    :raises InvalidArgumentError: with the names of the wrong arguments.
    """
    require_one(**arguments)
    require_text(**{name: value for name, value in arguments.items() if value is not None and value != ""})


def set_arguments(owner: object, *names: str) -> tuple[str, ...]:
    """Return the names of the arguments that are not ``None``.

    Operators call this function at the end of their constructors.
    """
    return tuple(name for name in names if getattr(owner, name) is not None)


def require_still_set(owner: object, names: Sequence[str]) -> None:
    """Check that every argument that the DAG's author has set still has a value after rendering.

    An operator that gets ``None`` uses a default, or works on everything. The author wanted neither.

    :param names: the result of :func:`set_arguments`.
    :raises InvalidArgumentError: with the name of the first argument that rendered to ``None``.
    """
    for name in names:
        if getattr(owner, name) is None:
            raise InvalidArgumentError(
                f"{name} rendered to None; let its template render to a value, or leave {name} out"
            )
