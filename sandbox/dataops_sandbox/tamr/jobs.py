from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator

from dataops_sandbox.rules import Seconds, validate_options
from dataops_sandbox.store import Run, Script

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dataops_sandbox.clock import Timeline
    from dataops_sandbox.tamr.rules import Configuration

State = Literal["PENDING", "RUNNING", "STOPPING", "DONE"]

STOPPED = {"reason": "STOPPED_BY_USER", "message": "The job was stopped by a user."}


class JobScript(Script):
    """How a job behaves. If ``hold`` is set, only ``finish`` or a stop request ends the job."""

    waiting: Seconds | None = None
    """Seconds in PENDING. ``None``: a twentieth of ``run_seconds``, or 0 if ``duration`` is 0. If both
    ``waiting`` and ``duration`` are 0, the job is already DONE in the response to ``create job``."""
    hidden: Seconds = 0.0
    """For this many seconds after the start, ``get job`` and ``list jobs`` do not find the job."""
    error: dict[str, str] | None = None
    """For a job that fails: ``reason``, ``message``, or both. ``None``: the job succeeds."""
    no_error: Literal["absent", "null", "empty"] = "absent"
    """How a job shows that it has no error: no member ``error``, ``error: null``, or ``error: {}``."""
    stopping: Seconds | None = None
    """Seconds in STOPPING after a stop request. ``None``: a twentieth of ``run_seconds``, or 0 if
    ``duration`` is 0."""
    stop_loses: bool = False
    """Whether a RUNNING job cannot be stopped: after STOPPING, it ends as if nobody had stopped it."""
    unknown_state: str | int | None = None
    """State that the API shows instead of RUNNING. The vendor's versioning rules allow new states."""
    echo_empty_ids: bool = False
    """Whether responses contain an empty string for each id that the configuration does not set."""

    @field_validator("error")
    @classmethod
    def _reason_or_message(cls, error: dict[str, str] | None) -> dict[str, str] | None:
        if error is not None and (not error or error.keys() - {"reason", "message"}):
            raise ValueError("must contain reason, message or both")
        return error


@dataclass(kw_only=True)
class Job(Run[JobScript]):
    """One job.

    :param history: the states that the job has entered, each with its instant; the last is the current state
    """

    number: int
    configuration: Configuration
    waiting: float
    stopping: float
    timeline: Timeline
    history: list[tuple[str, float]]
    error: Mapping[str, str] | None = field(default=None, init=False)

    @property
    def state(self) -> str:
        """The real state of the job, even if the API shows another state."""
        return self.history[-1][0]

    def status(self, now: float = 0.0) -> str:
        """Return the state as the API shows it."""
        return str(self._shown(self.state))

    def _shown(self, state: str) -> str | int:
        unknown = self.script.unknown_state
        return unknown if unknown is not None and state == "RUNNING" else state

    def advance(self, now: float) -> None:
        """Let the job enter all states that are due by ``now``."""
        since = self.history[-1][1]
        if self.state == "PENDING" and now >= since + self.waiting:
            since += self.waiting
            self.history.append(("RUNNING", since))
        if self.state == "RUNNING" and not self.script.hold and now >= since + self.duration:
            self.end(since + self.duration, self.script.error)
        if self.state == "STOPPING" and now >= since + self.stopping:
            self.end(since + self.stopping, self.script.error if self.script.stop_loses else STOPPED)

    def stop(self, now: float) -> None:
        """Stop the job: PENDING becomes DONE, RUNNING becomes STOPPING, other states do not change."""
        self.advance(now)
        if self.state == "PENDING":
            self._enter_done(now, STOPPED)
        elif self.state == "RUNNING":
            self.history.append(("STOPPING", now))

    def end(self, at: float, error: Mapping[str, str] | None = None) -> None:
        """Let the job enter DONE. A PENDING job enters RUNNING first.

        :param error: ``reason`` and ``message`` if the job fails; ``None``: the job succeeds
        :raises ValueError: if ``error`` is not valid
        """
        error = validate_options(JobScript, {"error": error}).error
        if self.state == "PENDING":
            self.history.append(("RUNNING", at))
        self._enter_done(at, error)

    def _enter_done(self, at: float, error: Mapping[str, str] | None) -> None:
        self.error = error
        self.finished_at = at
        self.history.append(("DONE", at))

    def began(self, now: float) -> float | None:
        """Return the instant at which the job entered RUNNING; ``None`` if it has not entered RUNNING."""
        return dict(self.history).get("RUNNING")

    def detail(self) -> dict[str, Any]:
        """Return configuration and error of the job."""
        return {"configuration": self.configuration.as_json(), "error": self.error and dict(self.error)}

    def entered(self, state: str) -> datetime | None:
        """Return the time at which the job entered a state; ``None`` if it has not entered the state."""
        return next((self.timeline.wall(at) for name, at in self.history if name == state), None)

    # What the API shows

    def as_json(self) -> dict[str, Any]:
        """Return the job as JSON, like the Job message of the vendor's protobuf."""
        return {
            "jobId": self.run_id,
            "configuration": self.configuration.as_json(empty_ids=self.script.echo_empty_ids),
            "status": self._status(*self.history[-1], current=True),
            "statusHistory": [self._status(*past, current=False) for past in self.history[:-1]],
        }

    def _status(self, state: str, at: float, *, current: bool) -> dict[str, Any]:
        status: dict[str, Any] = {"state": self._shown(state), "stateStartTime": self.timeline.stamp(at)}
        if current and self.error is not None:
            status["error"] = dict(self.error)
        elif current and self.script.no_error != "absent":
            status["error"] = None if self.script.no_error == "null" else {}
        return status
