"""Messages in the platform's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: An object in the platform's JSON, or values by name.
JsonObject = Mapping[str, Any]


def present(message: JsonObject) -> dict[str, Any]:
    """Return a message without the fields that are ``None``: TRAC has no ``null``."""
    return {name: value for name, value in message.items() if value is not None}
