"""The state of a remote run at one moment, in the same words for all platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from airflow_provider_dataops.core.json import MAX_TEXT, JsonDataclass, storable
from airflow_provider_dataops.errors import MalformedReplyError, one_line

#: How many levels deep the platform's own fields of a run may be nested.
DETAILS_DEPTH = 16
#: The longest id of a run that is accepted, in characters.
MAX_ID = 1024


class RunState(StrEnum):
    """The states of a run."""

    #: Whether the run has ended, or the platform can report nothing more about it.
    is_final: bool

    def __new__(cls, word: str, is_final: bool = False) -> Self:
        """Make the state whose value is this string."""
        state = str.__new__(cls, word)
        state._value_ = word
        state.is_final = is_final
        return state

    #: The platform has accepted the run but not started it.
    PENDING = "pending"
    #: The run is running, or it is stopping after a stop request.
    RUNNING = "running"
    #: The platform reports a state that this provider does not know. The task logs it once and keeps waiting.
    UNKNOWN = "unknown"
    #: The platform does not know the run: not yet, or no longer.
    ABSENT = "absent"
    #: The platform's list is incomplete, and the run is not in it. So the state of the run is not known.
    UNLISTED = "unlisted"
    #: The platform has accepted the run but returned no id. So nothing can show when the run ends.
    UNTRACKED = "untracked", True
    #: The run ended with success.
    SUCCEEDED = "succeeded", True
    #: The run ended without success.
    FAILED = "failed", True
    #: The run ended because someone stopped it.
    CANCELLED = "cancelled", True


#: The states in which the platform's own text is not the state of the run.
_WITHOUT_WORD = frozenset({RunState.ABSENT, RunState.UNLISTED})


def require_id(run_id: str) -> str:
    """Return the id of a run unchanged.

    :raises MalformedReplyError: if Airflow cannot store the id, or if it contains control characters or
        U+FFFD. U+FFFD replaces bytes that could not be decoded, so the id would be wrong.
    """
    if storable(one_line(run_id), max_text=MAX_ID) != run_id or "\ufffd" in run_id:
        raise MalformedReplyError(f"the id of a run cannot be stored: {run_id[:100]!r}")
    return run_id


@dataclass(frozen=True, kw_only=True)
class RunSnapshot(JsonDataclass):
    """One run, as the platform reported it at one moment.

    :param run_id: the platform's id of the run.
    :param state: the state in this provider's words.
    :param raw_state: the state in the platform's own word, on one line.
    :param started_at: when the run began, in ISO 8601 as the platform wrote it.
    :param finished_at: when the run ended, in ISO 8601 as the platform wrote it.
    :param message: why the run failed, in the platform's own words, on one line.
    :param details: the platform's own fields, as JSON values.
    """

    run_id: str
    state: RunState
    raw_state: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Replace what Airflow cannot store or log. The id is not changed.

        :raises MalformedReplyError: if Airflow cannot store the id.
        """
        require_id(self.run_id)
        object.__setattr__(self, "raw_state", one_line(self.raw_state))
        object.__setattr__(self, "message", one_line(self.message))
        details = storable(self.details, max_text=MAX_TEXT, depth=DETAILS_DEPTH)
        object.__setattr__(self, "details", details)

    @property
    def words(self) -> str:
        """The state in the platform's own word; in this provider's word if the platform has none."""
        return self.raw_state or str(self.state)

    @property
    def outline(self) -> str:
        """The state in one word that changes only with the state.

        If the platform does not know the run, its own text may contain the time of the response.
        """
        return str(self.state) if self.state in _WITHOUT_WORD else self.words

    @property
    def brief(self) -> Self:
        """The snapshot, without details if the run is active.

        A triggerer keeps the snapshots of all listed runs, and its event contains only a run that has ended.
        """
        return self if self.state.is_final else replace(self, details={})

    @classmethod
    def absent(cls, run_id: str, words: str = "", status: str = "404") -> Self:
        """Return the snapshot of a run that the platform does not know.

        :param words: the text of the platform's response.
        :param status: the status code of the response, or another short text.
        """
        return cls(run_id=run_id, state=RunState.ABSENT, raw_state=f"{status}: {words}".strip())

    def as_result(self, url: str) -> dict[str, Any]:
        """Return the result of the task that waited for this run, in the worker or in the triggerer.

        :param url: the link to the run.
        """
        own = {
            "run_id": self.run_id,
            "state": str(self.state),
            "url": url,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
        }
        return {**self.details, **storable(own, max_text=MAX_TEXT)}

    def check(self) -> None:
        """Check that the snapshot has an id.

        :raises ValueError: if the id is empty.
        """
        if not self.run_id:
            raise ValueError("a run snapshot must have an id")


def instant(text: object) -> float | None:
    """Return an ISO 8601 time in seconds since the epoch; ``None`` for anything else.

    A time without a UTC offset counts as UTC.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
