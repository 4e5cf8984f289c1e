from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dataops_sandbox.scripts import check_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from dataops_sandbox.clock import Timeline
    from dataops_sandbox.content import Content

TIMES_AND_OUTPUTS = frozenset({"startedAt", "finishedAt", "outputs"})
"""The members of an execution that the reference does not require."""


@dataclass(frozen=True, kw_only=True)
class ExecutionScript:
    """How an execution behaves; see :meth:`.quantemplate.Quantemplate.script`."""

    duration: float | None = None
    """Seconds from start to end; ``None``: the sandbox's usual time."""
    hold: bool = False
    """Never end by itself, only by ``finish``."""
    waiting: float = 0.0
    """Seconds between request and start, without ``startedAt``."""
    waiting_status: str = "Started"
    """Status while waiting: the reference knows none, so a client may meet any."""
    running_status: str = "Started"
    hidden: float = 0.0
    """Seconds during which listings do not show the run yet."""
    hidden_lists: int = 0
    """Listings that do not show the run yet."""
    outcome: str = "Succeeded"
    """Final status: ``Succeeded``, ``Failed``, ``Cancelled``, ``Canceled``, or one that nobody knows."""
    outputs: Sequence[str] | None = None
    """Names of the outputs that are there at the end, whatever the outcome; ``None``: the pipeline's own,
    and none if the run did not succeed."""
    omit: Sequence[str] = ()
    """Members to leave out of the execution object, of ``startedAt``, ``finishedAt``, ``outputs``."""

    def __post_init__(self) -> None:
        for name in ("waiting", "hidden"):
            check_seconds(name, getattr(self, name))
        check_seconds("duration", self.duration, optional=True)
        if isinstance(self.outputs, str):
            raise ValueError(f"outputs is a list of names, not {self.outputs!r}")
        if not TIMES_AND_OUTPUTS.issuperset(self.omit):
            raise ValueError(f"only {sorted(TIMES_AND_OUTPUTS)} may be left out, not {list(self.omit)}")


@dataclass(frozen=True)
class Output:
    """An output of an execution: its id, name, and where its bytes stand among the computed ones."""

    output_id: str
    name: str
    position: int


@dataclass
class Execution:
    """One run of a pipeline. Its state is looked up, not driven: :meth:`advance` brings it up to now.

    :param work: the computed outputs, perhaps still being computed; the run does not end before it
    """

    execution_id: str
    pipeline_id: str
    run_number: int
    version: int
    created_by: str
    created_at: float
    script: ExecutionScript
    outputs: Sequence[Output]
    work: Future[list[Content]]
    duration: float
    input_version: int | None
    started_at: float | None = None
    finished_at: float | None = None
    final_status: str = ""
    reason: str | None = None
    """Why the run failed; the API has no member for it."""
    hidden_lists: int = field(init=False)

    def __post_init__(self) -> None:
        self.hidden_lists = self.script.hidden_lists

    @property
    def status(self) -> str:
        """The status as the API spells it."""
        if self.finished_at is not None:
            return self.final_status
        return self.script.waiting_status if self.started_at is None else self.script.running_status

    def advance(self, now: float) -> None:
        """Enter the states that are due."""
        if self.started_at is None and now >= self.created_at + self.script.waiting:
            self.started_at = self.created_at + self.script.waiting
        if self.finished_at is not None or self.started_at is None or self.script.hold:
            return
        due = self.started_at + self.duration
        if now >= due and self.work.done():
            self.end(due, self.script.outcome)

    def end(self, at: float, status: str, outputs: Sequence[str] | None = None) -> None:
        """End the run.

        :param outputs: names of those outputs that are there at the end; ``None``: as scripted
        """
        if self.started_at is None:
            self.started_at = at
        error = self.work.exception()
        if error is not None:
            # Mostly a BadInputError; but a full disk, too, is a failed run and not a listing that breaks.
            self.reason = str(error)
            status = "Failed" if status == "Succeeded" else status
        if error is not None or (status != "Succeeded" and self.script.outputs is None and outputs is None):
            self.outputs = ()
        elif outputs is not None:
            self.outputs = [output for output in self.outputs if output.name in outputs]
        self.finished_at = at
        self.final_status = status

    def listed(self, now: float) -> bool:
        """Tell whether a listing made now shows the run, and count the listing."""
        if now < self.created_at + self.script.hidden:
            return False
        if self.hidden_lists:
            self.hidden_lists -= 1
            return False
        return True

    def as_json(self, timeline: Timeline) -> dict[str, Any]:
        """Give the Execution object of the reference: optional members are absent while unknown."""
        members: dict[str, Any] = {
            "id": self.execution_id,
            "runNumber": self.run_number,
            "createdAt": timeline.stamp(self.created_at),
            "createdBy": self.created_by,
            "version": self.version,
            "status": self.status,
        }
        if self.started_at is not None:
            members["startedAt"] = timeline.stamp(self.started_at)
        finished = self.finished_at is not None
        if self.finished_at is not None:
            members["finishedAt"] = timeline.stamp(self.finished_at)
        shown = self.outputs if finished else ()
        members["outputs"] = [{"id": output.output_id, "name": output.name} for output in shown]
        return {name: value for name, value in members.items() if name not in self.script.omit}
