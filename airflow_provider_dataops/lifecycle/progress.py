"""What each answer about a run means for the one who waits for it. Arithmetic alone, no waiting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.retry import backoff, is_passing
from airflow_provider_dataops.core.run import RunSnapshot, RunState
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

#: Seconds for which a platform that does not answer is borne.
OUTAGE_BUDGET = 30 * 60.0
#: The first look comes after this many seconds, however long the interval is.
FIRST_INTERVAL = 2.0
#: A run is asked about each time it has grown older by this part.
GROWTH = 0.1
#: After a failure nobody asks again sooner than this, in seconds.
FAILURE_FLOOR = 1.0
#: How many answers in a row must lack a run that was never seen, beside the time that must pass, before it is
#: given up.
ABSENT_POLLS = 5
ABSENT_SECONDS = 60.0
#: Refusals in a row for which the credentials are read again before the wait is given up.
REFUSALS = 1


class Verdict(Enum):
    """What to do next."""

    WAIT = auto()
    #: The run ended.
    FINISHED = auto()
    #: The platform does not know the run any more.
    LOST = auto()
    #: The credentials were refused: read the connection again, then go on.
    RECONNECT = auto()
    #: Asking is of no use, or has been of none for too long.
    GIVE_UP = auto()


def interval(age: float, cap: float, chance: float) -> float:
    """Return the seconds until the next look.

    Short at first and longer as the run grows older, so that a run of ten seconds is seen at once and one of
    six hours is not asked about four thousand times; with a tenth of jitter.

    :param age: seconds since the wait began.
    :param cap: the longest interval.
    :param chance: a number from 0 up to 1.
    """
    return max(min(cap, FIRST_INTERVAL), min(cap, age * GROWTH)) * (0.9 + 0.2 * chance)


def failure_pause(failures: int, error: ApiError, chance: float) -> float:
    """Return the seconds until the next look after a failed one.

    A server that asks to be left alone is obeyed; jitter comes on top.
    """
    pause = FAILURE_FLOOR + backoff(failures, base=2.0, cap=60.0, chance=chance)
    return pause if error.retry_after is None else max(pause, error.retry_after + chance)


@dataclass
class WaitProgress:
    """One waiter's view of what it waits for.

    :param began: when the wait began, on the clock that is used in all calls.
    :param run_id: the run; empty for a condition.
    :param seen: whether the platform has shown the run, or has for an earlier try.
    """

    began: float
    run_id: str = ""
    seen: bool = False
    #: Since when the platform is away: no answer came, or one that is not its own.
    failing_since: float | None = None
    absent_since: float | None = None
    absences: int = 0
    refusals: int = 0
    last_state: str = ""
    #: How many looks failed since the last good one, since when, and why the last of them did.
    failures: int = 0
    failed_since: float | None = None
    failure: ApiError | None = None
    #: Whether the last failure was logged before, and another line would say the same.
    is_known: bool = False

    # --- a good look -----------------------------------------------------------------------------------

    def ending(self, snapshot: RunSnapshot, now: float, log: Log) -> RunEvent | None:
        """Return the event that this response ends the wait with, if it does. Log what changed."""
        self.answered(now, log)
        if self.is_news(snapshot):
            if snapshot.state is RunState.UNKNOWN:
                log.warning(
                    "Run %s is in state %r, which this provider does not know; taken as running",
                    snapshot.run_id,
                    snapshot.raw_state,
                )
            else:
                log.info("Run %s: %s", snapshot.run_id, snapshot.raw_state or snapshot.state)
        match self.saw(snapshot, now):
            case Verdict.FINISHED:
                return RunEvent.finished(snapshot)
            case Verdict.LOST:
                return RunEvent(ending=Ending.LOST, run_id=snapshot.run_id, message=snapshot.raw_state)
            case _:
                return None

    def saw(self, snapshot: RunSnapshot, now: float) -> Verdict:
        """Take an answer of the platform."""
        self._forget_failures()
        if snapshot.state is RunState.ABSENT:
            self.absences += 1
            if self.absent_since is None:
                self.absent_since = now
            # One that was seen is there: this is a proxy's answer, or that of a platform which is not up yet.
            grace = OUTAGE_BUDGET if self.seen else ABSENT_SECONDS
            long_enough = now - self.absent_since >= grace
            return Verdict.LOST if long_enough and self.absences >= ABSENT_POLLS else Verdict.WAIT
        self.absent_since, self.absences = None, 0
        # A list that leaves out runs shows nothing of this one.
        self.seen = self.seen or snapshot.state is not RunState.UNLISTED
        return Verdict.FINISHED if snapshot.state.is_final else Verdict.WAIT

    def answered(self, now: float, log: Log) -> None:
        """Take note that the platform answered. Log it if the looks before failed."""
        if self.failure is not None and self.failed_since is not None:
            log.info(
                "%s answers again, after %.0f s (failed looks: %d)",
                self.failure.platform or "The platform",
                now - self.failed_since,
                self.failures,
            )
        self._forget_failures()

    def _forget_failures(self) -> None:
        self.failing_since, self.failed_since, self.failure, self.is_known = None, None, None, False
        self.failures, self.refusals = 0, 0

    def is_news(self, snapshot: RunSnapshot) -> bool:
        """Tell whether the run's state is another than at the last answer."""
        state = snapshot.raw_state or str(snapshot.state)
        if state == self.last_state:
            return False
        self.last_state = state
        return True

    # --- a failed look ---------------------------------------------------------------------------------

    def failed(self, error: ApiError, now: float) -> Verdict:
        """Take a failure to ask: that is not a failed run."""
        too_large = isinstance(error, ReplyTooLargeError)
        self.is_known = too_large and isinstance(self.failure, ReplyTooLargeError)
        self.failures += 1
        self.failure = error
        if self.failed_since is None:
            self.failed_since = now
        if too_large:
            # The platform answers, and a list may become shorter: this is borne until the deadline.
            self.failing_since = None
            return Verdict.WAIT
        if isinstance(error, PermissionDeniedError) and error.locks_out:
            return Verdict.GIVE_UP
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            self.refusals += 1
            return Verdict.RECONNECT if self.refusals <= REFUSALS else Verdict.GIVE_UP
        # Whoever waits has been answered before: a 404 comes from a proxy while the platform is away.
        if not (is_passing(error) or isinstance(error, NotFoundError | UnroutedError)):
            return Verdict.GIVE_UP
        if self.failing_since is None:
            self.failing_since = now
        return Verdict.WAIT if now - self.failing_since < OUTAGE_BUDGET else Verdict.GIVE_UP

    def log_failure(self, verdict: Verdict, next_look: float, log: Log) -> None:
        """Log the last failure, what it means for the wait, and when the next look is due.

        :param next_look: in so many seconds.
        """
        goes_on = f"run {self.run_id} is not affected" if self.run_id else "the wait goes on"
        if verdict is Verdict.GIVE_UP:
            log.warning("%s", self.failure)
        elif verdict is Verdict.RECONNECT:
            log.warning("%s; %s, the connection is read again", self.failure, goes_on)
        elif not self.is_known:
            log.warning("%s; %s, the next look is due in %.0f s", self.failure, goes_on, max(0.0, next_look))

    # --- the deadline ----------------------------------------------------------------------------------

    def timed_out(self, deadline: float) -> RunEvent:
        """Return the event of a wait for a run whose time is over."""
        return RunEvent(ending=Ending.TIMEOUT, run_id=self.run_id, message=self.at_deadline(deadline))

    def at_deadline(self, deadline: float) -> str:
        """Return what is known when the time is over. A trigger may have begun long after the wait did.

        :param deadline: seconds since the epoch.
        """
        return f"{deadline_in_words(deadline)} has passed{self._last_words}"

    def refused(self, deadline: float) -> str:
        """Return what is known if the deadline comes before refused credentials may be sent once more."""
        when = deadline_in_words(deadline)
        return (
            f"the credentials were refused, and {when} comes before they may be sent again{self._last_words}"
        )

    @property
    def _last_words(self) -> str:
        words = f"; last seen {self.last_state}" if self.last_state else ""
        return words if self.failure is None else f"{words}; the last look failed: {self.failure}"
