"""Wait for one run on a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.core.retry import refusal_pause
from airflow_provider_dataops.errors import ApiError, AuthenticationError
from airflow_provider_dataops.lifecycle.deadlines import pause
from airflow_provider_dataops.lifecycle.events import RunEvent
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress, failure_pause, interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.run import RunSnapshot


def look_once(
    look: Callable[[], Exchange[RunSnapshot]], run: str, clock: Clock, deadline: float, log: Log
) -> Exchange[RunSnapshot]:
    """Return the run as it is now.

    If the platform refuses the credentials and more refusals may lock the account, pause. After the pause,
    send the same credentials once more.

    :param run: the noun and the id of the run, for messages.
    :param deadline: when this try must end, in seconds since the epoch.
    :raises RunTimeoutError: if the pause would end after the deadline.
    """
    try:
        return (yield from look())
    except AuthenticationError as error:
        if not error.locks_out:
            raise
        seconds = refusal_pause(clock.random())
        log.warning(
            "%s; %s is not affected; the credentials are sent once more in %.0f s", error, run, seconds
        )
    yield from pause(
        seconds, clock, deadline, f"the credentials were refused, and the state of {run} is not known"
    )
    return (yield from look())


@dataclass(frozen=True, kw_only=True)
class Wait:
    """How long to wait for a run, and how often to request its state.

    :param deadline: when the wait is over, in seconds since the epoch.
    :param poll_interval: the longest interval between two status requests, in seconds.
    """

    deadline: float
    poll_interval: float
    progress: WaitProgress
    clock: Clock
    log: Log

    def until_end(self, look: Callable[[], Exchange[RunSnapshot]]) -> Exchange[RunEvent | None]:
        """Return how the wait ended; ``None`` if the caller must read the connection again and continue."""
        progress = self.progress
        while True:
            try:
                snapshot = yield from look()
            except ApiError as error:
                now = self.clock.monotonic()
                verdict = progress.failed(error, now)
                delay = failure_pause(progress.failures, error, self.clock.random())
                progress.log_failure(verdict, now, min(delay, self._remaining), self.log)
                if verdict is Verdict.RECONNECT:
                    return None
                if verdict is Verdict.GIVE_UP:
                    return RunEvent.unreachable(progress.run_id, error)
            else:
                # Read the clock after the request, because the process may be frozen during the request.
                now = self.clock.monotonic()
                delay = interval(now - progress.began, self.poll_interval, self.clock.random())
                event = progress.ending(snapshot, now, min(delay, self._remaining), self.log)
                if event is not None:
                    return event
            remaining = self._remaining
            if remaining <= 0:
                return progress.timed_out(self.deadline)
            yield Pause(min(delay, remaining))

    @property
    def _remaining(self) -> float:
        """The seconds until the deadline."""
        return self.deadline - self.clock.wall()
