from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dataops_sandbox.rules import Seconds
from dataops_sandbox.store import Run, Script
from dataops_sandbox.tailer.rules import ALIAS, TABLE_TO_TABLE, Identity, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.clock import Timeline


class Configuration(Identity, frozen=False):
    """A deployed configuration."""

    filename: str = ""
    """Template of the files that a storage-fed one takes."""
    activated: bool = True
    archived: bool = False
    triggered_jobs: list[str] = Field(default_factory=list)
    """Of a workflow: the jobs that have come in so far; a reset forgets them."""
    resets: int = 0

    @property
    def job_id(self) -> str:
        """The id of its job."""
        if self.configuration_type == TABLE_TO_TABLE:
            return f"{ALIAS}|{self.configuration_id}"
        parts = [self.configuration_type, self.configuration_id]
        if self.configuration_type.startswith("storage-to-"):
            parts = [parts[0], self.account, parts[1], self.environment, self.filename]
        return "|".join(parts)


class RunScript(Script):
    """How a run behaves."""

    start_gap: Seconds | None = None
    """Seconds from the launch until the run has a record; ``None``: as the setting says."""
    waiting: Seconds = 0.0
    """Seconds in WAITING, for a slot."""
    outcome: Text = "SUCCESS"
    """Final status: ``SUCCESS``, ``FAILED``, ``NO_MATCH``, ``DEACTIVATED``, or one that nobody knows."""
    running_status: Text = "RUNNING"
    """Shown while it runs."""


@dataclass(kw_only=True)
class TailerRun(Run[RunScript]):
    """One run.

    :param created_at: when it was launched; its record comes ``start_gap`` seconds later
    """

    identity: Identity
    job_id: str
    start_gap: float
    deactivated: bool
    """Whether its configuration was disabled when it began."""
    execution_date: str | None
    """The logical date that a launch gave."""
    timeline: Timeline
    final_status: str = ""
    label: str | None = None
    """What somebody has set its status to."""

    @property
    def started_at(self) -> float:
        """When its record is made."""
        return self.created_at + self.start_gap

    @property
    def running_at(self) -> float:
        """When it has waited long enough."""
        return self.started_at + self.script.waiting

    def advance(self, now: float) -> None:
        """Enter the end if it is due."""
        if self.finished_at is not None:
            return
        if self.deactivated and now >= self.started_at:
            self.end(self.started_at, "DEACTIVATED")
        elif not self.script.hold and now >= self.running_at + self.duration:
            self.end(self.running_at + self.duration, self.script.outcome)

    def end(self, at: float, status: str = "SUCCESS") -> None:
        """Enter a final status, in whatever spelling; a run that had no record yet has one now."""
        self.finished_at = at
        self.final_status = status
        self.start_gap = min(self.start_gap, at - self.created_at)

    def began(self, now: float) -> float | None:
        """Return the instant at which its record was made."""
        return self.started_at if now >= self.started_at else None

    def status(self, now: float) -> str:
        """Return the status as the API shows it."""
        if self.label is not None:
            return self.label
        if self.finished_at is not None:
            return self.final_status
        return "WAITING" if now < self.running_at else self.script.running_status

    def detail(self) -> dict[str, Any]:
        """Return where it ran, its job and its logical date."""
        identity = self.identity.model_dump(exclude={"configuration_id"})
        return {**identity, "job_id": self.job_id, "execution_date": self.execution_date}

    def fits(self, wanted: Mapping[str, Any], now: float) -> bool:
        """Return whether its record has these values; ``execution_date`` is the date of its start there."""
        item = self.as_json(now)
        return wanted.items() <= {**item, "execution_date": item["start_execution_date"][:10]}.items()

    def as_json(self, now: float) -> dict[str, Any]:
        """Return an item of ``results``; a finished run alone has a duration."""
        storage_fed = self.identity.configuration_type == "storage-to-storage"
        start = self.timeline.wall(self.started_at)
        item = {
            **self.identity.model_dump(),
            "job_id": self.job_id,
            "run_id": self.run_id,
            "start_execution_date": start.isoformat(timespec="seconds" if storage_fed else "microseconds"),
            "status": self.status(now),
        }
        if not storage_fed:
            latest = self.running_at if now >= self.running_at else self.started_at
            latest = latest if self.finished_at is None else self.finished_at
            item["last_update_date"] = self.timeline.wall(latest).isoformat(timespec="microseconds")
        if self.finished_at is not None:
            item["duration"] = str(timedelta(seconds=self.finished_at - self.started_at))
        return item
