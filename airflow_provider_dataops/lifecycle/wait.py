"""Waiting for one run in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import ApiError
from airflow_provider_dataops.lifecycle.outcome import Ending, RunEvent
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress, failure_pause, interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.log import Log


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What is waited for, and how long.

    :param deadline: when the wait is over, seconds since the epoch.
    :param poll_interval: the longest interval between two looks, in seconds.
    """

    run_id: str
    deadline: float
    poll_interval: float
    tracker: WaitProgress
    clock: Clock
    log: Log

    def until_end(self, look: Callable[[str], Exchange[RunSnapshot]]) -> Exchange[RunEvent | None]:
        """Ask until the wait ends; ``None`` asks to read the connection again and go on with it."""
        while True:
            now = self.clock.monotonic()
            try:
                snapshot = yield from look(self.run_id)
            except ApiError as error:
                verdict = self.tracker.failed(error, now)
                self.log.warning("%s", error)
                if verdict is Verdict.RECONNECT:
                    return None
                if verdict is Verdict.GIVE_UP:
                    return unreachable(self.run_id, error)
                delay = failure_pause(self.tracker.failures, error, self.clock.random())
            else:
                event = judged(self.tracker, snapshot, now, self.log)
                if event is not None:
                    return event
                delay = interval(now - self.tracker.began, self.poll_interval, self.clock.random())
            left = self.deadline - self.clock.wall()
            if left <= 0:
                return timed_out(self.run_id, self.tracker, self.clock.monotonic())
            yield Pause(min(delay, left))


def judged(tracker: WaitProgress, snapshot: RunSnapshot, now: float, log: Log) -> RunEvent | None:
    """Return how the wait ends with this answer, if it does, and log what changed."""
    if tracker.is_news(snapshot):
        if snapshot.state is RunState.UNKNOWN:
            log.warning(
                "Run %s is in state %r, which this provider does not know; taken as running",
                snapshot.run_id,
                snapshot.raw_state,
            )
        else:
            log.info("Run %s: %s", snapshot.run_id, snapshot.raw_state or snapshot.state)
    match tracker.saw(snapshot, now):
        case Verdict.FINISHED:
            return RunEvent(ending=Ending.FINISHED, run_id=snapshot.run_id, snapshot=snapshot)
        case Verdict.LOST:
            return RunEvent(ending=Ending.LOST, run_id=snapshot.run_id, message=snapshot.raw_state)
        case _:
            return None


def unreachable(run_id: str, error: ApiError) -> RunEvent:
    """Return the event of a wait in which the platform can no longer be asked."""
    return RunEvent(ending=Ending.UNREACHABLE, run_id=run_id, message=str(error), permanent=error.locks_out)


def timed_out(run_id: str, tracker: WaitProgress, now: float) -> RunEvent:
    """Return the event of a wait whose time is over."""
    told = f"waited {now - tracker.began:.0f} s"
    if tracker.last_state:
        told += f", last seen {tracker.last_state}"
    return RunEvent(ending=Ending.TIMEOUT, run_id=run_id, message=told)
