from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dataops_sandbox.scripts import check_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dataops_sandbox.clock import Timeline

STOPPED = {"reason": "STOPPED_BY_USER", "message": "The job was stopped by a user."}

_EMPTY_IDS: Mapping[str, Mapping[str, str]] = {
    "load": {"sourceId": ""},
    "update": {"dataProductId": "", "workflowId": ""},
    "publish": {"destinationId": "", "dataProductId": ""},
}


@dataclass(frozen=True, kw_only=True)
class JobScript:
    """How a job behaves; see :meth:`.tamr_store.TamrStore.script`."""

    duration: float | None = None
    """Seconds from RUNNING to DONE; ``None``: the sandbox's usual time."""
    hold: bool = False
    """Never end by itself, only by ``finish`` or a stop."""
    waiting: float | None = None
    """Seconds in PENDING; ``None``: a twentieth of the usual time, or none at all if ``duration`` is 0, so
    that such a job is DONE in the create answer."""
    hidden: float = 0.0
    """Seconds during which get and list do not know the job yet."""
    error: Mapping[str, str] | None = None
    """``reason`` and ``message`` of a job that fails; either may be missing. ``None``: it succeeds."""
    no_error: Literal["absent", "null", "empty"] = "absent"
    """How the status says that there is no error: no member, ``error: null`` or ``error: {}``."""
    stopping: float | None = None
    """Seconds in STOPPING after a stop; ``None``: as PENDING."""
    stop_loses: bool = False
    """A stop of the running job comes too late: after STOPPING it ends as it would have without."""
    unknown_state: str | int | None = None
    """Shown in place of RUNNING; new values may come by the vendor's rules of versioning."""
    echo_empty_ids: bool = False
    """Show the unused id members of the configuration as empty strings."""

    def __post_init__(self) -> None:
        check_seconds("hidden", self.hidden)
        for name in ("duration", "waiting", "stopping"):
            check_seconds(name, getattr(self, name), optional=True)
        if self.no_error not in ("absent", "null", "empty"):
            raise ValueError(f"no_error must be absent, null or empty, not {self.no_error!r}")
        if self.error is not None and (not self.error or self.error.keys() - {"reason", "message"}):
            raise ValueError("error holds reason, message or both")


@dataclass
class Job:
    """One job. Its state is looked up, not driven: :meth:`advance` brings it up to now.

    :param history: each state entered so far with its instant, the current one last
    """

    number: int
    job_id: str
    kind: str
    ids: Mapping[str, str]
    created_by: str
    script: JobScript
    waiting: float
    duration: float
    stopping: float
    timeline: Timeline
    history: list[tuple[str, float]] = field(default_factory=list)
    error: Mapping[str, str] | None = None

    @property
    def resource(self) -> str:
        """The id that scripts go by: what is loaded, updated or published to."""
        return self.ids.get("destinationId") or next(iter(self.ids.values()))

    @property
    def true_state(self) -> str:
        """The state that the job is in, whatever is shown."""
        return self.history[-1][0]

    @property
    def state(self) -> str:
        """The state as the API shows it."""
        shown = self.script.unknown_state
        return str(shown) if shown is not None and self.true_state == "RUNNING" else self.true_state

    @property
    def done(self) -> bool:
        """Whether the job has ended."""
        return self.true_state == "DONE"

    def advance(self, now: float) -> None:
        """Enter the states that are due."""
        since = self.history[-1][1]
        if self.true_state == "PENDING" and now >= since + self.waiting:
            since += self.waiting
            self.history.append(("RUNNING", since))
        if self.true_state == "RUNNING" and not self.script.hold and now >= since + self.duration:
            self.end(since + self.duration, self.script.error)
        if self.true_state == "STOPPING" and now >= since + self.stopping:
            self.end(since + self.stopping, self.script.error if self.script.stop_loses else STOPPED)

    def stop(self, now: float) -> None:
        """Take a stop: it ends a PENDING job, signals a RUNNING one, and leaves the others alone."""
        self.advance(now)
        if self.true_state == "PENDING":
            self.end(now, STOPPED)
        elif self.true_state == "RUNNING":
            self.history.append(("STOPPING", now))

    def end(self, at: float, error: Mapping[str, str] | None) -> None:
        """Enter DONE."""
        self.error = error
        self.history.append(("DONE", at))

    # What a filter looks at

    def configured(self, kind: str, member: str) -> str:
        """Give an id of the configuration, empty if it has none of that kind."""
        return self.ids.get(member, "") if kind == self.kind else ""

    def has_kind(self, kind: str) -> bool:
        """Tell whether this is a load, an update or a publish."""
        return kind == self.kind

    def entered(self, state: str) -> datetime | None:
        """Give the time at which the job entered a state."""
        return next((self.timeline.wall(at) for name, at in self.history if name == state), None)

    # What a client sees

    def as_json(self) -> dict[str, Any]:
        """Give the Job object of the vendor's protobuf, mapped to JSON."""
        ids = {**_EMPTY_IDS[self.kind], **self.ids} if self.script.echo_empty_ids else dict(self.ids)
        return {
            "jobId": self.job_id,
            "configuration": {self.kind: ids},
            "status": self._status(*self.history[-1], current=True),
            "statusHistory": [self._status(*past, current=False) for past in self.history[:-1]],
        }

    def _status(self, state: str, at: float, *, current: bool) -> dict[str, Any]:
        shown: str | int = state
        if state == "RUNNING" and self.script.unknown_state is not None:
            shown = self.script.unknown_state
        status: dict[str, Any] = {"state": shown, "stateStartTime": self.timeline.stamp(at)}
        if current and self.error is not None:
            status["error"] = dict(self.error)
        elif current and self.script.no_error != "absent":
            status["error"] = None if self.script.no_error == "null" else {}
        return status
