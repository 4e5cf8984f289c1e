"""Values that another process reads: in a trigger's event, in Airflow's task state store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, cast

import msgspec

#: An object of JSON, or JSON values by name.
JsonObject = Mapping[str, Any]


def present(values: JsonObject) -> dict[str, Any]:
    """Return values without those that are ``None``: they are left out of a request."""
    return {name: value for name, value in values.items() if value is not None}


class JsonDataclass:
    """A dataclass that is stored as JSON, and read back only if it is exactly what was stored."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return cast("dict[str, Any]", msgspec.to_builtins(self))

    @classmethod
    def from_json(cls, payload: object) -> Self:
        """Return the value that :meth:`as_json` wrote. Nothing is trusted: events pass through Airflow.

        :raises ValueError: for anything else.
        """
        try:
            value = msgspec.convert(payload, cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a {cls.__name__}: {error}: {str(payload)[:200]}") from error
        value.check()
        if value.as_json() != payload:
            raise ValueError(f"not a {cls.__name__} as this provider writes it: {str(payload)[:200]}")
        return value

    def check(self) -> None:
        """Refuse fields that contradict each other.

        :raises ValueError: if they do.
        """
