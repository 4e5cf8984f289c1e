"""The triggers that wait for a run, and what each of them has yet to read."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import DataOpsError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.polling.schedule import TrackedRun


class Signal(Enum):
    """What a trigger may receive instead of a result."""

    #: An exception that is no error of the platform has ended a request or the poller. The trigger can
    #: subscribe again.
    POLLING_FAILED = auto()
    #: The Airflow connection has other credentials now, or another URL, TLS or proxy setting.
    SETTINGS_CHANGED = auto()
    #: The wait must end now.
    DEADLINE = auto()


Answer = RunSnapshot | DataOpsError | Signal


@dataclass(eq=False, slots=True)
class Subscription:
    """A trigger that waits for one run.

    Ten thousand triggers may wait at the same time. Python's garbage collector stops them all while it visits
    their objects. So a subscription is one object: its queue takes no other one while it is empty.

    :param watch: describes the run to wait for, and how to read it.
    :param poll_interval: the longest time between two polls, in seconds.
    :param began: when the wait began. The longer the wait, the longer the time between two polls.
    :param wake_at: when the trigger wants the next result even if the run has not changed.
    :param deadline_step: the timer of the deadline; see :class:`.DeadlineTimers`.
    """

    watch: RunWatch
    poll_interval: float
    began: float
    run: TrackedRun = field(init=False)
    wake_at: float = 0.0
    deadline_step: int = 0
    #: The state that the trigger knows, in this provider's word and in the platform's.
    _known: RunState | None = None
    _known_word: str = ""
    #: The results that the trigger has not read yet, and the future of a trigger that waits for the next one.
    _answers: tuple[Answer, ...] = ()
    _reader: asyncio.Future[Answer] | None = None

    def deliver(self, answer: Answer, now: float) -> bool:
        """Pass a result to the trigger, unless it would tell the trigger nothing new. Return whether it did.

        The trigger counts failures, and responses without the run. So it gets each of these.
        """
        known, word = None, ""
        if isinstance(answer, RunSnapshot) and answer.state is not RunState.ABSENT:
            known, word = answer.state, answer.raw_state
            if known is self._known and word == self._known_word and now < self.wake_at:
                return False
        self._known, self._known_word = known, word
        self.wake_at = math.inf
        self.put(answer)
        return True

    def put(self, answer: Answer) -> None:
        """Add a result to the queue, and wake the trigger."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(answer)
        else:
            self._answers += (answer,)

    def next(self) -> asyncio.Future[Answer]:
        """Return a future for the next result, which leaves the queue. Only one reader may wait."""
        self._reader = asyncio.get_running_loop().create_future()
        if self._answers:
            first, *others = self._answers
            self._answers = tuple(others)
            self._reader.set_result(first)
        return self._reader

    def settings_changed(self) -> None:
        """Tell the trigger that its Airflow connection has other settings now."""
        self.put(Signal.SETTINGS_CHANGED)
