"""How a wait ended, as a trigger reports it to the worker that resumes the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_dataops.core.run import RunSnapshot

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import ApiError


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
    """The end of a wait for a run.

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
    def finished(cls, snapshot: RunSnapshot) -> Self:
        """Return the event of a run that ended, with or without success."""
        return cls(ending=Ending.FINISHED, run_id=snapshot.run_id, snapshot=snapshot)

    @classmethod
    def unreachable(cls, run_id: str, error: ApiError) -> Self:
        """Return the event of a wait in which the platform can no longer be asked."""
        permanent = error.locks_out
        return cls(ending=Ending.UNREACHABLE, run_id=run_id, message=str(error), permanent=permanent)

    @classmethod
    def from_json(cls, payload: object) -> Self:
        """Return the event that :meth:`as_json` wrote; nothing is taken on trust.

        :raises ValueError: for anything else.
        """
        if not isinstance(payload, Mapping) or set(payload) != set(cls.__dataclass_fields__):
            raise ValueError(f"not an event of this provider: {str(payload)[:200]}")
        ending = Ending(payload["ending"])
        snapshot = None if payload["snapshot"] is None else RunSnapshot.from_json(payload["snapshot"])
        if (
            not isinstance(payload["run_id"], str)
            or not payload["run_id"]
            or not isinstance(payload["message"], str)
        ):
            raise ValueError("an event without its texts")
        if not isinstance(payload["permanent"], bool):
            raise ValueError("an event that does not tell whether a retry is of use")
        if (ending is Ending.FINISHED) != (snapshot is not None and snapshot.state.is_final):
            raise ValueError(f"an event {ending!s} with the run {snapshot and snapshot.state}")
        if snapshot is not None and snapshot.run_id != payload["run_id"]:
            raise ValueError(f"an event about run {payload['run_id']} with run {snapshot.run_id}")
        return cls(**{**payload, "ending": ending, "snapshot": snapshot})


@dataclass(frozen=True, kw_only=True)
class ConditionEvent:
    """The end of a wait for a condition.

    :param value: what was found, JSON values, for ``FINISHED`` alone.
    :param message: what went wrong, for the others.
    :param permanent: no retry can mend it.
    """

    ending: Ending
    value: Mapping[str, Any] | None = None
    message: str = ""
    permanent: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the event as JSON values."""
        value = None if self.value is None else dict(self.value)
        return {**vars(self), "ending": str(self.ending), "value": value}

    @classmethod
    def from_json(cls, payload: object) -> Self:
        """Return the event that :meth:`as_json` wrote; nothing is taken on trust.

        :raises ValueError: for anything else.
        """
        if not isinstance(payload, Mapping) or set(payload) != set(cls.__dataclass_fields__):
            raise ValueError(f"not an event of this provider: {str(payload)[:200]}")
        ending, value = Ending(payload["ending"]), payload["value"]
        shaped = isinstance(value, Mapping) if ending is Ending.FINISHED else value is None
        if (
            not shaped
            or not isinstance(payload["message"], str)
            or not isinstance(payload["permanent"], bool)
        ):
            raise ValueError(f"an event {ending!s} of a wrong shape")
        return cls(**{**payload, "ending": ending})
