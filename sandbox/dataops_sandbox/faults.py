from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dataops_sandbox.scripts import check_seconds

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from dataops_sandbox.clock import Timeline


@dataclass(frozen=True)
class Kind:
    """A kind of fault: whether the platform acts on the request by default, and the options with defaults."""

    processed: bool
    options: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, Kind] = {
    # body None: the platform's own error shape for that status.
    "status": Kind(False, {"status": 503, "headers": {}, "body": None, "content_type": "text/plain"}),
    # size: bytes of the request's body that are read before the reset.
    "reset_before": Kind(False, {"size": 0}),
    "reset_after": Kind(True),
    "slow": Kind(True, {"delay": 1.0}),
    "hang": Kind(False),
    # size: bytes of the answer's body that are sent; None: half of them.
    "truncated": Kind(True, {"size": None}),
    "malformed_json": Kind(True, {"body": '{"id": "e-1", "jobId": '}),
    "html": Kind(
        False, {"status": 200, "body": "<!doctype html><title>Sign in</title><p>Please sign in.</p>"}
    ),
    "expired_token": Kind(True),
    "unknown_state": Kind(True, {"state": "REORGANISING"}),
    "redirect": Kind(False, {"status": 302, "location": "https://login.invalid/"}),
    # size None: without end, in chunks; else with a Content-Length.
    "huge": Kind(False, {"status": 200, "size": None, "content_type": "application/json"}),
}


def _whole(value: object, least: int, most: float = math.inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _headers(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(text, str) for name, text in value.items()
    )


def _text(value: object) -> bool:
    return isinstance(value, str)


_ACCEPTED: Mapping[str, Callable[[object], bool]] = {
    "status": lambda value: _whole(value, 200, 599),
    "headers": _headers,
    "body": lambda value: value is None or _text(value),
    "content_type": _text,
    "size": lambda value: value is None or _whole(value, 0),
    "delay": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value >= 0,
    "state": _text,
    "location": _text,
}


@dataclass(kw_only=True)
class Fault:
    """One fault that is armed, and how often it has struck.

    Without ``times`` and ``duration`` it strikes until it is cleared.
    """

    kind: str
    platform: str | None = None
    """Only requests of this platform; ``None``: of any."""
    operation: str | None = None
    """Only this operation; ``None``: any."""
    path: str | None = None
    """Only requests whose path holds this text."""
    times: int | None = None
    """Requests that it strikes."""
    duration: float | None = None
    """Seconds for which it lasts, counted as ``since`` says."""
    since: Literal["armed", "first_hit"] = "armed"
    skip: int = 0
    """Matching requests that pass before the first hit."""
    processed: bool | None = None
    """Whether the platform acts although the answer is spoilt; ``None``: as is usual for the kind."""
    options: dict[str, Any] = field(default_factory=dict)
    """The kind's own options, see :data:`KINDS`."""
    hits: int = field(default=0, init=False)
    """Requests that it has struck."""
    passed: int = field(default=0, init=False)
    """Matching requests that it has let pass, up to ``skip``."""
    window_opened: float | None = field(default=None, init=False)
    """Instant from which ``duration`` counts."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {sorted(KINDS)}")
        if self.since not in ("armed", "first_hit"):
            raise ValueError(f"since must be 'armed' or 'first_hit', not {self.since!r}")
        if self.path is not None and not isinstance(self.path, str):
            raise TypeError(f"path must be text, not {self.path!r}")
        if self.processed not in (None, True, False):
            raise TypeError(f"processed must be true, false or left out, not {self.processed!r}")
        if self.times is not None and not _whole(self.times, 1):
            raise ValueError(f"times must be a whole number from 1 on, not {self.times!r}")
        if not _whole(self.skip, 0):
            raise ValueError(f"skip must be a whole number, not {self.skip!r}")
        check_seconds("duration", self.duration, optional=True)
        kind = KINDS[self.kind]
        for name, value in self.options.items():
            if name not in kind.options:
                raise ValueError(f"a {self.kind} fault has no option {name!r}; known: {sorted(kind.options)}")
            if not _ACCEPTED[name](value):
                raise TypeError(f"option {name!r} cannot be {value!r}")
        self.options = {**kind.options, **self.options}
        if self.processed is None:
            self.processed = kind.processed

    def over(self, now: float) -> bool:
        """Tell whether it strikes no more."""
        if self.times is not None and self.hits >= self.times:
            return True
        if self.duration is None or self.window_opened is None:
            return False
        return now >= self.window_opened + self.duration

    def as_json(self) -> dict[str, Any]:
        """Give the fault for ``GET /_sandbox/faults``."""
        return {name: value for name, value in vars(self).items() if name != "window_opened"}


class FaultBook:
    """The armed faults, in the order of arming: the first that applies to a request strikes it."""

    def __init__(self, changed: threading.Condition, timeline: Timeline) -> None:
        self._changed = changed
        self._timeline = timeline
        self._faults: list[Fault] = []

    def arm(self, fault: Fault) -> Fault:
        """Arm a fault."""
        with self._changed:
            if fault.since == "armed":
                fault.window_opened = self._timeline.now()
            self._faults.append(fault)
        return fault

    def take(self, platform: str, operation: str, path: str, *, token: bool) -> Fault | None:
        """Give the fault that strikes a request, and count it.

        :param token: whether requests of this kind carry a token; ``expired_token`` passes the others by
        """
        with self._changed:
            now = self._timeline.now()
            for fault in self._faults:
                if not self._matches(fault, platform, operation, path, token=token):
                    continue
                if fault.over(now):
                    continue
                if fault.passed < fault.skip:
                    fault.passed += 1
                    continue
                if fault.window_opened is None:
                    fault.window_opened = now
                fault.hits += 1
                return fault
        return None

    @staticmethod
    def _matches(fault: Fault, platform: str, operation: str, path: str, *, token: bool) -> bool:
        return (
            fault.platform in (None, platform)
            and fault.operation in (None, operation)
            and (fault.path is None or fault.path in path)
            and (token or fault.kind != "expired_token")
        )

    def clear(self) -> None:
        """Disarm all faults."""
        with self._changed:
            self._faults.clear()

    def all(self) -> list[Fault]:
        """Give the faults that were armed since the last clearing, spent ones too."""
        with self._changed:
            return list(self._faults)
