"""One poller reads all runs of a group, such as a pipeline or a tenant, for all waiting triggers."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.core.listing import EntryCache
from airflow_provider_dataops.core.metrics import Poll
from airflow_provider_dataops.core.retry import is_about_request, is_passing
from airflow_provider_dataops.errors import ApiError, DataOpsError, ReplyTooLargeError
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.lifecycle.progress import failure_pause, interval
from airflow_provider_dataops.polling.lateness import Lateness
from airflow_provider_dataops.polling.schedule import Schedule
from airflow_provider_dataops.polling.subscriptions import Signal, Subscription
from airflow_provider_dataops.transport.gate import OPENS_AFTER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from airflow_provider_dataops.core.http import Exchange, Step
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.polling.connections import SharedConnection
    from airflow_provider_dataops.polling.lanes import Lane
    from airflow_provider_dataops.polling.schedule import TrackedRun

    Answers = Mapping[str, RunSnapshot | DataOpsError | Signal]

T = TypeVar("T")

#: A list poll also concerns the runs that are due within this many seconds.
TOGETHER = 0.25
#: Requests that are due within this many seconds are sent together, so that the poller wakes less often.
SOON = 0.01
#: If the list cannot be read, the poller requests the list again after this many seconds.
LIST_AGAIN = 60.0
#: Young runs that are read one by one cause at most this many requests a second together. With more runs, the
#: first intervals are longer than :data:`.FIRST_INTERVAL`, but never longer than ``poll_interval``.
YOUNG_PER_SECOND = 100
#: The same for the entries of lists, up to an interval of ``YOUNG_LISTED`` seconds. With a longer interval, a
#: list of 10,000 runs contains so many new ends that the last of them waits for seconds.
YOUNG_LISTED_PER_SECOND, YOUNG_LISTED = 600, 2.5
#: After this many runs, the poller lets others continue. A woken trigger counts as ``WAKING`` runs.
SLICE, WAKING = 200, 20

log = logging.getLogger(__name__)


class Poller:
    """Reads the runs of one group, and passes each result to the triggers that wait for it.

    If the platform can list runs, a request reads all runs of the group, or as many as the platform allows.
    Otherwise, a request reads one run. Several requests can be under way at the same time, but only one list
    of all runs.
    """

    def __init__(self, connection: SharedConnection, group: str) -> None:
        self.connection = connection
        self.group = group
        self._schedule = Schedule()
        self._changed = asyncio.Event()
        self._sleeps_until = math.inf
        self._task: asyncio.Task[None] | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._is_listing = False
        self._listed_at = -math.inf
        #: When the list failed first since its last success.
        self._failing_since: float | None = None
        #: When to request the list again; 0 while the list can be read.
        self._list_at = 0.0
        #: No request is sent before this time, because a list could not be read.
        self._quiet_until = 0.0
        self._entries: EntryCache[Any] = EntryCache()
        #: One request for a list covers at most this many runs. A response that was too large halves it.
        self._list_size = sys.maxsize
        self._lateness = Lateness(connection, group)

    # --- the triggers ----------------------------------------------------------------------------------

    def subscribe(
        self, watch: RunWatch, poll_interval: float, *, pause: float = 0.0, seconds: float = math.inf
    ) -> Subscription:
        """Start polling a run. Return the subscription, whose queue gets the results.

        :param pause: the run is not due before this many seconds have passed.
        :param seconds: after this many seconds, the queue gets :attr:`.Signal.DEADLINE`.
        """
        clock = self.connection.driver.clock
        now = clock.monotonic()
        subscription = Subscription(watch, poll_interval, began=now)
        self.connection.waits += 1
        # Triggers that start together, such as after a restart, are spread over the interval.
        first = interval(0.0, poll_interval, 0.5, shortest=self._shortest_interval(watch))
        spread = clock.random() * first
        self._schedule.add(subscription, now + pause + spread)
        if seconds < math.inf:
            self.connection.deadlines.set(subscription, seconds)
        if now + pause + spread < self._sleeps_until:
            self._changed.set()
        if self._task is None or self._task.done():
            # Use an empty context. Otherwise the poller would write into the log of the first trigger's task.
            self._task = asyncio.get_running_loop().create_task(
                self._poll(), name=f"poller {self.group}", context=contextvars.Context()
            )
            self._task.add_done_callback(self._wake_all)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """End a subscription, because its trigger no longer waits. The last one stops the poller."""
        self.connection.waits -= 1
        self.connection.deadlines.remove(subscription)
        self._schedule.remove(subscription)
        if not self._schedule.runs and self.connection.pollers.get(self.group) is self:
            del self.connection.pollers[self.group]
            self.stop()

    def next_look(self, subscription: Subscription) -> float:
        """Return in how many seconds the run of a subscription will probably be read next."""
        now = self.connection.driver.clock.monotonic()
        return max(subscription.run.due - now + self._lateness.last, self.connection.gate.opens_in(now))

    def stop(self) -> None:
        """Stop the poller. It may have ended already."""
        if self._task is not None:
            self._task.remove_done_callback(self._wake_all)
            self._task.cancel()
            self._task = None
        for request in self._requests:
            request.cancel()

    def _wake_all(self, task: asyncio.Task[None]) -> None:
        """Wake all triggers, because the poller has ended with an error. They can subscribe again."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("The poller of %s ended with an error: %r", self.group, error, exc_info=error)
        now = self.connection.driver.clock.monotonic()
        for run in self._schedule.runs.values():
            for subscription in run.subscriptions:
                subscription.deliver(Signal.POLLING_FAILED, now)

    # --- requests --------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        clock = self.connection.driver.clock
        while True:
            self._changed.clear()
            wait = self._next_request_in(clock.monotonic())
            if wait > SOON:
                await self._sleep(wait)
                continue
            # Choose the runs when the lane is free. Until then, other runs may have become more urgent.
            lane = await self.connection.turn(self.group)
            now = clock.monotonic()
            if self._next_request_in(now) > SOON:
                lane.release()
                continue
            request = asyncio.get_running_loop().create_task(self._next_request(lane, now))
            self._requests.add(request)
            request.add_done_callback(partial(self._ended, lane))

    def _ended(self, lane: Lane, request: asyncio.Task[None]) -> None:
        # A request that is cancelled before its first step does not free its lane.
        lane.release()
        self._requests.discard(request)
        now = self.connection.driver.clock.monotonic()
        if now + self._next_request_in(now) < self._sleeps_until:
            self._changed.set()

    def _next_request_in(self, now: float) -> float:
        """Return the seconds until the next request is due; 0 or less for now, ``inf`` if none is due."""
        if self._schedule.next_alone() is not None:
            return 0.0
        run = self._schedule.next_due()
        if run is None:
            return math.inf
        due = max(run.due, self._quiet_until)
        if self._is_in_list(run, now) and self._list_limit(run) is None:
            due = math.inf if self._is_listing else max(due, self._listed_at + progress.FIRST_INTERVAL / 2)
        return due - now

    def _is_in_list(self, run: TrackedRun, now: float) -> bool:
        """Return whether to read a run from the list. A run that the list did not contain is read alone."""
        return run.watch.sweeps and now >= self._list_at and now - run.missed_at >= progress.FIRST_INTERVAL

    def _list_limit(self, run: TrackedRun) -> int | None:
        limit = run.watch.sweep_limit
        return limit if limit is None else min(limit, self._list_size)

    async def _sleep(self, seconds: float) -> None:
        """Wait for some seconds, or until the subscriptions change or a request ends."""
        self._sleeps_until = self.connection.driver.clock.monotonic() + seconds
        if math.isinf(seconds):
            await self._changed.wait()
        else:
            timer = asyncio.get_running_loop().call_later(seconds, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                timer.cancel()

    def _next_request(self, lane: Lane, now: float) -> Coroutine[Any, Any, None]:
        """Take the runs of the next request out of the schedule, and return the request."""
        if self._schedule.next_alone() is not None:
            return self._look(lane, self._schedule.take_alone())
        run = self._schedule.next_due()
        if run is None:
            raise RuntimeError("no run is due")
        self._lateness.note(run, now)
        if not self._is_in_list(run, now):
            (run,) = self._schedule.take_due(1)
            return self._look(lane, run)
        limit = self._list_limit(run)
        if limit is None:
            self._is_listing = True
        return self._read_list(lane, self._schedule.take_due(limit), is_whole=limit is None)

    async def _read_list(self, lane: Lane, runs: list[TrackedRun], *, is_whole: bool) -> None:
        """Read the list, and pass on its results. Runs that are not in the list are read alone."""
        watches = {run.key: run.watch for run in runs}
        self._entries.trim(len(self._schedule.runs))
        # All watches of a group can request the same list, so take any of them.
        sweep = runs[0].watch.sweep(self.connection.api, watches, self._entries)
        try:
            answers = await self._listed(sweep, lane)
        except ApiError as error:
            await self._list_failed(runs, error, is_whole=is_whole)
        except DataOpsError as error:
            await self._hand_out(runs, dict.fromkeys(watches, error))
        except Exception:
            log.exception("Reading the list of %s failed", self.group)
            await self._hand_out(runs, dict.fromkeys(watches, Signal.POLLING_FAILED))
        else:
            now = self.connection.driver.clock.monotonic()
            self._list_at, self._listed_at, self._failing_since = 0.0, now, None
            missed = [run for run in runs if run.key not in answers]
            for run in missed:
                run.missed_at = now
            # A list that was too large may have been an exception, so try a larger one again.
            self._list_size += 1
            # A run that is no longer in the list has probably ended, so read it alone now.
            alone = [run for run in missed if run.listed or run.due <= now + TOGETHER]
            for run in runs:
                run.listed = run.key in answers
            await self._hand_out(runs, answers)
            self._schedule.read_alone(alone)
        finally:
            self._is_listing = self._is_listing and not is_whole

    async def _listed(self, sweep: Exchange[Answers], lane: Lane) -> Answers:
        """Read a list. If this takes no request, do not report it to the gate as a good response."""
        try:
            first = next(sweep)
        except StopIteration as ended:
            answers: Answers = ended.value
            return answers
        return await self.connection.send(_resumed(sweep, first), lane, Poll.LIST)

    async def _look(self, lane: Lane, run: TrackedRun) -> None:
        """Read one run alone, and pass on the result."""
        answer: RunSnapshot | DataOpsError | Signal
        try:
            answer = await self.connection.send(run.watch.look(self.connection.api), lane, Poll.RUN)
        except DataOpsError as error:
            answer = error
        except Exception:
            log.exception("Reading %s of %s failed", run.key, self.group)
            answer = Signal.POLLING_FAILED
        await self._hand_out([run], {run.key: answer})

    # --- results ---------------------------------------------------------------------------------------

    async def _hand_out(self, runs: list[TrackedRun], answers: Answers) -> None:
        """Pass the results to the triggers that still wait, and plan when to read each run next.

        :param runs: the runs of the request.
        :param answers: the results, by the key of the run.
        """
        clock = self.connection.driver.clock
        shortest = self._shortest_interval(runs[0].watch)

        def delay(run: TrackedRun, now: float) -> float:
            answer = answers.get(run.key)
            if isinstance(answer, ApiError):
                run.failures += 1
                return failure_pause(run.failures, answer, clock.random())
            if answer is not None:
                run.failures = 0
                return interval(now - run.began, run.poll_interval, clock.random(), shortest=shortest)
            return run.due - now

        await self._give(runs, answers, delay)

    async def _give(
        self, runs: list[TrackedRun], answers: Answers, delay: Callable[[TrackedRun, float], float]
    ) -> None:
        """Pass the results to the triggers, some at a time, so that the event loop is never blocked for long.

        :param delay: returns the seconds until a run is read next. It gets the run and the present time.
        """
        clock = self.connection.driver.clock
        done = 0
        for run in runs:
            now = clock.monotonic()
            run.in_request = False
            self._schedule.set_due(run, now + delay(run, now))
            done += 1
            if (answer := answers.get(run.key)) is not None:
                for subscription in run.subscriptions:
                    if subscription.deliver(answer, now):
                        done += WAKING
            if done >= SLICE:
                done = 0
                await asyncio.sleep(0)

    async def _list_failed(self, runs: list[TrackedRun], error: ApiError, *, is_whole: bool) -> None:
        """Decide how to read the runs of a list that could not be read."""
        clock = self.connection.driver.clock
        now = clock.monotonic()
        if isinstance(error, ReplyTooLargeError) and not is_whole and len(runs) > 1:
            self._list_size = len(runs) // 2
            await self._give(runs, {}, lambda _run, _now: 0.0)
            return
        # After a failed login, do not read the runs one by one: each of these requests would log in again.
        is_about_list = is_about_request(error) and not self.connection.api.needs_login()
        if self._failing_since is None:
            self._failing_since = now
        is_long = is_passing(error) and now - self._failing_since >= OPENS_AFTER
        if runs[0].watch.looks_singly and (is_about_list or is_long):
            # In a long outage, single requests find out whether only the list fails.
            if not self._list_at:
                log.warning("%s; the runs of %s are read one by one", error, self.group)
            self._list_at = now + LIST_AGAIN
            if is_about_list:
                await self._give(runs, {}, lambda run, at: run.due - at)
                return
        failures = 1 + max(run.failures for run in runs)
        pause = failure_pause(failures, error, clock.random())
        if is_whole:
            self._quiet_until = now + pause
        for run in runs:
            run.failures = failures
        await self._give(runs, dict.fromkeys((run.key for run in runs), error), lambda _run, _now: pause)

    def _shortest_interval(self, watch: RunWatch) -> float:
        """Return the shortest interval of young runs, in seconds; see :func:`.interval`."""
        waits = self.connection.waits
        if watch.sweeps:
            return min(waits / YOUNG_LISTED_PER_SECOND, YOUNG_LISTED)
        return waits / YOUNG_PER_SECOND


def _resumed(exchange: Exchange[T], step: Step) -> Exchange[T]:
    """Return an exchange that has already yielded its first step."""
    try:
        while True:
            try:
                value = yield step
            except DataOpsError as error:
                step = exchange.throw(error)
            else:
                step = exchange.send(value)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        exchange.close()


def poller_for(connection: SharedConnection, watch: RunWatch) -> Poller:
    """Return the poller of a group, which all triggers of the connection share.

    :param watch: any watch of the group.
    """
    group = watch.group
    if group not in connection.pollers:
        connection.pollers[group] = Poller(connection, group)
    return connection.pollers[group]
