"""The life of TRAC's jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataops_sandbox.scripts import check_seconds

if TYPE_CHECKING:
    from dataops_sandbox.trac.metadata import Found

CACHED_SECONDS = 120.0
"""For how long check-job knows a job that has ended."""

STEPS = (("PREPARING", 0.05), ("SUBMITTED", 0.1), ("RUNNING", 0.3), ("FINISHING", 0.9))
"""What comes after QUEUED, and after which part of the job's time."""
TAGGED = ("PREPARING", "RUNNING")
"""The steps that are seen on the JOB's tag."""

_UNTIL_RUNNING = [status for status, _ in STEPS].index("RUNNING")


@dataclass(frozen=True, kw_only=True)
class JobScript:
    """How a job behaves; see :meth:`.trac_store.TracStore.script`."""

    duration: float | None = None
    """Seconds from its submission to its end; ``None``: the sandbox's usual time."""
    hold: bool = False
    """Never end by itself, only by ``finish``."""
    outcome: str = "SUCCEEDED"
    """Final status: ``SUCCEEDED``, ``FAILED``, or one that nobody knows."""
    message: str = ""
    """Status message of its end."""
    running_status: str = "RUNNING"
    """Shown while it runs; a newer platform may have words of its own."""

    def __post_init__(self) -> None:
        check_seconds("duration", self.duration, optional=True)
        for name in ("outcome", "message", "running_status"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text, not {getattr(self, name)!r}")


@dataclass(kw_only=True)
class Job:
    """One job as the orchestrator has it."""

    tenant: str
    job: dict[str, Any]
    """Its definition, without the result's id."""
    resource: str
    """What scripts go by: the model's entry point, or the flow's object id."""
    found: Found
    """The tag that the orchestrator wrote last."""
    header: dict[str, Any]
    """Header of that tag as of its writing; the last one before the end stays."""
    result_id: str
    created_at: float
    duration: float
    script: JobScript
    status: str = "QUEUED"
    """As check-job tells it."""
    message: str = ""
    steps: int = 0
    """How many of :data:`STEPS` it has gone."""
    finished_at: float | None = None
    lost: bool = False
    """Whether the orchestrator has lost it, or cannot write to its tag any more: it never ends."""
    forgotten: bool = False
    """Whether check-job does not know it, ended or not."""

    @property
    def job_id(self) -> str:
        """Id of the JOB object."""
        return self.found.record.object_id

    @property
    def key(self) -> str:
        """Object key, as attributes of what it made have it."""
        return self.found.key

    @property
    def ended(self) -> bool:
        """Whether it has an end, good or bad."""
        return self.finished_at is not None

    @property
    def superseded(self) -> bool:
        """Whether somebody else has tagged it, so that the orchestrator cannot write to its tag any more."""
        return self.found.tag is not self.found.version.tags[-1]

    def next_step(self) -> tuple[str, float] | None:
        """Give the status that comes next, and when; ``None`` once the end alone is left."""
        if self.steps == len(STEPS):
            return None
        status, part = STEPS[self.steps]
        return status, self.created_at + part * self.duration

    def in_cache(self, now: float) -> bool:
        """Tell whether check-job knows it."""
        return not self.forgotten and (self.finished_at is None or now < self.finished_at + CACHED_SECONDS)

    @property
    def started_at(self) -> float | None:
        """When it began to run."""
        _, part = STEPS[_UNTIL_RUNNING]
        return self.created_at + part * self.duration if self.steps > _UNTIL_RUNNING else None
