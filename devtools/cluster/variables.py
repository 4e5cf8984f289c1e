"""Replaces variables in the texts of a compose file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: ``$$``, ``${NAME}``, ``${NAME:-default}`` or ``${NAME:?error}``. A brace ends a default.
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<operator>:-|:\?)(?P<rest>[^}]*))?\})")


class MissingVariableError(ValueError):
    """A variable that the compose file requires has no value."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with the values of its variables. A variable that is not required may be missing.

    :raises MissingVariableError: a variable that is required is missing or empty
    :raises ValueError: a dollar sign begins something else
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name, found = match["name"], variables.get(match["name"], "")
        if not found and match["operator"] == ":?":
            raise MissingVariableError(f"{name} {match['rest']}")
        return found or (match["rest"] or "")

    if "$" in _VARIABLE.sub("", text):
        raise ValueError(f"cannot read the variable in {text!r}")
    return _VARIABLE.sub(value, text)


def required(text: str) -> set[str]:
    """Return the names of the variables that a text requires."""
    return {match["name"] for match in _VARIABLE.finditer(text) if match["operator"] == ":?"}
