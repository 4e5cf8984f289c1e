"""The runs that a poller reads, and the triggers that wait for them."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.run import RunSnapshot, RunState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.errors import DataOpsError


class Signal(Enum):
    """What a trigger may receive instead of a result."""

    #: The poller has ended. The trigger can subscribe again.
    POLLER_ENDED = auto()
    #: The Airflow connection has other credentials now, or another URL, TLS or proxy setting.
    SETTINGS_CHANGED = auto()


class Answers:
    """The results that a trigger has not read yet.

    An ``asyncio.Queue`` takes three KiB, which is much for each of ten thousand triggers.
    """

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: list[RunSnapshot | DataOpsError | Signal] = []
        self._reader: asyncio.Future[None] | None = None

    def put(self, answer: RunSnapshot | DataOpsError | Signal) -> None:
        """Add a result, and wake the trigger."""
        self._items.append(answer)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> RunSnapshot | DataOpsError | Signal:
        """Wait for the next result, remove it and return it. Only one reader may wait."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._items.pop(0)


@dataclass(eq=False, slots=True)
class Subscription:
    """A trigger that waits for one run.

    :param watch: describes the run to wait for, and how to read it.
    :param poll_interval: the longest time between two polls, in seconds.
    :param began: when the wait began. The longer the wait, the longer the time between two polls.
    :param answers: the queue of the results for this trigger.
    :param wake_at: when the trigger wants the next result even if the run has not changed.
    """

    watch: RunWatch
    poll_interval: float
    began: float
    run: TrackedRun = field(init=False)
    answers: Answers = field(default_factory=Answers)
    wake_at: float = 0.0
    _known: tuple[RunState, str] | None = None

    def deliver(self, answer: RunSnapshot | DataOpsError | Signal, now: float) -> bool:
        """Pass a result to the trigger, unless it would tell the trigger nothing new. Return whether it did.

        The trigger counts failures, and responses without the run. So it gets each of these.
        """
        known = None
        if isinstance(answer, RunSnapshot) and answer.state is not RunState.ABSENT:
            known = answer.state, answer.raw_state
            if known == self._known and now < self.wake_at:
                return False
        self._known = known
        self.wake_at = math.inf
        self.answers.put(answer)
        return True

    def settings_changed(self) -> None:
        """Tell the trigger that its Airflow connection has other settings now."""
        self.answers.put(Signal.SETTINGS_CHANGED)


@dataclass(eq=False, slots=True)
class TrackedRun:
    """One run for which at least one trigger waits.

    :param key: the key of the run in the result of :meth:`.RunWatch.sweep`, which reads the whole group.
    :param watch: describes the run, and how to read it.
    :param due: when to read the run next.
    :param failures: how many requests for this run failed since the last good response.
    :param listed: whether the last list contained the run.
    :param missed_at: when the last list that did not contain the run was read.
    :param in_request: whether the run is being read now.
    """

    key: str
    watch: RunWatch
    due: float = math.inf
    failures: int = 0
    listed: bool = False
    missed_at: float = -math.inf
    in_request: bool = False
    subscriptions: list[Subscription] = field(default_factory=list)

    @property
    def poll_interval(self) -> float:
        """The shortest interval that a waiting trigger has chosen, in seconds."""
        return min((s.poll_interval for s in self.subscriptions), default=math.inf)

    @property
    def began(self) -> float:
        """When the youngest wait for this run began."""
        return max((s.began for s in self.subscriptions), default=0.0)


class Schedule:
    """The runs of one group, in the order in which they are to be read."""

    def __init__(self) -> None:
        self.runs: dict[str, TrackedRun] = {}
        #: The runs that are read alone next, because a list did not contain them.
        self._alone: deque[TrackedRun] = deque()
        #: The times at which runs are due. An entry is out of date if the run has another time by now.
        self._heap: list[tuple[float, int, TrackedRun]] = []
        self._count = 0

    def add(self, subscription: Subscription, due: float) -> None:
        """Add a trigger that waits for a run."""
        key = subscription.watch.key
        run = self.runs.get(key)
        if run is None:
            run = self.runs[key] = TrackedRun(key, subscription.watch)
        subscription.run = run
        run.subscriptions.append(subscription)
        if not run.in_request:
            self.set_due(run, min(run.due, due))

    def remove(self, subscription: Subscription) -> None:
        """Remove a trigger. If it was the last one for its run, the run is not read any more."""
        run = subscription.run
        if subscription in run.subscriptions:
            run.subscriptions.remove(subscription)
        if not run.subscriptions and self.runs.get(run.key) is run:
            del self.runs[run.key]

    def set_due(self, run: TrackedRun, due: float) -> None:
        """Read the run at this time."""
        run.due = due
        self._count += 1
        heappush(self._heap, (due, self._count, run))
        if len(self._heap) > 64 + 4 * len(self.runs):
            # Most entries are out of date.
            self._heap = [entry for entry in self._heap if self._is_valid(entry)]
            heapify(self._heap)

    def read_alone(self, runs: Iterable[TrackedRun]) -> None:
        """Read these runs one by one, before all others."""
        self._alone.extend(sorted(runs, key=lambda run: run.due))

    def next_alone(self) -> TrackedRun | None:
        """Return the first run that is to be read alone now."""
        while self._alone and not self._is_waiting(self._alone[0]):
            self._alone.popleft()
        return self._alone[0] if self._alone else None

    def next_due(self) -> TrackedRun | None:
        """Return the run that is due first. It may be due later than now."""
        while self._heap and not (self._is_valid(self._heap[0]) and self._is_waiting(self._heap[0][2])):
            heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def take_alone(self) -> TrackedRun:
        """Take the run of :meth:`next_alone` out of the schedule, because it is read now."""
        run = self._alone.popleft()
        run.in_request = True
        return run

    def take_due(self, most: int | None) -> list[TrackedRun]:
        """Take the runs that are due first out of the schedule, because they are read now.

        :param most: how many runs to take; ``None`` for all.
        """
        taken: list[TrackedRun] = []
        if most is None:
            taken += (run for run in self.runs.values() if not run.in_request)
            self._heap.clear()
        else:
            while len(taken) < most and (run := self.next_due()) is not None:
                heappop(self._heap)
                # Two triggers may have added the run twice.
                run.in_request = True
                taken.append(run)
        for run in taken:
            run.in_request = True
        return taken

    def _is_waiting(self, run: TrackedRun) -> bool:
        return bool(run.subscriptions) and not run.in_request

    def _is_valid(self, entry: tuple[float, int, TrackedRun]) -> bool:
        due, _, run = entry
        return run.due == due and self.runs.get(run.key) is run
