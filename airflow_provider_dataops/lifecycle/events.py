"""The event in which a trigger reports how its wait ended. The resumed task reads the event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_dataops.core.json import JsonDataclass
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    EXCERPT_LIMIT,
    DataOpsError,
    OutageError,
    RunCancelledError,
    RunFailedError,
    RunLostError,
    RunTimeoutError,
    UntrackedRunError,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import ApiError


class Ending(StrEnum):
    """How a wait ended."""

    #: The run ended, with or without success.
    FINISHED = "finished"
    #: The wait reached its deadline.
    TIMEOUT = "timeout"
    #: The platform no longer returns the run.
    LOST = "lost"
    #: Requests to the platform failed. The run may still be running.
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True)
class RunEvent(JsonDataclass):
    """The end of a wait for a run.

    :param run_id: the platform's id of the run.
    :param snapshot: the run at its end; only with ``FINISHED``.
    :param message: what went wrong; only with an ending other than ``FINISHED``.
    :param permanent: whether a retry cannot help.
    """

    ending: Ending
    run_id: str
    snapshot: RunSnapshot | None = None
    message: str = ""
    permanent: bool = False

    @classmethod
    def finished(cls, snapshot: RunSnapshot) -> Self:
        """Return the event of a run that ended, with or without success."""
        return cls(ending=Ending.FINISHED, run_id=snapshot.run_id, snapshot=snapshot)

    @classmethod
    def unreachable(cls, run_id: str, error: ApiError) -> Self:
        """Return the event of a wait that ended because requests failed."""
        permanent = error.locks_out
        return cls(ending=Ending.UNREACHABLE, run_id=run_id, message=str(error), permanent=permanent)

    def check(self) -> None:
        """Reject an event that contradicts itself.

        :raises ValueError: if the ending contradicts the snapshot, or if the snapshot belongs to another run.
        """
        snapshot = self.snapshot
        if (self.ending is Ending.FINISHED) != (snapshot is not None and snapshot.state.is_final):
            raise ValueError(
                f"the ending is {self.ending!s}, but the state of the run is {snapshot and snapshot.state}"
            )
        if not self.run_id or (snapshot is not None and snapshot.run_id != self.run_id):
            raise ValueError(
                f"the event is about {self.run_id!r}, but contains the run {snapshot and snapshot.run_id}"
            )

    def failure(self, *, platform: str, noun: str, url: str, limit: str) -> DataOpsError | None:
        """Return the error that the task must raise; ``None`` if the run succeeded.

        :param limit: the argument that limits the wait, and its value: ``timeout=3600 s``.
        """
        named = f"{platform} {noun} {self.run_id}"
        where: dict[str, str] = {"run_id": self.run_id, "url": url}
        match self.ending:
            case Ending.TIMEOUT:
                return RunTimeoutError(
                    f"{named} had not ended in the time allowed ({limit}): {self.message}", **where
                )
            case Ending.LOST:
                return RunLostError(f"{named} is no longer known to the platform: {self.message}", **where)
            case Ending.UNREACHABLE:
                outage = OutageError(
                    f"the state of {named} cannot be read, and it may still be running: {self.message}",
                    **where,
                )
                outage.permanent = self.permanent
                return outage
            case Ending.FINISHED:
                pass
        snapshot = self.snapshot
        if snapshot is None or snapshot.state is RunState.SUCCEEDED:
            return None
        words = f": {snapshot.message[:EXCERPT_LIMIT]}" if snapshot.message else ""
        if snapshot.state is RunState.UNTRACKED:
            return UntrackedRunError(
                f"{platform} accepted the {noun} but returned no id, so nothing can wait for its end{words}",
                **where,
            )
        if snapshot.state is RunState.CANCELLED:
            return RunCancelledError(f"{named} was stopped{words}", **where)
        return RunFailedError(f"{named} ended {snapshot.raw_state}{words}", **where)


@dataclass(frozen=True, kw_only=True)
class ConditionEvent(JsonDataclass):
    """The end of a wait for a condition.

    :param value: what the platform returned, as JSON values; only with ``FINISHED``.
    :param message: what went wrong; only with an ending other than ``FINISHED``.
    :param permanent: whether a retry cannot help.
    """

    ending: Ending
    value: Mapping[str, Any] | None = None
    message: str = ""
    permanent: bool = False

    def check(self) -> None:
        """Reject an event that contradicts itself.

        :raises ValueError: if the ending contradicts the value.
        """
        if (self.ending is Ending.FINISHED) != (self.value is not None):
            raise ValueError(f"the ending is {self.ending!s}, but the value is {self.value}")
