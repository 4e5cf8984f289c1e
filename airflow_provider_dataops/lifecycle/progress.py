"""Decide after each response whether a wait continues. This module only decides: it never waits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.options import Options
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

#: At first, status requests are this many seconds apart, even if ``poll_interval`` is longer.
FIRST_INTERVAL = 2.0
#: Later, the interval is this fraction of the time since the wait began, but at most ``poll_interval``.
GROWTH = 0.1
#: The shortest pause after a failed request, in seconds.
FAILURE_FLOOR = 1.0
#: A run that the platform never returned counts as lost after ``ABSENT_POLLS`` responses in a row without the
#: run, but not before ``ABSENT_SECONDS``.
ABSENT_POLLS = 5
ABSENT_SECONDS = 60.0
#: After this many refusals of the credentials in a row, the task reads the connection again. One more refusal
#: ends the wait.
REFUSALS = 1


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


def interval(age: float, cap: float, chance: float) -> float:
    """Return the seconds until the next status request, with 10 % jitter.

    The interval grows with the length of the wait. So the end of a short run is seen soon, and a run of six
    hours does not cost thousands of requests.

    :param age: seconds since the wait began.
    :param cap: the longest interval, in seconds, before jitter.
    :param chance: a number from 0 up to 1.
    """
    return max(min(cap, FIRST_INTERVAL), min(cap, age * GROWTH)) * (0.9 + 0.2 * chance)


def failure_pause(failures: int, error: ApiError, chance: float) -> float:
    """Return the seconds to pause after a failed request, with jitter: at least the ``Retry-After``."""
    pause = FAILURE_FLOOR + backoff(failures, base=2.0, cap=60.0, chance=chance)
    return pause if error.retry_after is None else max(pause, error.retry_after + chance)


@dataclass
class WaitProgress:
    """What one waiting task or trigger knows about its run or condition.

    :param began: when the wait began. All times come from one clock, in seconds.
    :param run_id: the platform's id of the run; empty for a condition.
    :param kind: the platform and its noun for a run, for the log: ``Tamr job``.
    :param seen: whether the platform has returned the run before, to this try or an earlier one.
    :param outage_budget: for this many seconds, the wait continues although the platform does not answer.
    """

    began: float
    run_id: str = ""
    kind: str = "run"
    seen: bool = False
    outage_budget: float = Options.outage_budget
    #: When the outage began. In an outage, no response arrives, or something else responds for the platform.
    failing_since: float | None = None
    absent_since: float | None = None
    absences: int = 0
    refusals: int = 0
    last_state: str = ""
    #: How many requests failed since the last good response, when the first one failed, and the last error.
    failures: int = 0
    failed_since: float | None = None
    failure: ApiError | None = None
    #: Whether the log already contains this failure.
    is_known: bool = False

    # --- a good response -------------------------------------------------------------------------------

    def ending(self, snapshot: RunSnapshot, now: float, log: Log) -> RunEvent | None:
        """Return how the wait ended, ``None`` if it continues. Log a change of state."""
        self.answered(now, log)
        if self.is_news(snapshot):
            if snapshot.state is RunState.UNKNOWN:
                log.warning(
                    "%s %s has the state %r, which this provider does not know; the wait continues",
                    self.kind,
                    snapshot.run_id,
                    snapshot.raw_state,
                )
            elif snapshot.state is RunState.ABSENT:
                how = "no longer listed" if self.seen else "not listed yet"
                log.info("%s %s is %s", self.kind, snapshot.run_id, how)
            else:
                log.info("%s %s is %s", self.kind, snapshot.run_id, snapshot.raw_state or snapshot.state)
        match self.saw(snapshot, now):
            case Verdict.FINISHED:
                return RunEvent.finished(snapshot)
            case Verdict.LOST:
                return RunEvent(ending=Ending.LOST, run_id=snapshot.run_id, message=snapshot.raw_state)
            case _:
                return None

    def saw(self, snapshot: RunSnapshot, now: float) -> Verdict:
        """Record a response about the run, and return what to do next."""
        self._forget_failures()
        if snapshot.state is RunState.ABSENT:
            self.absences += 1
            if self.absent_since is None:
                self.absent_since = now
            # If the platform has returned the run before, this response may come from a proxy, or from a
            # platform that is still starting. So wait as long as in an outage.
            grace = self.outage_budget if self.seen else ABSENT_SECONDS
            long_enough = now - self.absent_since >= grace
            return Verdict.LOST if long_enough and self.absences >= ABSENT_POLLS else Verdict.WAIT
        self.absent_since, self.absences = None, 0
        # UNLISTED means that the list was incomplete. It does not show whether the run exists.
        self.seen = self.seen or snapshot.state is not RunState.UNLISTED
        return Verdict.FINISHED if snapshot.state.is_final else Verdict.WAIT

    def answered(self, now: float, log: Log) -> None:
        """Record that the platform answered. If the last request failed, log that it answers again."""
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

    def is_news(self, snapshot: RunSnapshot) -> bool:
        """Return whether the run's state has changed since the last response. Record the state."""
        state = snapshot.raw_state or str(snapshot.state)
        if state == self.last_state:
            return False
        self.last_state = state
        return True

    # --- a failed request ------------------------------------------------------------------------------

    def failed(self, error: ApiError, now: float) -> Verdict:
        """Record a failed request, and return what to do next. The run itself may still succeed."""
        too_large = isinstance(error, ReplyTooLargeError)
        self.is_known = too_large and isinstance(self.failure, ReplyTooLargeError)
        self.failures += 1
        self.failure = error
        if self.failed_since is None:
            self.failed_since = now
        if too_large:
            # The platform answers, and the list may become shorter. So the wait continues until the deadline.
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

    def log_failure(self, verdict: Verdict, next_look: float, log: Log) -> None:
        """Log the last failure, what it means for the wait, and when the next request is due.

        :param next_look: seconds until the next request.
        """
        goes_on = f"{self.kind} {self.run_id} is not affected" if self.run_id else "the wait continues"
        if verdict is Verdict.GIVE_UP:
            log.warning("%s", self.failure)
        elif verdict is Verdict.RECONNECT:
            log.warning("%s; %s, the task reads the connection again", self.failure, goes_on)
        elif not self.is_known:
            log.warning(
                "%s; %s, the next request is due in %.0f s", self.failure, goes_on, max(0.0, next_look)
            )

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
        """Return a message for a wait whose deadline comes before refused credentials may be sent again."""
        when = deadline_in_words(deadline)
        return (
            f"the credentials were refused, and {when} comes before they may be sent again{self._last_words}"
        )

    @property
    def _last_words(self) -> str:
        words = f"; the last state was {self.last_state}" if self.last_state else ""
        return words if self.failure is None else f"{words}; the last request failed: {self.failure}"
