"""One poller for all runs of a group: a pipeline, a tenant. It asks once for everybody who waits."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.retry import is_about_request
from airflow_provider_dataops.errors import ApiError, DataOpsError
from airflow_provider_dataops.lifecycle.progress import failure_pause, interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.polling.connections import SharedConnection

#: Runs that come due within this time are asked about together, in seconds.
TOGETHER = 0.25

#: A list that was refused, or could not be read, is asked for again after this time, in seconds.
LIST_AGAIN = 60.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Subscription:
    """One waiter for one run.

    :param key: what the group's sweep knows the run by.
    :param began: when the wait began; the interval grows from there.
    :param due: when the run is to be asked about next.
    :param failures: how many looks at this run failed in a row.
    """

    watch: RunWatch
    key: str
    poll_interval: float
    began: float
    due: float
    failures: int = 0
    answers: asyncio.Queue[RunSnapshot | DataOpsError | None] = field(default_factory=asyncio.Queue)


class Poller:
    """Asks about the runs of one group, and hands each answer to those who wait for it."""

    def __init__(self, connection: SharedConnection, group: str) -> None:
        self._connection = connection
        self.group = group
        self._subscriptions: set[Subscription] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._listed: set[str] = set()
        #: When to ask for the list again; 0 while it can be used.
        self._list_at = 0.0
        self._looks: dict[str, asyncio.Task[None]] = {}

    def subscribe(self, watch: RunWatch, poll_interval: float) -> Subscription:
        """Have a run asked about from now on."""
        clock = self._connection.driver.clock
        now = clock.monotonic()
        subscription = Subscription(
            watch, watch.key, poll_interval, began=now, due=now + interval(0.0, poll_interval, clock.random())
        )
        self._subscriptions.add(subscription)
        self._changed.set()
        if self._task is None or self._task.done():
            # In an empty context, else its lines would go to the log of the task that came first.
            self._task = asyncio.get_running_loop().create_task(
                self._poll(), name=f"poller {self.group}", context=contextvars.Context()
            )
            self._task.add_done_callback(self._wake_all)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Stop asking about a run for this waiter."""
        self._subscriptions.discard(subscription)
        self._changed.set()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits any more."""
        return not self._subscriptions

    def stop(self) -> None:
        """End the poller; it may be dead already."""
        if self._task is not None:
            self._task.remove_done_callback(self._wake_all)
            self._task.cancel()
            self._task = None
        for look in self._looks.values():
            look.cancel()

    def _wake_all(self, task: asyncio.Task[None]) -> None:
        """Tell all waiters that the poller died: what it died of, or that each may subscribe again."""
        error = None if task.cancelled() else task.exception()
        answer = error if isinstance(error, DataOpsError) else None
        if error is not None and answer is None:
            log.error("The poller of %s died: %r", self.group, error, exc_info=error)
        for subscription in self._subscriptions:
            subscription.answers.put_nowait(answer)

    async def _poll(self) -> None:
        clock = self._connection.driver.clock
        pause = 0.0
        while True:
            self._changed.clear()
            now = clock.monotonic()
            # One that is being looked at is due again once it was answered.
            first = min((s.due for s in self._subscriptions if s.key not in self._looks), default=None)
            if first is None:
                await self._changed.wait()
                continue
            wait = max(pause, first - now)
            if wait > 0:
                pause = 0.0 if await self._slept(wait) else max(0.0, pause - (clock.monotonic() - now))
                continue
            pause = await self._ask()

    async def _slept(self, seconds: float) -> bool:
        """Wait; False if the subscriptions changed meanwhile."""
        try:
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False

    async def _ask(self) -> float:
        """Ask about the runs that are due, and return a pause that a failure makes necessary."""
        asked = set(self._subscriptions)
        now = self._connection.driver.clock.monotonic()
        watches = {s.key: s.watch for s in asked}
        due = {s.key for s in asked if s.due <= now + TOGETHER}
        # Any one of the group sweeps for all of them.
        one = next(iter(watches.values()))
        answered: set[str] = set()
        if one.sweeps and now >= self._list_at:
            sweep = one.sweep(self._connection.api, frozenset(watches))
            try:
                answers = await self._connection.ask(sweep, self.group)
            except ApiError as error:
                # Without credentials the list was not asked for: each look would try to log in again.
                is_about_list = is_about_request(error) and not self._connection.api.needs_login()
                if not (one.looks_singly and is_about_list):
                    return self._all_failed(asked, error)
                if not self._list_at:
                    log.warning("%s; the runs of %s are asked about one by one", error, self.group)
                self._list_at = now + LIST_AGAIN
            else:
                self._failures, self._list_at = 0, 0.0
                self._hand_out(asked, answers)
                answered = set(answers)
                # What has left the list has most likely ended.
                due |= self._listed - answered
                self._listed = answered
        for key in sorted((due & watches.keys()) - answered - self._looks.keys()):
            self._looks[key] = asyncio.get_running_loop().create_task(
                self._look(key, watches[key], asked), name=f"poller {self.group}: {key}"
            )
        return 0.0

    def _hand_out(
        self, asked: set[Subscription], answers: Mapping[str, RunSnapshot | DataOpsError | None]
    ) -> None:
        """Give each answer to those who waited for it when it was asked for, and who still do."""
        clock = self._connection.driver.clock
        now = clock.monotonic()
        for subscription in asked & self._subscriptions:
            if subscription.key not in answers:
                continue
            answer = answers[subscription.key]
            if isinstance(answer, ApiError):
                subscription.failures += 1
                delay = failure_pause(subscription.failures, answer, clock.random())
            else:
                subscription.failures = 0
                delay = interval(now - subscription.began, subscription.poll_interval, clock.random())
            subscription.due = now + delay
            subscription.answers.put_nowait(answer)

    def _all_failed(self, asked: set[Subscription], error: ApiError) -> float:
        """Give a failure to all who wait, and return the pause that it makes necessary."""
        clock = self._connection.driver.clock
        self._failures += 1
        pause = failure_pause(self._failures, error, clock.random())
        now = clock.monotonic()
        for subscription in asked & self._subscriptions:
            subscription.due = now + pause
            subscription.answers.put_nowait(error)
        return pause

    async def _look(self, key: str, watch: RunWatch, asked: set[Subscription]) -> None:
        """Look at one run. Nobody waits for another run's answer, and its failure is its own."""
        answer: RunSnapshot | DataOpsError | None = None
        try:
            answer = await self._connection.ask(watch.look(self._connection.api), self.group)
        except DataOpsError as error:
            answer = error
        except Exception:
            log.exception("Asking about %s of %s failed", key, self.group)
        finally:
            del self._looks[key]
        self._hand_out(asked, {key: answer})
        self._changed.set()


def poller_for(connection: SharedConnection, watch: RunWatch) -> Poller:
    """Return the poller of a group, which all of the connection's triggers share."""
    group = watch.group
    if group not in connection.pollers:
        connection.pollers[group] = Poller(connection, group)
    return connection.pollers[group]


def release(connection: SharedConnection, poller: Poller) -> None:
    """End a group's poller once nobody waits any more."""
    if poller.is_idle and connection.pollers.get(poller.group) is poller:
        connection.pollers.pop(poller.group)
        poller.stop()
