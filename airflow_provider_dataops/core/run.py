"""What a remote run is at one moment, in one vocabulary for all platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from airflow_provider_dataops.core.json import MAX_TEXT, JsonDataclass, storable
from airflow_provider_dataops.errors import MalformedReplyError, one_line

#: How deep the platform's own fields of a run may be nested.
DETAILS_DEPTH = 16
#: An id that is longer is none, in characters.
MAX_ID = 1024


class RunState(StrEnum):
    """Where a run stands."""

    #: Whether there is nothing more to wait for.
    is_final: bool

    def __new__(cls, word: str, is_final: bool = False) -> Self:
        """Make a state."""
        state = str.__new__(cls, word)
        state._value_ = word
        state.is_final = is_final
        return state

    #: Taken by the platform, not yet running.
    PENDING = "pending"
    #: Running, or winding down after a stop.
    RUNNING = "running"
    #: The platform has a state that we do not know: taken as still running, warned about once.
    UNKNOWN = "unknown"
    #: The platform does not list the run: not yet, or no longer.
    ABSENT = "absent"
    #: The platform's list leaves out runs, and this may be one of them: nothing is known of it.
    UNLISTED = "unlisted"
    #: Taken by the platform, which reports no id: nothing more will be known of it.
    UNTRACKED = "untracked", True
    #: Ended with success.
    SUCCEEDED = "succeeded", True
    #: Ended without success.
    FAILED = "failed", True
    #: Ended because it was stopped.
    CANCELLED = "cancelled", True


def require_id(run_id: str) -> str:
    """Return the id of a run unchanged.

    :raises MalformedReplyError: if Airflow cannot store the id, or it contains control characters or U+FFFD,
        which replaces what could not be decoded.
    """
    if storable(one_line(run_id), max_text=MAX_ID) != run_id or "\ufffd" in run_id:
        raise MalformedReplyError(f"the id of a run cannot be stored: {run_id[:100]!r}")
    return run_id


@dataclass(frozen=True, kw_only=True)
class RunSnapshot(JsonDataclass):
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

    def __post_init__(self) -> None:
        """Make the platform's own fields what Airflow can store.

        :raises MalformedReplyError: if the id is none that Airflow can store; it is never altered.
        """
        require_id(self.run_id)
        object.__setattr__(self, "raw_state", one_line(self.raw_state))
        object.__setattr__(self, "message", one_line(self.message))
        details = storable(self.details, max_text=MAX_TEXT, depth=DETAILS_DEPTH)
        object.__setattr__(self, "details", details)

    @classmethod
    def absent(cls, run_id: str, words: str = "", status: str = "404") -> Self:
        """Return a run that the platform does not know.

        :param words: what the platform says of it.
        """
        return cls(run_id=run_id, state=RunState.ABSENT, raw_state=f"{status}: {words}".strip())

    def as_result(self, url: str) -> dict[str, Any]:
        """Return what a task returns for this run; the same on every path."""
        own = {
            "run_id": self.run_id,
            "state": str(self.state),
            "url": url,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
        }
        return {**self.details, **storable(own, max_text=MAX_TEXT)}

    def check(self) -> None:
        """Refuse a snapshot of no run."""
        if not self.run_id:
            raise ValueError("a run snapshot without an id")


def instant(text: object) -> float | None:
    """Return an ISO 8601 time with an offset in seconds since the epoch, ``None`` if it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
