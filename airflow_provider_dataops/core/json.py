"""Values that another process reads: in a trigger's event, in Airflow's task state store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

import msgspec

#: An object of JSON, or JSON values by name.
JsonObject = Mapping[str, Any]


def present(values: JsonObject) -> dict[str, Any]:
    """Return values without those that are ``None``: they are left out of a request."""
    return {name: value for name, value in values.items() if value is not None}


#: A text of a run or an event is cut at this length, in characters.
MAX_TEXT = 64 * 1024
#: What is nested deeper than this becomes a text: each reader on the way has a limit of its own.
MAX_DEPTH = 32
_WHOLE = range(-(2**63), 2**63)
_NOT_STORED = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any, *, max_text: int | None = None, depth: int = MAX_DEPTH) -> Any:
    """Return JSON values as Airflow can store all of them.

    A server may send what PostgreSQL refuses (NUL), what UTF-8 cannot encode (half a surrogate pair) or what
    msgpack cannot (a number beyond 64 bits). In a trigger's event one such value ends the whole triggerer,
    and again at each restart.

    :param max_text: where to cut a text, in characters; ``None`` keeps all of it.
    :param depth: how deep values may be nested.
    """
    if isinstance(value, str):
        text = _NOT_STORED.sub("\ufffd", value)
        if max_text is not None and len(text) > max_text:
            text = f"{text[: max_text - 1]}\u2026"
        # A StrEnum stays one.
        return value if text == value else text
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value in _WHOLE else _digits(value)
    if isinstance(value, float):
        # PostgreSQL gives 1e19 back as an integer, which would be too large for one.
        return value if abs(value) < _WHOLE.stop else str(value)
    if isinstance(value, Mapping | list | tuple):
        if depth == 0:
            return "\u2026"
        if isinstance(value, Mapping):
            return {
                storable(name, max_text=max_text): storable(item, max_text=max_text, depth=depth - 1)
                for name, item in value.items()
            }
        return [storable(item, max_text=max_text, depth=depth - 1) for item in value]
    return value


def _digits(number: int) -> str:
    """Return a large number as text; Python itself refuses that beyond some 4,300 digits."""
    return f"{number}" if number.bit_length() < 4096 else f"a number of {number.bit_length()} bits"


class JsonDataclass:
    """A dataclass that is stored as JSON, and read back only if each field is exactly what was stored.

    Another release of this provider may have stored it: during an upgrade the triggerer and the workers
    differ. So a field that is missing takes its default, and one that is not known is ignored. Whoever adds
    a field gives it a default, and adds none that an earlier release must not ignore.
    """

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        values: dict[str, Any] = storable(msgspec.to_builtins(self), max_text=MAX_TEXT)
        return values

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
        if not value._is_written_as(payload):
            raise ValueError(f"not a {cls.__name__} as this provider writes it: {str(payload)[:200]}")
        return value

    def _is_written_as(self, payload: Any) -> bool:
        """Return whether a payload contains its fields as :meth:`as_json` writes them."""
        written = self.as_json()
        for name in {field.name for field in fields(self)} & payload.keys():  # type: ignore[arg-type]
            value = getattr(self, name)
            if isinstance(value, JsonDataclass):
                if not value._is_written_as(payload[name]):
                    return False
            elif written[name] != payload[name]:
                return False
        return True

    def check(self) -> None:
        """Refuse fields that contradict each other.

        :raises ValueError: if they do.
        """
