"""One poller reads all runs of a group, such as a pipeline or a tenant, for all waiting triggers."""

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

#: A poll also reads the runs that are due within this many seconds.
TOGETHER = 0.25

#: If the list cannot be read, the poller requests the list again after this many seconds.
LIST_AGAIN = 60.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Subscription:
    """A trigger that waits for one run.

    :param watch: describes the run to wait for, and how to read it.
    :param key: the key of the run in the result of :meth:`.RunWatch.sweep`, which reads the whole group.
    :param poll_interval: the longest time between two polls, in seconds.
    :param began: when the wait began. The longer the wait, the longer the time between two polls.
    :param due: when to read the run next.
    :param failures: how many requests for this run failed since the last good response.
    :param answers: the queue of the results for this trigger. ``None`` means that the poller has ended.
    """

    watch: RunWatch
    key: str
    poll_interval: float
    began: float
    due: float
    failures: int = 0
    answers: asyncio.Queue[RunSnapshot | DataOpsError | None] = field(default_factory=asyncio.Queue)


class Poller:
    """Reads the runs of one group, and passes each result to the triggers that wait for it."""

    def __init__(self, connection: SharedConnection, group: str) -> None:
        self._connection = connection
        self.group = group
        self._subscriptions: set[Subscription] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._listed: set[str] = set()
        #: When to request the list again; 0 while the list can be read.
        self._list_at = 0.0
        self._looks: dict[str, asyncio.Task[None]] = {}

    def subscribe(self, watch: RunWatch, poll_interval: float) -> Subscription:
        """Start polling a run. Return the subscription, whose queue gets the results."""
        clock = self._connection.driver.clock
        now = clock.monotonic()
        subscription = Subscription(
            watch, watch.key, poll_interval, began=now, due=now + interval(0.0, poll_interval, clock.random())
        )
        self._subscriptions.add(subscription)
        self._changed.set()
        if self._task is None or self._task.done():
            # Use an empty context. Otherwise the poller would write its lines into the log of the first
            # trigger's task.
            self._task = asyncio.get_running_loop().create_task(
                self._poll(), name=f"poller {self.group}", context=contextvars.Context()
            )
            self._task.add_done_callback(self._wake_all)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """End a subscription, because its trigger no longer waits."""
        self._subscriptions.discard(subscription)
        self._changed.set()

    @property
    def is_idle(self) -> bool:
        """Whether no trigger waits for a run of this group any more."""
        return not self._subscriptions

    def stop(self) -> None:
        """Stop the poller. It may have ended already."""
        if self._task is not None:
            self._task.remove_done_callback(self._wake_all)
            self._task.cancel()
            self._task = None
        for look in self._looks.values():
            look.cancel()

    def _wake_all(self, task: asyncio.Task[None]) -> None:
        """Wake all triggers with the poller's error, or with ``None`` if they can subscribe again."""
        error = None if task.cancelled() else task.exception()
        answer = error if isinstance(error, DataOpsError) else None
        if error is not None and answer is None:
            log.error("The poller of %s ended with an error: %r", self.group, error, exc_info=error)
        for subscription in self._subscriptions:
            subscription.answers.put_nowait(answer)

    async def _poll(self) -> None:
        clock = self._connection.driver.clock
        pause = 0.0
        while True:
            self._changed.clear()
            now = clock.monotonic()
            # Leave out the runs that are being read one by one. Such a run is due again only after its
            # response.
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
        """Wait for some seconds, or until the subscriptions change. Return whether they stayed the same."""
        try:
            # Do not use wait_for: in Python 3.11 it ignores a cancellation that comes at the same time as the
            # event.
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False

    async def _ask(self) -> float:
        """Read the runs that are due. Return the seconds to pause: 0, or more after a failure."""
        asked = set(self._subscriptions)
        now = self._connection.driver.clock.monotonic()
        watches = {s.key: s.watch for s in asked}
        due = {s.key for s in asked if s.due <= now + TOGETHER}
        # All watches of a group can request the same list, so take any of them.
        one = next(iter(watches.values()))
        answered: set[str] = set()
        if one.sweeps and now >= self._list_at:
            answers: dict[str, RunSnapshot | ApiError] = {}
            pairs, limit = list(watches.items()), one.sweep_limit or len(watches)
            try:
                for start in range(0, len(pairs), limit):
                    sweep = one.sweep(self._connection.api, dict(pairs[start : start + limit]))
                    answers.update(await self._connection.ask(sweep, self.group))
            except ApiError as error:
                # If the login failed, do not read the runs one by one: each of these requests would try to
                # log in again.
                is_about_list = is_about_request(error) and not self._connection.api.needs_login()
                if not (one.looks_singly and is_about_list):
                    return self._all_failed(asked, error)
                if not self._list_at:
                    log.warning("%s; the runs of %s are read one by one", error, self.group)
                self._list_at = now + LIST_AGAIN
            else:
                self._failures, self._list_at = 0, 0.0
                self._hand_out(asked, answers)
                answered = set(answers)
                # A run that is no longer in the list has probably ended, so read it alone now.
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
        """Pass the results to the triggers that still wait.

        :param asked: the subscriptions that existed when the request was sent. Newer ones get no result.
        :param answers: the results, by the key of the run.
        """
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
        """Pass an error to the triggers that still wait. Return the seconds until the next request."""
        clock = self._connection.driver.clock
        self._failures += 1
        pause = failure_pause(self._failures, error, clock.random())
        now = clock.monotonic()
        for subscription in asked & self._subscriptions:
            subscription.due = now + pause
            subscription.answers.put_nowait(error)
        return pause

    async def _look(self, key: str, watch: RunWatch, asked: set[Subscription]) -> None:
        """Read one run in its own asyncio task, so that it delays no other run. Pass on the result."""
        answer: RunSnapshot | DataOpsError | None = None
        try:
            answer = await self._connection.ask(watch.look(self._connection.api), self.group)
        except DataOpsError as error:
            answer = error
        except Exception:
            log.exception("Reading %s of %s failed", key, self.group)
        finally:
            del self._looks[key]
        self._hand_out(asked, {key: answer})
        self._changed.set()


def poller_for(connection: SharedConnection, watch: RunWatch) -> Poller:
    """Return the poller of a group, which all triggers of the connection share.

    :param watch: any watch of the group.
    """
    group = watch.group
    if group not in connection.pollers:
        connection.pollers[group] = Poller(connection, group)
    return connection.pollers[group]


def release(connection: SharedConnection, poller: Poller) -> None:
    """Stop the poller if no trigger waits for a run of its group any more."""
    if poller.is_idle and connection.pollers.get(poller.group) is poller:
        connection.pollers.pop(poller.group)
        poller.stop()
