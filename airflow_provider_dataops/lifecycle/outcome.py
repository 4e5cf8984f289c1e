"""From how a wait ended to what the task does: one place for every mode of waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    DataOpsError,
    OutageError,
    RunCancelledError,
    RunFailedError,
    RunLostError,
    RunTimeoutError,
    UntrackedRunError,
)


class Ending(StrEnum):
    """How a wait ended."""

    #: The run ended, with or without success.
    FINISHED = "finished"
    #: The time allowed for it was over.
    TIMEOUT = "timeout"
    #: The platform no longer knows it.
    LOST = "lost"
    #: It could not be asked about; it may go on.
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """The end of a wait, as a trigger tells it to the worker that resumes the task.

    :param run_id: whose wait it was.
    :param snapshot: the run at its end, for ``FINISHED`` alone.
    :param message: what went wrong, for the others.
    :param permanent: no retry can mend it.
    """

    ending: Ending
    run_id: str
    snapshot: RunSnapshot | None = None
    message: str = ""
    permanent: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the event as JSON values."""
        return {
            "ending": str(self.ending),
            "run_id": self.run_id,
            "snapshot": self.snapshot.as_json() if self.snapshot else None,
            "message": self.message,
            "permanent": self.permanent,
        }

    @classmethod
    def from_json(cls, told: object) -> RunEvent:
        """Return the event that :meth:`as_json` wrote; nothing is taken on trust.

        :raises ValueError: for anything else.
        """
        if not isinstance(told, Mapping) or set(told) != set(cls.__dataclass_fields__):
            raise ValueError(f"not an event of this provider: {str(told)[:200]}")
        ending = Ending(told["ending"])
        snapshot = None if told["snapshot"] is None else RunSnapshot.from_json(told["snapshot"])
        if not isinstance(told["run_id"], str) or not told["run_id"] or not isinstance(told["message"], str):
            raise ValueError("an event without its texts")
        if not isinstance(told["permanent"], bool):
            raise ValueError("an event that does not tell whether a retry is of use")
        if (ending is Ending.FINISHED) != (snapshot is not None and snapshot.state.is_final):
            raise ValueError(f"an event {ending!s} with the run {snapshot and snapshot.state}")
        if snapshot is not None and snapshot.run_id != told["run_id"]:
            raise ValueError(f"an event about run {told['run_id']} with run {snapshot.run_id}")
        return cls(**{**told, "ending": ending, "snapshot": snapshot})


def failure(event: RunEvent, *, platform: str, noun: str, url: str) -> DataOpsError | None:
    """Return the error that the end of a wait stands for, ``None`` for success."""
    named = f"{platform} {noun} {event.run_id}"
    where: dict[str, str] = {"run_id": event.run_id, "url": url}
    match event.ending:
        case Ending.TIMEOUT:
            return RunTimeoutError(f"{named} had not ended in the time allowed: {event.message}", **where)
        case Ending.LOST:
            return RunLostError(f"{named} is no longer known to the platform: {event.message}", **where)
        case Ending.UNREACHABLE:
            outage = OutageError(
                f"{named} can no longer be asked about, it may still be running: {event.message}", **where
            )
            outage.permanent = event.permanent
            return outage
        case Ending.FINISHED:
            pass
    snapshot = event.snapshot
    if snapshot is None or snapshot.state is RunState.SUCCEEDED:
        return None
    words = f": {snapshot.message}" if snapshot.message else ""
    if snapshot.state is RunState.UNTRACKED:
        return UntrackedRunError(
            f"{platform} took the {noun} and told no id, so its end cannot be waited for{words}", **where
        )
    if snapshot.state is RunState.CANCELLED:
        return RunCancelledError(f"{named} was stopped{words}", **where)
    return RunFailedError(f"{named} ended {snapshot.raw_state}{words}", **where)
