"""Decide after each response whether a wait continues. This module only decides: it never waits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Self

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.retry import backoff, is_passing
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.words import duration_in_words
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    ReplyTooLargeError,
    UnroutedError,
)
from airflow_provider_dataops.lifecycle.deadlines import deadline_in_words
from airflow_provider_dataops.lifecycle.events import Ending, RunEvent

if TYPE_CHECKING:
    from airflow_provider_dataops.core.log import Log

#: At first, status requests are this many seconds apart, even if ``poll_interval`` is longer.
FIRST_INTERVAL = 1.7
#: Later, the interval is this fraction of the time since the wait began, but at most ``poll_interval``.
GROWTH = 0.14
#: An interval is longer or shorter by up to this fraction, at random.
JITTER = 0.05
#: The shortest pause after a failed request, in seconds.
FAILURE_FLOOR = 1.0
#: A run that the platform never returned counts as lost after ``ABSENT_POLLS`` responses in a row without the
#: run. The first and the last of these responses must be at least ``ABSENT_SECONDS`` apart.
ABSENT_POLLS = 5
ABSENT_SECONDS = 60.0
#: The same for a run that the platform has returned before. A longer ``outage_budget`` applies instead.
SEEN_ABSENT_SECONDS = 30 * 60.0
#: While nothing changes, the log repeats the state or the failure. The pauses between two lines double from
#: the first to the second number, in seconds.
REPEAT_PAUSE, REPEAT_PAUSE_CAP = 60.0, 600.0
#: After this many refusals of the credentials in a row, the task reads the connection again. One more refusal
#: ends the wait.
REFUSALS = 1
#: An empty set that thousands of waits share.
_NOTHING: frozenset[tuple[type[ApiError], int | None]] = frozenset()


class Verdict(Enum):
    """What the waiting task or trigger does next."""

    WAIT = auto()
    #: The run ended.
    FINISHED = auto()
    #: The platform no longer returns the run.
    LOST = auto()
    #: The credentials were refused: read the connection again, then continue.
    RECONNECT = auto()
    #: Another request cannot help, or the outage has lasted too long.
    GIVE_UP = auto()


def interval(age: float, cap: float, chance: float, *, shortest: float = 0.0) -> float:
    """Return the seconds until the next status request, with jitter.

    The interval grows with the length of the wait. So the end of a short run is seen soon, and a run of six
    hours does not cost thousands of requests.

    :param age: seconds since the wait began.
    :param cap: the longest interval, in seconds, before jitter.
    :param chance: a number from 0 up to 1.
    :param shortest: the interval is at least this long, unless ``cap`` is shorter, in seconds before jitter.
    """
    return min(cap, max(FIRST_INTERVAL, shortest, age * GROWTH)) * (1.0 + JITTER * (2.0 * chance - 1.0))


def failure_pause(failures: int, error: ApiError, chance: float) -> float:
    """Return the seconds to pause after a failed request, with jitter, but not less than ``Retry-After``."""
    pause = FAILURE_FLOOR + backoff(failures, base=2.0, cap=60.0, chance=chance)
    return pause if error.retry_after is None else max(pause, error.retry_after + chance)


def _due(separator: str, next_look: float | None) -> str:
    """Return when the next request is due, for the end of a log line; empty if there is no next request."""
    if next_look is None:
        return ""
    return f"{separator} the next request is due in {duration_in_words(next_look)}"


@dataclass(slots=True)
class _Repetition:
    """Decides when the log repeats a line.

    It sets no timer, because thousands of triggers may wait at the same time. Instead, the code calls
    :meth:`is_due` after each request.
    """

    due: float
    pause: float = REPEAT_PAUSE

    @classmethod
    def begun(cls, now: float, chance: float) -> Self:
        """Record that the line was logged for the first time.

        :param chance: a number from 0 up to 1. It makes the first pause longer or shorter, so that thousands
            of waits that began together do not log their lines together.
        """
        return cls(now + REPEAT_PAUSE * (0.75 + 0.5 * chance))

    def is_due(self, now: float) -> bool:
        """Return whether to log the line again now."""
        if now < self.due:
            return False
        self.pause = min(2 * self.pause, REPEAT_PAUSE_CAP)
        self.due = now + self.pause
        return True


@dataclass(slots=True)
class WaitProgress:
    """What one waiting task or trigger knows about its run or condition.

    :param began: when the wait began. All times come from one clock, in seconds.
    :param run_id: the platform's id of the run; empty for a condition.
    :param kind: the platform and its noun for a run, for the log: ``Tamr job``. For a condition, the words
        that name it: ``The condition at Tamr``.
    :param seen: whether the platform has returned the run before, to this try or an earlier one.
    :param outline: the :attr:`.RunSnapshot.outline` of the last state. When the wait begins, it is the state
        that the task has published; empty if it has published none.
    :param outage_budget: for this many seconds, the wait continues although the platform does not answer.
    :param chance: a number from 0 up to 1, which decides when the log repeats a line.
    """

    began: float
    run_id: str = ""
    kind: str = "run"
    seen: bool = False
    outage_budget: float = Options.outage_budget
    chance: float = 0.5
    outline: str = ""
    #: The :attr:`news` that were published last.
    published: tuple[str, bool] = ("", False)
    #: The last state that a response has reported, and when a good response arrived last.
    state: RunState | None = None
    last_state: str = ""
    seen_at: float | None = None
    #: When the outage began. In an outage, no response arrives, or another server responds instead of the
    #: platform.
    failing_since: float | None = None
    absent_since: float | None = None
    absences: int = 0
    refusals: int = 0
    #: The last line about the state, and when the line was logged first.
    line: str = ""
    line_since: float = 0.0
    repeat_line: _Repetition | None = None
    #: How many requests failed since the last good response, when the first one failed, and the last error.
    failures: int = 0
    failed_since: float | None = None
    failure: ApiError | None = None
    #: The kinds of failure that the log already contains. When the log repeats a failure, this set starts
    #: empty again.
    logged_failures: frozenset[tuple[type[ApiError], int | None]] = _NOTHING
    repeat_failures: _Repetition | None = None
    #: Whether the log already contains the last failure.
    is_known: bool = False

    def __post_init__(self) -> None:
        """Record what the task has published before the wait."""
        self.published = self.news

    @property
    def news(self) -> tuple[str, bool]:
        """The last state, and whether requests fail. If this changes, there is something to publish."""
        return self.outline, self.failure is not None

    # --- a good response -------------------------------------------------------------------------------

    def ending(self, snapshot: RunSnapshot, now: float, next_look: float | None, log: Log) -> RunEvent | None:
        """Return how the wait ended; ``None`` if it continues. Log the state with :meth:`_log_state`.

        :param next_look: seconds until the next request; ``None`` if this process sends no other request.
        """
        self.answered(now, log)
        verdict = self.saw(snapshot, now)
        self.state, self.last_state, self.outline = snapshot.state, snapshot.words, snapshot.outline
        is_unknown = snapshot.state is RunState.UNKNOWN
        if is_unknown:
            words = f"has the state {snapshot.raw_state!r}, which this provider does not know"
        elif snapshot.state is RunState.ABSENT:
            words = "is no longer listed" if self.seen else "is not listed yet"
        else:
            words = f"is {self.last_state}"
        following = _due(";", next_look) if verdict is Verdict.WAIT else ""
        self._log_state(f"{self.kind} {snapshot.run_id} {words}", now, following, log, warns=is_unknown)
        if verdict is Verdict.FINISHED:
            return RunEvent.finished(snapshot)
        if verdict is Verdict.LOST:
            return RunEvent(ending=Ending.LOST, run_id=snapshot.run_id, message=snapshot.raw_state)
        return None

    @property
    def wake_at(self) -> float:
        """When the log repeats the state, if the state has not changed until then."""
        return 0.0 if self.repeat_line is None else self.repeat_line.due

    def not_met(self, now: float, next_look: float | None, log: Log) -> None:
        """Record that the condition is not true yet. Log this with :meth:`_log_state`.

        :param next_look: seconds until the next request; ``None`` if this process sends no other request.
        """
        self.answered(now, log)
        self._log_state(f"{self.kind} is not met yet", now, _due(";", next_look), log)

    def _log_state(self, line: str, now: float, following: str, log: Log, *, warns: bool = False) -> None:
        """Log a state when it changes. After that, log from time to time for how long it has not changed.

        :param following: what happens next, for the end of the line.
        :param warns: whether a person should check the state.
        """
        if line != self.line:
            self.line, self.line_since = line, now
            self.repeat_line = _Repetition.begun(now, self.chance)
            write = log.warning if warns else log.info
            write("%s%s", line, following)
        elif self.repeat_line is not None and self.repeat_line.is_due(now):
            unchanged = duration_in_words(now - self.line_since)
            log.info("%s, unchanged for %s%s", line, unchanged, following)

    def saw(self, snapshot: RunSnapshot, now: float) -> Verdict:
        """Record a response about the run, and return what to do next."""
        self._forget_failures()
        if snapshot.state is RunState.ABSENT:
            self.absences += 1
            if self.absent_since is None:
                self.absent_since = now
            # If the platform has returned the run before, this response may come from a proxy, or from a
            # platform that is still starting. So wait as long as in a long outage.
            grace = max(self.outage_budget, SEEN_ABSENT_SECONDS) if self.seen else ABSENT_SECONDS
            long_enough = now - self.absent_since >= grace
            return Verdict.LOST if long_enough and self.absences >= ABSENT_POLLS else Verdict.WAIT
        self.absent_since, self.absences = None, 0
        # UNLISTED means that the list was incomplete. It does not show whether the run exists.
        self.seen = self.seen or snapshot.state is not RunState.UNLISTED
        return Verdict.FINISHED if snapshot.state.is_final else Verdict.WAIT

    def answered(self, now: float, log: Log) -> None:
        """Record a good response. If the previous request failed, log that the platform answers again."""
        self.seen_at = now
        if self.failure is not None and self.failed_since is not None:
            log.info(
                "%s answers again, after %.0f s (failed requests: %d)",
                self.failure.platform or "The platform",
                now - self.failed_since,
                self.failures,
            )
        self._forget_failures()

    def _forget_failures(self) -> None:
        self.failing_since, self.failed_since, self.failure, self.is_known = None, None, None, False
        self.failures, self.refusals = 0, 0
        self.logged_failures = _NOTHING

    # --- a failed request ------------------------------------------------------------------------------

    def failed(self, error: ApiError, now: float) -> Verdict:
        """Record a failed request, and return what to do next. The run itself may still succeed."""
        too_large = isinstance(error, ReplyTooLargeError)
        self._compare(error, now)
        self.failures += 1
        self.failure = error
        if self.failed_since is None:
            self.failed_since = now
        if too_large:
            # The platform answers, but its list is too large now. The list may become shorter, so the wait
            # continues until the deadline.
            self.failing_since = None
            return Verdict.WAIT
        if isinstance(error, PermissionDeniedError) and error.locks_out:
            return Verdict.GIVE_UP
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            self.refusals += 1
            return Verdict.RECONNECT if self.refusals <= REFUSALS else Verdict.GIVE_UP
        # The platform has answered earlier requests. So a 404 now comes from a proxy, and the wait continues.
        if not (is_passing(error) or isinstance(error, NotFoundError | UnroutedError)):
            return Verdict.GIVE_UP
        if self.failing_since is None:
            self.failing_since = now
        return Verdict.WAIT if now - self.failing_since < self.outage_budget else Verdict.GIVE_UP

    def _compare(self, error: ApiError, now: float) -> None:
        """Record whether the log already contains a failure of the same kind as this failure."""
        if not self.logged_failures or self.repeat_failures is None:
            self.repeat_failures = _Repetition.begun(now, self.chance)
        elif self.repeat_failures.is_due(now):
            self.logged_failures = _NOTHING
        # Two kinds may alternate, such as 502 and 503. So compare with all logged kinds, not only the last.
        kind = (type(error), error.status)
        self.is_known = kind in self.logged_failures
        self.logged_failures |= {kind}

    def log_failure(self, verdict: Verdict, now: float, next_look: float | None, log: Log) -> None:
        """Log the last failure, what it means for the wait, and when the next request is due.

        If the log already contains a failure of the same kind, this method logs nothing. There are two
        exceptions: this failure ends the wait, or the task reads the connection again.

        :param next_look: seconds until the next request; ``None`` if this process sends no other request.
        """
        goes_on = f"{self.kind} {self.run_id} is not affected" if self.run_id else "the wait continues"
        if verdict is Verdict.GIVE_UP:
            log.warning("%s", self.failure)
        elif verdict is Verdict.RECONNECT:
            log.warning("%s; %s, and the task reads the connection again", self.failure, goes_on)
        elif not self.is_known:
            many = ""
            if self.failures > 1 and self.failed_since is not None:
                many = f"failed requests: {self.failures} in {duration_in_words(now - self.failed_since)}; "
            log.warning("%s; %s%s%s", self.failure, many, goes_on, _due(",", next_look))

    # --- the deadline ----------------------------------------------------------------------------------

    def timed_out(self, deadline: float) -> RunEvent:
        """Return the event of a wait that reached its deadline."""
        return RunEvent(ending=Ending.TIMEOUT, run_id=self.run_id, message=self.at_deadline(deadline))

    def at_deadline(self, deadline: float) -> str:
        """Return a message with the deadline, the last state and the last failure.

        :param deadline: seconds since the epoch.
        """
        return f"{deadline_in_words(deadline)} has passed{self._last_words}"

    def refused(self, deadline: float) -> str:
        """Return a message for a wait whose deadline comes before the credentials may be sent again."""
        when = deadline_in_words(deadline)
        return (
            f"the credentials were refused, and {when} comes before they may be sent again{self._last_words}"
        )

    @property
    def _last_words(self) -> str:
        words = f"; the last state was {self.last_state}" if self.last_state else ""
        return words if self.failure is None else f"{words}; the last request failed: {self.failure}"
