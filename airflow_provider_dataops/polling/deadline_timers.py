"""Tell thousands of waiting triggers that their deadlines have come, with a few timers for all of them."""

from __future__ import annotations

import asyncio
import contextvars
import math

from airflow_provider_dataops.polling.subscriptions import Signal, Subscription

#: Deadlines in the same step of this many seconds share one timer, which runs at the end of the step.
STEP = 0.05


class DeadlineTimers:
    """The deadlines of the triggers that wait for the runs of one connection.

    A timer for each trigger would be five more objects for Python's garbage collector.
    """

    def __init__(self) -> None:
        self._steps: dict[int, tuple[asyncio.TimerHandle, set[Subscription]]] = {}

    def set(self, subscription: Subscription, seconds: float) -> None:
        """Send the trigger :attr:`.Signal.DEADLINE` after this many seconds.

        This replaces the deadline that was set before.
        """
        loop = asyncio.get_running_loop()
        step = math.ceil((loop.time() + seconds) / STEP)
        if step != subscription.deadline_step:
            self.remove(subscription)
        subscription.deadline_step = step
        if step not in self._steps:
            # Use an empty context, because the context of the first trigger would keep its logger alive.
            timer = loop.call_at(step * STEP, self._expire, step, context=contextvars.Context())
            self._steps[step] = timer, set()
        self._steps[step][1].add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Do not send the signal to this trigger any more."""
        if subscription.deadline_step not in self._steps:
            return
        timer, subscriptions = self._steps[subscription.deadline_step]
        subscriptions.discard(subscription)
        if not subscriptions:
            timer.cancel()
            del self._steps[subscription.deadline_step]

    def _expire(self, step: int) -> None:
        _, subscriptions = self._steps.pop(step)
        for subscription in subscriptions:
            subscription.put(Signal.DEADLINE)
