from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

ScriptT = TypeVar("ScriptT")


def check_seconds(name: str, value: object, *, optional: bool = False) -> None:
    """Check a length of time that somebody set, perhaps over HTTP.

    :param optional: whether it may be ``None``
    :raises ValueError: if it is no number from 0 on
    """
    if value is None and optional:
        return
    # Written so that NaN, which is not less than 0 either, does not pass.
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{name} must be a number of seconds from 0 on, not {value!r}")


class ScriptBook(Generic[ScriptT]):
    """Which behaviour the next run of a resource gets.

    A script for the resource goes before one for any; one for the next few runs goes before a lasting
    one. Of several for the next runs the oldest is used up first; of several lasting ones the newest
    holds.
    """

    def __init__(self) -> None:
        self._next: dict[str | None, deque[ScriptT]] = {}
        self._lasting: dict[str | None, ScriptT] = {}

    def arm(self, script: ScriptT, resource: str | None, times: int | None) -> None:
        """Keep a script.

        :param resource: the pipeline, source, ... that it is for; ``None``: any
        :param times: runs that get it; ``None``: all
        """
        if times is None:
            self._lasting[resource] = script
        else:
            self._next.setdefault(resource, deque()).extend([script] * times)

    def take(self, resource: str) -> ScriptT | None:
        """Give the script for a new run of ``resource``, if there is one, and use it up if it is limited."""
        for key in (resource, None):
            if self._next.get(key):
                return self._next[key].popleft()
            if key in self._lasting:
                return self._lasting[key]
        return None
