"""The life of TRAC's jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataops_sandbox.store import Run, Script

if TYPE_CHECKING:
    from dataops_sandbox.trac.metadata import Found
    from dataops_sandbox.trac.orchestrator import Orchestrator

CACHED_SECONDS = 120.0
"""For how long check-job knows a job that has ended."""

STEPS = (("PREPARING", 0.05), ("SUBMITTED", 0.1), ("RUNNING", 0.3), ("FINISHING", 0.9))
"""What comes after QUEUED, and after which part of the job's time."""
TAGGED = ("PREPARING", "RUNNING")
"""The steps that are seen on the JOB's tag."""

_UNTIL_RUNNING = [status for status, _ in STEPS].index("RUNNING")


class JobScript(Script):
    """How a job behaves; its duration counts from its submission."""

    outcome: str = "SUCCEEDED"
    """Final status: ``SUCCEEDED``, ``FAILED``, or one that nobody knows."""
    message: str = ""
    """Status message of its end."""
    running_status: str = "RUNNING"
    """Shown while it runs; a newer platform may have words of its own."""


@dataclass(kw_only=True)
class Job(Run[JobScript]):
    """One job as the orchestrator has it.

    :param resource: the model's entry point, or the flow's object id
    """

    orchestrator: Orchestrator
    """Who brings it forward."""
    tenant: str
    job: dict[str, Any]
    """Its definition, without the result's id."""
    found: Found
    """The tag that the orchestrator wrote last."""
    header: dict[str, Any]
    """Header of that tag as of its writing; the last one before the end stays."""
    result_id: str
    code: str = "QUEUED"
    """Its status as check-job tells it."""
    message: str = ""
    steps: int = 0
    """How many of :data:`STEPS` it has gone."""
    lost: bool = False
    """Whether the orchestrator has lost it, or cannot write to its tag any more: it never ends."""
    forgotten: bool = False
    """Whether check-job does not know it, ended or not."""

    @property
    def key(self) -> str:
        """Object key, as attributes of what it made have it."""
        return self.found.key

    @property
    def superseded(self) -> bool:
        """Whether somebody else has tagged it, so that the orchestrator cannot write to its tag any more."""
        return self.found.tag is not self.found.version.tags[-1]

    def next_step(self) -> tuple[str, float] | None:
        """Return the status that comes next, and when; ``None`` once the end alone is left."""
        if self.steps == len(STEPS):
            return None
        status, part = STEPS[self.steps]
        return status, self.created_at + part * self.duration

    def in_cache(self, now: float) -> bool:
        """Return whether check-job knows it."""
        return not self.forgotten and (self.finished_at is None or now < self.finished_at + CACHED_SECONDS)

    def advance(self, now: float) -> None:
        """Enter the states that are due."""
        self.orchestrator.advance_job(self, now)

    def end(self, at: float, status: str = "SUCCEEDED", message: str = "") -> None:
        """End with a final status, and do its work if that is success.

        :raises ValueError: if it never ends
        """
        if self.lost:
            raise ValueError(f"job {self.run_id} was lost and never ends")
        self.orchestrator.end(self, at, status, message)

    def status(self, now: float) -> str:
        """Return the status as check-job tells it."""
        return self.code

    def began(self, now: float) -> float | None:
        """Return the instant at which it began to run."""
        _, part = STEPS[_UNTIL_RUNNING]
        return self.created_at + part * self.duration if self.steps > _UNTIL_RUNNING else None

    def detail(self) -> dict[str, Any]:
        """Return what it is, its own attributes, and how it ended."""
        return {
            "tenant": self.tenant,
            "job_type": self.job["jobType"],
            "attrs": {name: value for name, value in self.found.tag.attrs.items() if "trac_" not in name},
            "result_id": self.result_id,
            "message": self.message,
            "lost": self.lost,
        }
