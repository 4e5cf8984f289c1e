from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from dataops_sandbox.rules import Rules, Seconds
from dataops_sandbox.store import Run, Script

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from concurrent.futures import Future

    from dataops_sandbox.clock import Timeline
    from dataops_sandbox.content import Content

Names = Annotated[tuple[str, ...], Field(strict=False)]


class ExecutionScript(Script):
    """How an execution behaves."""

    waiting: Seconds = 0.0
    """Seconds from the request until the execution starts. Until then it has no ``startedAt``."""
    waiting_status: str = "Started"
    """Status before the start. The reference does not document this status, so a client may get any text."""
    running_status: str = "Started"
    """Status while the execution runs."""
    hidden: Seconds = 0.0
    """For this many seconds after the creation of the run, lists do not contain the run."""
    hidden_lists: int = Field(0, ge=0)
    """After ``hidden`` seconds, this many list responses still do not contain the run."""
    outcome: str = "Succeeded"
    """Final status: ``Succeeded``, ``Failed``, ``Cancelled``, ``Canceled``, or any other text."""
    outputs: Names | dict[str, str] | None = None
    """Names of the outputs that exist at the end, even if the run failed. A dict also sets the text of each
    output. ``None``: all outputs of the pipeline if the run succeeded, otherwise no outputs."""
    omit: frozenset[Literal["startedAt", "finishedAt", "outputs"]] = Field(frozenset(), strict=False)
    """Optional members to leave out of the Execution object."""


class Ending(Rules):
    """The arguments that a test passes to end an execution."""

    status: str
    """Final status, which may be any text."""
    outputs: Names | None
    """Names of the outputs that exist at the end; ``None``: as set with ``script``."""


@dataclass(frozen=True)
class Output:
    """An output of an execution: its id, its name, and its index in the result of ``Execution.work``."""

    output_id: str
    name: str
    position: int


@dataclass(kw_only=True)
class Execution(Run[ExecutionScript]):
    """One run of a pipeline.

    :param work: future with the bytes of all outputs; the run does not end before they are computed
    """

    run_number: int
    version: int
    outputs: Sequence[Output]
    work: Future[list[Content]]
    input_version: int | None
    started_at: float | None = field(default=None, init=False)
    outcome: str = field(default="", init=False)
    reason: str | None = field(default=None, init=False)
    """Why the run failed; the API does not show the reason."""
    listings: int = field(default=0, init=False)

    def advance(self, now: float) -> None:
        """Let the run enter all states that are due by ``now``."""
        starts_at = self.created_at + self.script.waiting
        if self.started_at is None and now >= starts_at:
            self.started_at = starts_at
        if self.started_at is None or self.finished_at is not None or self.script.hold:
            return
        due = self.started_at + self.duration
        if now >= due and self.work.done():
            self.end(due, self.script.outcome)

    def end(self, at: float, status: str = "Succeeded", outputs: Collection[str] | None = None) -> None:
        """End the run.

        :param status: final status, which may be any text
        :param outputs: names of the outputs that exist at the end; ``None``: as set with ``script``
        :raises ValueError: if one of the names is not an output of the execution
        """
        unknown = set(outputs or ()) - {output.name for output in self.outputs}
        if unknown:
            raise ValueError(f"execution {self.run_id} has no output {sorted(unknown)}")
        error = self.work.exception()
        if error is not None:
            # Handle every error, not only BadInputError: even a full disk must fail the run, not the request.
            self.reason = str(error)
            status = "Failed" if status == "Succeeded" else status
        if error is not None or (status != "Succeeded" and self.script.outputs is None and outputs is None):
            self.outputs = ()
        elif outputs is not None:
            self.outputs = [output for output in self.outputs if output.name in outputs]
        self.started_at = at if self.started_at is None else self.started_at
        self.finished_at, self.outcome = at, status

    def status(self, now: float) -> str:
        """Return the status as the API spells it."""
        if self.finished_at is not None:
            return self.outcome
        return self.script.waiting_status if self.started_at is None else self.script.running_status

    def began(self, now: float) -> float | None:
        """Return the instant at which the execution started; ``None`` if it has not started."""
        return self.started_at

    def detail(self) -> dict[str, Any]:
        """Return run number, input version, outputs, and why the execution failed."""
        return {
            "run_number": self.run_number,
            "input_version": self.input_version,
            "outputs": {output.name: output.output_id for output in self.outputs},
            "reason": self.reason,
        }

    # What the API shows

    @property
    def shown(self) -> Sequence[Output]:
        """The outputs that the API shows. Before the run ends, the API shows no outputs."""
        return () if self.finished_at is None else self.outputs

    def listed(self, now: float) -> bool:
        """Count a list request at the time ``now``, and return whether its response contains the run."""
        if now < self.created_at + self.script.hidden:
            return False
        self.listings += 1
        return self.listings > self.script.hidden_lists

    def as_json(self, timeline: Timeline) -> dict[str, Any]:
        """Return the run as an Execution object; leave out optional members that have no value yet."""
        times = {"createdAt": self.created_at, "startedAt": self.started_at, "finishedAt": self.finished_at}
        members = {
            "id": self.run_id,
            "runNumber": self.run_number,
            "createdBy": self.created_by,
            "version": self.version,
            "status": self.status(timeline.now()),
            **{name: timeline.stamp(at) for name, at in times.items() if at is not None},
            "outputs": [{"id": output.output_id, "name": output.name} for output in self.shown],
        }
        return {name: value for name, value in members.items() if name not in self.script.omit}
