"""What a remote run is at one moment, in one vocabulary for all platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """Where a run stands."""

    #: Taken by the platform, not yet running.
    PENDING = "pending"
    #: Running, or winding down after a stop.
    RUNNING = "running"
    #: The platform has a state that we do not know: taken as still running, warned about once.
    UNKNOWN = "unknown"
    #: The platform does not list the run: not yet, or no longer.
    ABSENT = "absent"
    #: Taken by the platform, which told no id: nothing more will be known of it.
    UNTRACKED = "untracked"
    #: Ended with success.
    SUCCEEDED = "succeeded"
    #: Ended without success.
    FAILED = "failed"
    #: Ended because it was stopped.
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self in _FINAL


_FINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.UNTRACKED})


@dataclass(frozen=True, kw_only=True)
class RunSnapshot:
    """One run as the platform described it.

    :param run_id: the platform's id.
    :param state: where it stands.
    :param raw_state: the platform's own word for that.
    :param started_at: ISO 8601, as the platform wrote it.
    :param finished_at: ISO 8601, as the platform wrote it.
    :param message: the platform's words about a failure.
    :param details: the platform's own fields, JSON values.
    """

    run_id: str
    state: RunState
    raw_state: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_result(self, url: str) -> dict[str, Any]:
        """Return what a task returns for this run; the same on every path."""
        return {
            **self.details,
            "run_id": self.run_id,
            "state": str(self.state),
            "url": url,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
        }

    def as_json(self) -> dict[str, Any]:
        """Return the snapshot as JSON values, for a trigger's event."""
        return {
            "run_id": self.run_id,
            "state": str(self.state),
            "raw_state": self.raw_state,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "message": self.message,
            "details": dict(self.details),
        }

    @classmethod
    def from_json(cls, told: object) -> RunSnapshot:
        """Return the snapshot that :meth:`as_json` wrote.

        :raises ValueError: if it is anything else.
        """
        if not isinstance(told, Mapping) or set(told) != set(cls.__dataclass_fields__):
            raise ValueError("not a run snapshot")
        texts = (told["run_id"], told["raw_state"], told["message"])
        times = (told["started_at"], told["finished_at"])
        if not all(isinstance(t, str) for t in texts) or not told["run_id"]:
            raise ValueError("a run snapshot without its texts")
        if not all(t is None or isinstance(t, str) for t in times) or not isinstance(
            told["details"], Mapping
        ):
            raise ValueError("a run snapshot with times or details of a wrong kind")
        return cls(**{**told, "state": RunState(told["state"])})


def instant(text: object) -> float | None:
    """Return an ISO 8601 time with an offset in seconds since the epoch, ``None`` if it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
