"""The batches of the sandbox's Mill, and the methods with which a test changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dataops_sandbox.platform import Settings, changing
from dataops_sandbox.rules import Seconds
from dataops_sandbox.store import Run, RunStore, Script

if TYPE_CHECKING:
    from dataops_sandbox.clock import Timeline


class MillSettings(Settings):
    """Settings of the mill."""

    api_key: str = "mill_sandbox"


class BatchScript(Script):
    """How a batch behaves. A cancel request also ends a batch with ``hold``."""

    queued: Seconds = 0.0
    """Seconds from the creation of a batch until its milling begins."""
    hidden: Seconds = 0.0
    """Seconds during which get and list respond as if the batch did not exist."""


@dataclass(kw_only=True)
class Batch(Run[BatchScript]):
    """One batch."""

    outcome: str = field(default="done", init=False)
    error: str | None = field(default=None, init=False)

    @property
    def starts_at(self) -> float:
        """The instant at which the milling begins."""
        return self.created_at + self.script.queued

    def advance(self, now: float) -> None:
        """End the batch if its end is due by ``now``."""
        due = self.starts_at + self.duration
        if self.finished_at is None and not self.script.hold and now >= due:
            self.end(due)

    def end(self, at: float, error: str | None = None) -> None:
        """End the batch: as ``failed`` if there is an error, else as ``done``."""
        self.finished_at, self.outcome, self.error = at, "failed" if error else "done", error

    def cancel(self, at: float) -> None:
        """Cancel the batch, unless it has ended."""
        if self.finished_at is None:
            self.finished_at, self.outcome = at, "cancelled"

    def status(self, now: float) -> str:
        """Return the state as the API shows it."""
        if self.finished_at is not None:
            return self.outcome
        return "milling" if now >= self.starts_at else "queued"

    def began(self, now: float) -> float | None:
        """Return the instant at which the milling began; ``None`` before."""
        return self.starts_at if self.starts_at <= min(now, self.finished_at or now) else None

    def as_json(self, timeline: Timeline) -> dict[str, Any]:
        """Return the batch as the API shows it."""
        began = self.began(timeline.now())
        return {
            "id": self.run_id,
            "recipe": self.resource,
            "state": self.status(timeline.now()),
            "created_at": timeline.stamp(self.created_at),
            "started_at": began if began is None else timeline.stamp(began),
            "ended_at": self.finished_at if self.finished_at is None else timeline.stamp(self.finished_at),
            "error": self.error,
        }


class MillStore(RunStore[Batch, BatchScript]):
    """The mill's recipes and batches."""

    name = "mill"
    noun = "batch"
    settings: MillSettings
    settings_class = MillSettings
    script_class = BatchScript

    def populate(self) -> None:
        """Create the recipes that exist at the start."""
        self.recipes = {"flour", "bran"}

    @changing
    def start(self, recipe: str, *, created_by: str = "anna") -> str:
        """Start a batch, as another user does, and return its id."""
        script = self.scripted(recipe)
        batch = Batch(
            run_id=f"b-{next(self.numbers):08}",
            resource=recipe,
            created_by=created_by,
            created_at=self.world.timeline.now(),
            script=script,
            duration=script.lasts(self.settings.run_seconds),
        )
        return self.add(batch).run_id
