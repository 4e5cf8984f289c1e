"""The runs that a poller reads, in the order in which they are due."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.polling.subscriptions import Subscription

#: Runs that are due in the same step of this many seconds are read in any order.
STEP = 0.02


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
    #: The triggers. The dict is used as a set that keeps their order.
    subscriptions: dict[Subscription, None] = field(default_factory=dict)
    #: The step of the schedule that contains the run; ``None`` if no step contains it.
    step: int | None = None
    _is_changed: bool = False
    _poll_interval: float = math.inf
    _began: float = 0.0

    def add(self, subscription: Subscription) -> None:
        """Add a trigger that waits for the run."""
        self.subscriptions[subscription] = None
        self._is_changed = True

    def remove(self, subscription: Subscription) -> None:
        """Remove a trigger, if it is still there."""
        self.subscriptions.pop(subscription, None)
        self._is_changed = True

    @property
    def poll_interval(self) -> float:
        """The shortest interval that a waiting trigger has chosen, in seconds."""
        self._update()
        return self._poll_interval

    @property
    def began(self) -> float:
        """When the youngest wait for this run began."""
        self._update()
        return self._began

    def _update(self) -> None:
        # Thousands of triggers may wait for one run, and leave together. So this is not computed for each.
        if self._is_changed:
            self._is_changed = False
            self._poll_interval = min((s.poll_interval for s in self.subscriptions), default=math.inf)
            self._began = max((s.began for s in self.subscriptions), default=0.0)


class Schedule:
    """The runs of one group. Each waiting run that is not being read is in the step in which it is due."""

    def __init__(self) -> None:
        self.runs: dict[str, TrackedRun] = {}
        #: The runs that are read alone next, because a list did not contain them.
        self._alone: deque[TrackedRun] = deque()
        #: The runs by step, each step as a set that keeps its order. A plain dict takes longer and longer to
        #: find its first entry after many entries were removed.
        self._steps: dict[int, OrderedDict[TrackedRun, None]] = {}
        #: The steps as a heap. It may also contain steps that have no runs any more.
        self._order: list[int] = []

    def add(self, subscription: Subscription, due: float) -> None:
        """Add a trigger that waits for a run."""
        key = subscription.watch.key
        run = self.runs.get(key)
        if run is None:
            run = self.runs[key] = TrackedRun(key, subscription.watch)
        subscription.run = run
        run.add(subscription)
        if not run.in_request:
            self.set_due(run, min(run.due, due))

    def remove(self, subscription: Subscription) -> None:
        """Remove a trigger. If it was the last one for its run, the run is not read any more."""
        run = subscription.run
        run.remove(subscription)
        if not run.subscriptions and self.runs.get(run.key) is run:
            del self.runs[run.key]
            self._take_out(run)

    def set_due(self, run: TrackedRun, due: float) -> None:
        """Read the run at this time, unless no trigger waits for it any more."""
        run.due = due
        self._take_out(run)
        if not self._is_waiting(run):
            return
        step = run.step = int(due / STEP)
        if step not in self._steps:
            self._steps[step] = OrderedDict()
            heappush(self._order, step)
            if len(self._order) > 64 + 4 * len(self._steps):
                # Most of these steps have no runs any more. A sorted list is a heap.
                self._order = sorted(self._steps)
        self._steps[step][run] = None

    def _take_out(self, run: TrackedRun) -> None:
        """Remove a run from its step."""
        if run.step is not None:
            runs = self._steps[run.step]
            del runs[run]
            if not runs:
                del self._steps[run.step]
            run.step = None

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
        while self._order and self._order[0] not in self._steps:
            heappop(self._order)
        return next(iter(self._steps[self._order[0]])) if self._order else None

    def take_alone(self) -> TrackedRun:
        """Take the run of :meth:`next_alone` out of the schedule, because it is read now."""
        run = self._alone.popleft()
        self._take(run)
        return run

    def take_due(self, most: int | None) -> list[TrackedRun]:
        """Take the runs that are due first out of the schedule, because they are read now.

        :param most: how many runs to take; ``None`` for all.
        """
        if most is None:
            taken = [run for run in self.runs.values() if not run.in_request]
            for run in taken:
                self._take(run)
            return taken
        taken = []
        while len(taken) < most and (first := self.next_due()) is not None:
            self._take(first)
            taken.append(first)
        return taken

    def _take(self, run: TrackedRun) -> None:
        self._take_out(run)
        run.in_request = True

    @staticmethod
    def _is_waiting(run: TrackedRun) -> bool:
        return bool(run.subscriptions) and not run.in_request
