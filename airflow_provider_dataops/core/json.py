"""JSON values that Airflow stores for another process: trigger events, XComs, the task state store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

import msgspec

#: A JSON object: values by name.
JsonObject = Mapping[str, Any]
#: A structured argument of an operator: a JSON object, or the path of a JSON file.
JsonOrFile = JsonObject | str


def present(values: JsonObject) -> dict[str, Any]:
    """Return the values that are not ``None``. A request must not contain ``None``."""
    return {name: value for name, value in values.items() if value is not None}


#: A text in a run or an event is cut after this many characters.
MAX_TEXT = 64 * 1024
#: A text of this length is never cut.
SHORT_TEXT = 1024
#: Values that are nested deeper than this become ``…``, because programs that read JSON limit the depth, too.
MAX_DEPTH = 32
_TOO_LARGE = 2**63
_WHOLE = range(-_TOO_LARGE, _TOO_LARGE)
_NOT_STORED = re.compile("[\x00\ud800-\udfff]")


def _is_plain(name: object, value: object) -> bool:
    """Return whether :func:`storable` changes neither a member's name nor its short text or small number."""
    if type(value) is str:
        is_plain = len(value) <= SHORT_TEXT and value.isprintable()
    elif type(value) in (int, float):
        is_plain = -_TOO_LARGE < value < _TOO_LARGE  # type: ignore[operator]
    else:
        is_plain = value is None or type(value) is bool
    return is_plain and type(name) is str and len(name) <= SHORT_TEXT and name.isprintable()


def storable(value: Any, *, max_text: int | None = None, depth: int = MAX_DEPTH) -> Any:
    """Return a JSON value in which everything that Airflow cannot store is replaced.

    A server may send NUL, which PostgreSQL rejects, or a lone surrogate, which UTF-8 cannot encode. It may
    send a number of more than 64 bits, which msgpack cannot encode. One such value in a trigger's event
    crashes the whole triggerer, and crashes it again at each restart.

    :param max_text: longer texts are cut at this length, in characters; ``None`` does not cut.
    :param depth: how many levels deep values may be nested.
    """
    if isinstance(value, str):
        text = value if value.isprintable() else _NOT_STORED.sub("\ufffd", value)
        if max_text is not None and len(text) > max_text:
            text = f"{text[: max_text - 1]}\u2026"
        # Return the original if nothing was replaced, so that a StrEnum stays a StrEnum.
        return value if text == value else text
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value in _WHOLE else _digits(value)
    if isinstance(value, float):
        # PostgreSQL returns 1e19 as an integer, and this integer would have more than 64 bits.
        return value if abs(value) < _TOO_LARGE else str(value)
    may_be_plain = isinstance(value, dict) and depth and (max_text is None or max_text >= SHORT_TEXT)
    if may_be_plain and all(map(_is_plain, value, value.values())):
        return value
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
    """Return a large number as a string, or only its size: Python cannot print more than 4300 digits."""
    return f"{number}" if number.bit_length() < 4096 else f"a number of {number.bit_length()} bits"


class Result:
    """A dataclass that a hook returns."""

    def as_result(self) -> dict[str, Any]:
        """Return the fields as plain JSON, so that a ``@task`` can return them.

        Airflow reads an object of a provider's class from XCom only if ``[core]
        allowed_deserialization_classes`` allows this class.
        """
        values: dict[str, Any] = storable(msgspec.to_builtins(self))
        return values


class JsonDataclass:
    """A dataclass that one process stores in Airflow as JSON, and another process reads.

    The two processes may run different releases of this provider. So a missing field takes its default, and
    an unknown field is ignored. A new field therefore needs a default, and an earlier release must work
    correctly without the field.
    """

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        values: dict[str, Any] = storable(msgspec.to_builtins(self), max_text=MAX_TEXT)
        return values

    @classmethod
    def from_json(cls, payload: object) -> Self:
        """Return the object from the payload that :meth:`as_json` wrote.

        :raises ValueError: if :meth:`as_json` did not write the payload.
        """
        try:
            value = msgspec.convert(payload, cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a {cls.__name__}: {error}: {str(payload)[:200]}") from error
        value.check()
        if not value._is_written_as(payload):
            raise ValueError(f"not a {cls.__name__} that this provider wrote: {str(payload)[:200]}")
        return value

    def _is_written_as(self, payload: Any) -> bool:
        """Return whether the payload contains the fields exactly as :meth:`as_json` writes them."""
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
        """Check that the fields do not contradict each other.

        :raises ValueError: if they contradict each other.
        """
