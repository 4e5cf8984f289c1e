"""TRAC's jobs: the behaviour that a test can choose, the status, and the end of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataops_sandbox.store import Run, Script

if TYPE_CHECKING:
    from dataops_sandbox.trac.metadata import Found
    from dataops_sandbox.trac.orchestrator import Orchestrator

CACHED_SECONDS = 120.0
"""Seconds after the end of a job during which check-job still finds it."""

STEPS = (("PREPARING", 0.05), ("SUBMITTED", 0.1), ("RUNNING", 0.3), ("FINISHING", 0.9))
"""The statuses after QUEUED, each with the fraction of the job's duration after which the status begins."""
TAGGED = ("PREPARING", "RUNNING")
"""When one of these statuses begins, the orchestrator also writes it to a new tag of the JOB object."""

_UNTIL_RUNNING = [status for status, _ in STEPS].index("RUNNING")


class JobScript(Script):
    """How a job behaves; ``duration`` counts from the submission of the job."""

    outcome: str = "SUCCEEDED"
    """Final status: ``SUCCEEDED``, ``FAILED``, or any unknown status."""
    message: str = ""
    """Status message of the job after its end."""
    running_status: str = "RUNNING"
    """Status while the job is running. A newer platform may use other words."""


@dataclass(kw_only=True)
class Job(Run[JobScript]):
    """One job as the orchestrator knows it.

    :param resource: the model's entry point, or the flow's object id
    """

    orchestrator: Orchestrator
    """The orchestrator that advances the job."""
    tenant: str
    job: dict[str, Any]
    """Definition of the job, without the id of its result."""
    found: Found
    """The tag that the orchestrator wrote last."""
    header: dict[str, Any]
    """Tag header (id, version) in the responses. It does not change when the job ends, unlike ``found``."""
    result_id: str
    code: str = "QUEUED"
    """Status in the response of check-job."""
    message: str = ""
    steps: int = 0
    """How many statuses of :data:`STEPS` the job has entered."""
    lost: bool = False
    """Whether the job never ends, because the orchestrator was restarted or can no longer tag the job."""
    forgotten: bool = False
    """Whether check-job does not find the job."""

    @property
    def key(self) -> str:
        """Object key of the job; the objects that the job makes have this key in their attributes."""
        return self.found.key

    @property
    def superseded(self) -> bool:
        """Whether a client has tagged the job. If so, the orchestrator can no longer tag it."""
        return self.found.tag is not self.found.version.tags[-1]

    def next_step(self) -> tuple[str, float] | None:
        """Return the next status and the time of its beginning; ``None`` if the final status is next."""
        if self.steps == len(STEPS):
            return None
        status, part = STEPS[self.steps]
        return status, self.created_at + part * self.duration

    def in_cache(self, now: float) -> bool:
        """Return whether check-job finds the job."""
        return not self.forgotten and (self.finished_at is None or now < self.finished_at + CACHED_SECONDS)

    def advance(self, now: float) -> None:
        """Let the job enter all statuses that are due by ``now``."""
        self.orchestrator.advance_job(self, now)

    def end(self, at: float, status: str = "SUCCEEDED", message: str = "") -> None:
        """End the job with a final status. If that is ``SUCCEEDED``, first do the work of the job.

        :raises ValueError: if the job was lost and so never ends
        """
        if self.lost:
            raise ValueError(f"job {self.run_id} was lost and never ends")
        self.orchestrator.end(self, at, status, message)

    def status(self, now: float) -> str:
        """Return the status as check-job shows it."""
        return self.code

    def began(self, now: float) -> float | None:
        """Return the instant at which the job began to run; ``None`` if it has not begun."""
        _, part = STEPS[_UNTIL_RUNNING]
        return self.created_at + part * self.duration if self.steps > _UNTIL_RUNNING else None

    def detail(self) -> dict[str, Any]:
        """Return tenant, type, attributes and result of the job."""
        return {
            "tenant": self.tenant,
            "job_type": self.job["jobType"],
            "attrs": {name: value for name, value in self.found.tag.attrs.items() if "trac_" not in name},
            "result_id": self.result_id,
            "message": self.message,
            "lost": self.lost,
        }
