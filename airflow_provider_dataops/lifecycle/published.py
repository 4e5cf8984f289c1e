"""What a task publishes about its wait, for the page *Remote runs*. Nothing else reads it.

A wait has two values. The task stores the first one once, when it begins to wait. The second one is the state
as last seen, stored when it changes. Neither contains a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import msgspec

from airflow_provider_dataops.core.json import JsonDataclass, storable

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.lifecycle.progress import WaitProgress

#: The key of :class:`PublishedWait` in Airflow's task state store.
WATCH_KEY = "dataops_watch"
#: The key of :class:`PublishedState` among the XComs of the task.
PROGRESS_KEY = "dataops_progress"
#: The version of both formats. Increase it if older releases would misread a new value.
FORMAT = 1
#: Texts of a platform are cut after this many characters.
LONGEST_TEXT = 300


class WaitMode(StrEnum):
    """Where a task waits."""

    WORKER = "worker"
    DEFERRED = "deferred"


class _Published(JsonDataclass):
    """A value that another release of this provider may have written."""

    format: int

    @classmethod
    def read(cls, payload: object) -> Self | None:
        """Return the value that :meth:`as_json` wrote; ``None`` if this release cannot read it.

        Unknown fields are ignored: the page then shows what it knows.
        """
        try:
            value = msgspec.convert(payload, cls)
        except msgspec.ValidationError:
            return None
        return value if value.format == FORMAT else None


@dataclass(frozen=True, kw_only=True)
class PublishedWait(_Published):
    """What a task waits for, or which run it has started.

    All times are in seconds since the epoch.

    :param platform: the connection type.
    :param title: the platform's name as people write it.
    :param noun: the platform's word for a run.
    :param run_id: the platform's id of the run; ``None`` if there is none, such as for a condition.
    :param condition: what the sensor waits for, in words; ``None`` if the task waits for a run.
    :param url: the link to the run; empty if there is none, or if it is not ``http`` or ``https``.
    :param started_at: when this try submitted the run. For a run of an earlier try, when the run began, if
        the platform reports it. ``None`` for a sensor.
    :param attached_at: when this try began to wait for the run.
    :param reattached: whether an earlier try started the run.
    :param adopted: how the search found the run, ``exact`` or ``guessed``; ``None`` without a search.
    :param deadline: when the time allowed is over in this try.
    :param poll_interval: the longest time between two status requests, in seconds.
    :param state: the state of the run when the wait began, in this provider's words; ``None`` if it is not
        known, or if ``publish_progress`` is off.
    :param raw_state: the same state in the platform's own word.
    :param seen_at: when the platform reported this state.
    """

    platform: str
    title: str
    noun: str
    conn_id: str
    run_id: str | None
    condition: str | None
    url: str
    started_at: float | None
    attached_at: float
    reattached: bool
    adopted: str | None
    deadline: float
    poll_interval: float
    mode: WaitMode
    state: str | None = None
    raw_state: str | None = None
    seen_at: float | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Remove a link that a browser must not open, and shorten the texts of the platform."""
        if not self.url.lower().startswith(("https://", "http://")):
            object.__setattr__(self, "url", "")
        for name in ("condition", "raw_state"):
            object.__setattr__(self, name, short(getattr(self, name)))


@dataclass(frozen=True, kw_only=True)
class PublishedState(_Published):
    """The state of a run as last seen, and whether requests fail at present.

    All times are in seconds since the epoch. For a condition, only failures are published. The state is also
    ``None`` if no response has arrived since the wait began; :class:`PublishedWait` may then contain a state.

    :param state: the state in this provider's words.
    :param raw_state: the state in the platform's own word.
    :param seen_at: when a response last reported this state to the task; ``None`` before the first response.
    :param since: when this state was seen first.
    :param failing_since: when the first of the failed requests failed; ``None`` if the last one succeeded.
    :param error: why the last request failed.
    :param ended: whether the run has ended.
    """

    state: str | None
    raw_state: str | None
    seen_at: float | None
    since: float | None
    failing_since: float | None
    error: str | None
    ended: bool
    format: int = FORMAT

    @classmethod
    def of(cls, progress: WaitProgress, clock: Clock) -> Self:
        """Return the present state of a wait.

        :param clock: the clock whose monotonic time the wait has used.
        """
        offset = clock.wall() - clock.monotonic()

        def epoch(moment: float | None) -> float | None:
            return None if moment is None else moment + offset

        state, failure = progress.state, progress.failure
        return cls(
            state=state,
            raw_state=short(progress.last_state) if state else None,
            seen_at=epoch(progress.seen_at),
            since=epoch(progress.line_since) if state else None,
            failing_since=epoch(progress.failed_since),
            error=short(str(failure)) if failure else None,
            ended=state is not None and state.is_final,
        )


def short(text: str | None) -> str | None:
    """Return a text of at most :data:`LONGEST_TEXT` characters."""
    shortened: str | None = storable(text, max_text=LONGEST_TEXT)
    return shortened
