"""Values that no caller should use as an argument."""

from __future__ import annotations

import datetime
from typing import Any


def _nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = {"a": [value]}
    return value


class _Rude:
    """An object whose comparison and truth value raise errors."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


HOSTILE = {
    "None": None,
    "empty text": "",
    "blank text": " \t",
    "huge text": "x" * 1_000_000,
    "surrogate": "\ud800",
    "NUL": "a\0b",
    "true": True,
    "zero": 0,
    "negative": -1,
    "nan": float("nan"),
    "infinity": float("inf"),
    "huge number": 10**400,
    "bytes": b"\xff",
    "list": [1, [2, [3]]],
    "nested": _nested(50),
    "set": {1, 2},
    "date": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "class": int,
    "function": len,
    "object": object(),
    "rude object": _Rude(),
}
