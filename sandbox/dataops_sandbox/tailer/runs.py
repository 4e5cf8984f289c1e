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
    """A deployed configuration. Each run executes one configuration."""

    filename: str = ""
    """Template of the file names, if the configuration reads files from storage."""
    activated: bool = True
    archived: bool = False
    triggered_jobs: list[str] = Field(default_factory=list)
    """For a workflow: the jobs that were triggered so far. A reset clears the list."""
    resets: int = 0
    """For a workflow: how many times a client has reset it."""

    @property
    def job_id(self) -> str:
        """The id of the configuration's job."""
        if self.configuration_type == TABLE_TO_TABLE:
            return f"{ALIAS}|{self.configuration_id}"
        parts = [self.configuration_type, self.configuration_id]
        if self.configuration_type.startswith("storage-to-"):
            parts = [parts[0], self.account, parts[1], self.environment, self.filename]
        return "|".join(parts)


class RunScript(Script):
    """How a run behaves."""

    start_gap: Seconds | None = None
    """Seconds from the start request until the API shows the run; ``None``: the setting ``start_gap``."""
    waiting: Seconds = 0.0
    """Seconds in ``WAITING``, in which the run waits for a free slot."""
    outcome: Text = "SUCCESS"
    """Final status: ``SUCCESS``, ``FAILED``, ``NO_MATCH``, ``DEACTIVATED``, or any other text."""
    running_status: Text = "RUNNING"
    """Status while the run is running."""


@dataclass(kw_only=True)
class TailerRun(Run[RunScript]):
    """One run.

    :param created_at: when the run was launched; the API shows the run ``start_gap`` seconds later
    """

    identity: Identity
    job_id: str
    start_gap: float
    deactivated: bool
    """Whether the configuration was disabled when the run was launched."""
    execution_date: str | None
    """The logical date in the request that started the run."""
    timeline: Timeline
    final_status: str = ""
    label: str | None = None
    """Status set by a client with ``set_run_status``. The API shows it instead of the real status."""

    @property
    def started_at(self) -> float:
        """The instant from which the API shows the run."""
        return self.created_at + self.start_gap

    @property
    def running_at(self) -> float:
        """The instant at which the run leaves ``WAITING``."""
        return self.started_at + self.script.waiting

    def advance(self, now: float) -> None:
        """End the run if its end is due by ``now``."""
        if self.finished_at is not None:
            return
        if self.deactivated and now >= self.started_at:
            self.end(self.started_at, "DEACTIVATED")
        elif not self.script.hold and now >= self.running_at + self.duration:
            self.end(self.running_at + self.duration, self.script.outcome)

    def end(self, at: float, status: str = "SUCCESS") -> None:
        """End the run with a final status, which may be any text. The API shows the run from now on."""
        self.finished_at = at
        self.final_status = status
        self.start_gap = min(self.start_gap, at - self.created_at)

    def began(self, now: float) -> float | None:
        """Return the instant from which the API shows the run; ``None`` if the API does not show it yet."""
        return self.started_at if now >= self.started_at else None

    def status(self, now: float) -> str:
        """Return the status as the API shows it."""
        if self.label is not None:
            return self.label
        if self.finished_at is not None:
            return self.final_status
        return "WAITING" if now < self.running_at else self.script.running_status

    def detail(self) -> dict[str, Any]:
        """Return account, environment, type, job and logical date of the run."""
        identity = self.identity.model_dump(exclude={"configuration_id"})
        return {**identity, "job_id": self.job_id, "execution_date": self.execution_date}

    def fits(self, wanted: Mapping[str, Any], now: float) -> bool:
        """Return whether the run has all ``wanted`` values; ``execution_date`` is the run's start date."""
        item = self.as_json(now)
        return wanted.items() <= {**item, "execution_date": item["start_execution_date"][:10]}.items()

    def as_json(self, now: float) -> dict[str, Any]:
        """Return the run as an item of ``results``; only a finished run has a ``duration``."""
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
