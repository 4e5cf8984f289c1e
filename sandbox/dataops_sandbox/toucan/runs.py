from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue

from dataops_sandbox.rules import Seconds
from dataops_sandbox.store import Run, Script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["upload", "operations", "preprocess", "populate", "release"]


class OperationScript(Script):
    """How an operation behaves. An upload also starts an operation."""

    pending: Seconds | None = None
    """Seconds in ``pending``. ``None``: 0 if ``duration`` is 0, otherwise a twentieth of ``run_seconds``."""
    hidden: Seconds = 0.0
    """For this many seconds after the start, the state route responds that the operation does not exist."""
    running_status: str = "running"
    """Status while the operation runs. A newer backend may use other words."""
    outcome: str = "successful"
    """Final status: ``successful``, ``failed``, or any other text."""
    final_members: dict[str, JsonValue] = Field({})
    """Members that are added to the state response when the operation has ended. No document lists them."""
    traceback: str = "a function of the small app has failed"
    """Text of the traceback that a failed ``preprocess`` operation leaves."""


@dataclass(kw_only=True)
class Operation(Run[OperationScript]):
    """The work that one request starts on a small app: an upload, or the operations in the request."""

    small_app: str
    kind: Kind
    stage: str | None
    pending: float
    operations: Sequence[str] = ()
    """The operations in the body of ``POST /operations``."""
    selector: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The domains and functions to work on; empty: all of them."""
    release: bool = False
    """Whether the request was ``populate`` with the ``release`` flag."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Other members of the request: ``origin``, ``async``, or an upload's ``filename``."""
    final_status: str = field(default="", init=False)

    @property
    def publishes(self) -> bool:
        """Whether the operation copies staging to production if it succeeds."""
        return self.release or self.kind == "release" or "release" in self.operations

    @property
    def released(self) -> bool:
        """Whether the operation has copied staging to production."""
        return self.publishes and self.final_status == "successful"

    @property
    def left_traceback(self) -> bool:
        """Whether the operation has failed in the app's own code. Only such an operation has a traceback."""
        preprocesses = self.kind == "preprocess" or "preprocess_data_sources" in self.operations
        return preprocesses and self.final_status == "failed"

    def advance(self, now: float) -> None:
        """End the operation if its duration is over at ``now``."""
        due = self.created_at + self.pending + self.duration
        if self.finished_at is None and not self.script.hold and now >= due:
            self.end(due, self.script.outcome)

    def end(self, at: float, status: str = "successful") -> None:
        """End the operation with a final status, which may be any text."""
        self.finished_at = at
        self.final_status = status
        self.pending = min(self.pending, at - self.created_at)

    def began(self, now: float) -> float | None:
        """Return the instant at which the operation left ``pending``; ``None`` if it is still pending."""
        start = self.created_at + self.pending
        return start if now >= start else None

    def status(self, now: float) -> str:
        """Return the status as the API spells it."""
        if self.finished_at is not None:
            return self.final_status
        return "pending" if self.began(now) is None else self.script.running_status

    def as_json(self, now: float) -> dict[str, Any]:
        """Return the response body of the state route."""
        members = {} if self.finished_at is None else self.script.final_members
        return {**members, "status": self.status(now)}

    def detail(self) -> dict[str, Any]:
        """Return what the request contained, and whether the operation has released the app."""
        return {
            "kind": self.kind,
            "operations": list(self.operations),
            "selector": dict(self.selector),
            "stage": self.stage,
            "release": self.publishes,
            "released": self.released,
            **self.details,
        }
