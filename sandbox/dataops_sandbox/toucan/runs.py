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
    """How an operation behaves, be it started by an upload or by itself."""

    pending: Seconds | None = None
    """Seconds in pending; ``None``: a twentieth of the usual time, or none at all if ``duration`` is 0."""
    hidden: Seconds = 0.0
    """Seconds during which the state route does not know the operation yet."""
    running_status: str = "running"
    """Shown while it runs; a newer backend may have words of its own."""
    outcome: str = "successful"
    """Final status: ``successful``, ``failed``, or one that nobody knows."""
    final_members: dict[str, JsonValue] = Field({})
    """What the state answer holds beside ``status`` once it has ended; no other member is documented."""
    traceback: str = "a function of the small app has failed"
    """Words in the traceback that a failed preprocess leaves."""


@dataclass(kw_only=True)
class Operation(Run[OperationScript]):
    """One submission and what it sets off.

    Its ``details`` are what else the request said: ``origin``, ``async``, or an upload's ``filename``.
    """

    small_app: str
    kind: Kind
    stage: str | None
    pending: float
    operations: Sequence[str] = ()
    """The list of ``POST /operations``."""
    selector: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The domains and functions of a partial run; empty: everything."""
    release: bool = False
    """The ``release`` flag of a populate."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the request said, e.g. its ``origin``."""
    final_status: str = field(default="", init=False)

    @property
    def publishes(self) -> bool:
        """Whether it makes staging the app's production, should it succeed."""
        return self.release or self.kind == "release" or "release" in self.operations

    @property
    def released(self) -> bool:
        """Whether it has published the app."""
        return self.publishes and self.final_status == "successful"

    @property
    def left_traceback(self) -> bool:
        """Whether the app's own code has failed in it."""
        preprocesses = self.kind == "preprocess" or "preprocess_data_sources" in self.operations
        return preprocesses and self.final_status == "failed"

    def advance(self, now: float) -> None:
        """Enter the end if it is due."""
        due = self.created_at + self.pending + self.duration
        if self.finished_at is None and not self.script.hold and now >= due:
            self.end(due, self.script.outcome)

    def end(self, at: float, status: str = "successful") -> None:
        """Enter a final status, in whatever spelling."""
        self.finished_at = at
        self.final_status = status
        self.pending = min(self.pending, at - self.created_at)

    def began(self, now: float) -> float | None:
        """Return the instant at which it left pending."""
        start = self.created_at + self.pending
        return start if now >= start else None

    def status(self, now: float) -> str:
        """Return the status as the API spells it."""
        if self.finished_at is not None:
            return self.final_status
        return "pending" if self.began(now) is None else self.script.running_status

    def as_json(self, now: float) -> dict[str, Any]:
        """Return the answer of the state route."""
        members = {} if self.finished_at is None else self.script.final_members
        return {**members, "status": self.status(now)}

    def detail(self) -> dict[str, Any]:
        """Return what it was asked to do, and whether it has released the app."""
        return {
            "kind": self.kind,
            "operations": list(self.operations),
            "selector": dict(self.selector),
            "stage": self.stage,
            "release": self.publishes,
            "released": self.released,
            **self.details,
        }
