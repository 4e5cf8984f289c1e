"""Waiting for one run in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.errors import ApiError
from airflow_provider_dataops.lifecycle.events import RunEvent
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress, failure_pause, interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.run import RunSnapshot


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What is waited for, and how long.

    :param deadline: when the wait is over, seconds since the epoch.
    :param poll_interval: the longest interval between two looks, in seconds.
    """

    run_id: str
    deadline: float
    poll_interval: float
    progress: WaitProgress
    clock: Clock
    log: Log

    def until_end(self, look: Callable[[], Exchange[RunSnapshot]]) -> Exchange[RunEvent | None]:
        """Ask until the wait ends; ``None`` asks to read the connection again and go on with it."""
        while True:
            now = self.clock.monotonic()
            try:
                snapshot = yield from look()
            except ApiError as error:
                if not self.progress.is_known(error):
                    self.log.warning("%s", error)
                verdict = self.progress.failed(error, now)
                if verdict is Verdict.RECONNECT:
                    return None
                if verdict is Verdict.GIVE_UP:
                    return RunEvent.unreachable(self.run_id, error)
                delay = failure_pause(self.progress.failures, error, self.clock.random())
            else:
                event = self.progress.ending(snapshot, now, self.log)
                if event is not None:
                    return event
                delay = interval(now - self.progress.began, self.poll_interval, self.clock.random())
            remaining = self.deadline - self.clock.wall()
            if remaining <= 0:
                return self.progress.timed_out(self.run_id, self.clock.monotonic())
            yield Pause(min(delay, remaining))
