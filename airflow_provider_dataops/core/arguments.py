"""Checks of arguments, made before anything is sent."""

from __future__ import annotations

from airflow_provider_dataops.errors import InvalidArgumentError


def require_text(**arguments: object) -> None:
    """Refuse arguments that are no text or an empty one.

    :raises InvalidArgumentError: naming the first such argument and what was given.
    """
    for name, value in arguments.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidArgumentError(f"{name} must be a non-empty text; given: {value!r}")


def chosen(name: str, given: object, default: str) -> str:
    """Return the text that was given, or the connection's.

    :param default: the connection's field of the same name.
    :raises InvalidArgumentError: if there is neither, or what was given is no text or an empty one: what
        rendered to nothing must not lead elsewhere.
    """
    if given is not None:
        require_text(**{name: given})
    text = default if given is None else str(given).strip()
    if not text:
        raise InvalidArgumentError(f"{name} is empty: give it, or set the connection's {name}")
    return text


def given(owner: object, *names: str) -> tuple[str, ...]:
    """Return those of an operator's arguments that were given, as its constructor ends."""
    return tuple(name for name in names if getattr(owner, name) is not None)


def require_given(owner: object, names: tuple[str, ...]) -> None:
    """Refuse arguments that were given and rendered to ``None``, which would mean the default, or everything.

    :raises InvalidArgumentError: naming the first such argument.
    """
    for name in names:
        if getattr(owner, name) is None:
            raise InvalidArgumentError(f"{name} rendered to None; leave it out, or have it render to a value")


def require_one(**arguments: object) -> None:
    """Refuse anything but exactly one given argument.

    :raises InvalidArgumentError: naming all of them and those that are given.
    """
    given = [name for name, value in arguments.items() if value is not None and value != ""]
    if len(given) != 1:
        told = ", ".join(given) if given else "none of them"
        raise InvalidArgumentError(f"exactly one of {', '.join(arguments)} is needed; given: {told}")


def require_one_text(**arguments: object) -> None:
    """Refuse anything but exactly one given argument, which must be a text that is not blank.

    :raises InvalidArgumentError: naming the arguments that are wrong.
    """
    require_one(**arguments)
    require_text(**{name: value for name, value in arguments.items() if value is not None and value != ""})


def require_whole(**arguments: object) -> None:
    """Refuse arguments that are no whole number from 0.

    :raises InvalidArgumentError: naming the first such argument and what was given.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidArgumentError(f"{name} must be a whole number from 0; given: {value!r}")
