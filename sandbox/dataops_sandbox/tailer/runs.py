from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dataops_sandbox.scripts import check_seconds

if TYPE_CHECKING:
    from dataops_sandbox.clock import Timeline

TABLE_TO_TABLE = "table-to-table"
ALIAS = "gbq-to-gbq"
"""The older name of table-to-table, which job ids and some answers still have."""

TYPES = (
    TABLE_TO_TABLE,
    "table-to-storage",
    "storage-to-storage",
    "storage-to-tables",
    "api-to-storage",
    "vm-launcher",
    "xml-conversion",
    "file-utilities",
    "context",
    "workflow",
)
LAUNCHABLE = (TABLE_TO_TABLE, "table-to-storage")
ENVIRONMENTS = ("PROD", "PREPROD", "STAGING", "DEV")
STATUSES = ("WAITING", "RUNNING", "SUCCESS", "FAILED", "NO_MATCH", "CHECKED", "DEACTIVATED")
SETTABLE = ("SUCCESS", "FAILED", "RUNNING", "NO_MATCH", "CHECKED")
"""The statuses that set_run_status takes."""


def canonical(configuration_type: str) -> str:
    """Give the present name of a configuration type."""
    return TABLE_TO_TABLE if configuration_type == ALIAS else configuration_type


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The full identity of a configuration; its type is the canonical one."""

    account: str
    environment: str
    configuration_type: str
    configuration_id: str

    def job_id(self, filename: str) -> str:
        """Give the id of a job of it.

        :param filename: template of the file that a storage-fed job takes
        """
        if self.configuration_type == TABLE_TO_TABLE:
            return f"{ALIAS}|{self.configuration_id}"
        parts = [self.configuration_type]
        if self.configuration_type.startswith("storage-to-"):
            parts += [self.account, self.configuration_id, self.environment, filename]
        else:
            parts.append(self.configuration_id)
        return "|".join(parts)


@dataclass
class Configuration:
    """A deployed configuration."""

    identity: Identity
    filename: str = ""
    activated: bool = True
    archived: bool = False
    triggered_jobs: list[str] = field(default_factory=list)
    """Of a workflow: the jobs that have come in so far; a reset forgets them."""
    resets: int = 0

    @property
    def job_id(self) -> str:
        """The id of its job."""
        return self.identity.job_id(self.filename)


@dataclass(frozen=True, kw_only=True)
class RunScript:
    """How a run behaves; see :meth:`.tailer_store.TailerStore.script`."""

    duration: float | None = None
    """Seconds in RUNNING; ``None``: the sandbox's usual time."""
    hold: bool = False
    """Never end by itself, only by ``finish``."""
    start_gap: float | None = None
    """Seconds from the launch until the run has a record; ``None``: as the setting says."""
    waiting: float = 0.0
    """Seconds in WAITING, for a slot."""
    outcome: str = "SUCCESS"
    """Final status: ``SUCCESS``, ``FAILED``, ``NO_MATCH``, ``DEACTIVATED``, or one that nobody knows."""
    running_status: str = "RUNNING"
    """Shown while it runs."""

    def __post_init__(self) -> None:
        check_seconds("waiting", self.waiting)
        for name in ("duration", "start_gap"):
            check_seconds(name, getattr(self, name), optional=True)
        for name in ("outcome", "running_status"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text, not {getattr(self, name)!r}")


@dataclass(kw_only=True)
class Run:
    """One run; its state is looked up, see :meth:`advance`.

    :param created_at: when it was launched; its record comes ``start_gap`` seconds later
    """

    run_id: str
    identity: Identity
    job_id: str
    created_by: str
    created_at: float
    script: RunScript
    start_gap: float
    duration: float
    deactivated: bool
    """Whether its configuration was disabled when it began."""
    execution_date: str | None = None
    """The logical date that a launch gave."""
    finished_at: float | None = None
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

    def end(self, at: float, status: str) -> None:
        """Enter a final status."""
        self.finished_at = at
        self.final_status = status
        self.start_gap = min(self.start_gap, at - self.created_at)

    def recorded(self, now: float) -> bool:
        """Tell whether the run has a record yet."""
        return now >= self.started_at

    def status(self, now: float) -> str:
        """Give the status as the API shows it."""
        if self.label is not None:
            return self.label
        if self.finished_at is not None:
            return self.final_status
        return "WAITING" if now < self.running_at else self.script.running_status

    def as_json(self, configuration_type: str, now: float, timeline: Timeline) -> dict[str, Any]:
        """Give an item of ``results``; a finished run alone has a duration.

        :param configuration_type: the name of its type that this answer uses
        """
        storage_fed = self.identity.configuration_type == "storage-to-storage"
        start = timeline.wall(self.started_at)
        item = {
            "account": self.identity.account,
            "configuration_id": self.identity.configuration_id,
            "configuration_type": configuration_type,
            "environment": self.identity.environment,
            "job_id": self.job_id,
            "run_id": self.run_id,
            "start_execution_date": start.isoformat(timespec="seconds" if storage_fed else "microseconds"),
            "status": self.status(now),
        }
        if not storage_fed:
            latest = self.running_at if now >= self.running_at else self.started_at
            latest = latest if self.finished_at is None else self.finished_at
            item["last_update_date"] = timeline.wall(latest).isoformat(timespec="microseconds")
        if self.finished_at is not None:
            item["duration"] = str(timedelta(seconds=self.finished_at - self.started_at))
        return item
