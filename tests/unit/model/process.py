"""A try of a task in a process that can be stopped at each of its steps, frozen there, or killed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.model.remote import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.http import Reply, Request
    from tests.unit.model.remote import Remote
    from tests.unit.model.task import Task


@dataclass(frozen=True)
class Point:
    """Where a process stands.

    :param kind: ``request``, ``list``, ``submit``, ``stop`` before one is sent; ``answered`` between the platform's
        answer to a submission and its arrival; ``read``, ``write`` and ``written`` at Airflow's store;
        ``ask`` at another question to Airflow; ``sleep``; ``deadlock`` where a signal handler waits for a lock
        that the code it interrupted holds; ``end``.
    """

    kind: str
    request: Request[Any] | None = None


#: Points at which the process is within a call of Airflow's.
IN_AIRFLOW = frozenset({"read", "write", "written", "ask"})
SIGTERM = "SIGTERM"


class Process:
    """A process on a worker, or a trigger in a triggerer: what it does, step by step.

    :param work: what it runs.
    """

    def __init__(self, task: Task, remote: Remote, work: Callable[[Process], Any]) -> None:
        self.task = task
        self.remote = remote
        self.identity = task.identity
        self.try_number = task.try_number
        #: How often the task had been cleared when this try began.
        self.epoch = task.epoch
        self.place = task.try_place
        #: Which start afresh of the task it belongs to.
        self.generation = task.generation
        #: What Airflow has told it at its start.
        self.context: Any = None
        self.operator: Any = None
        self.point = Point("start")
        self.is_over = False
        self.is_killed = False
        self.was_signalled = False
        self.result: Any = None
        self.error: BaseException | None = None
        #: The DAG run's number of Clears as it knows it.
        self.known_clears = task.dag_run.clear_number
        #: How often it has stored something.
        self.writes = 0
        #: Steps so far, and how many there were when the store took it for the owner, and when it began a stop.
        self.steps = 0
        self.proved_at = 0
        self.stop_at = 0
        #: It was told to end while a question to Airflow might have been under way.
        self.cannot_ask = False
        #: When it listed the runs last.
        self.listed_at = 0.0
        self.is_stopping = False
        #: What happens to the next request.
        self.fault = Fault()
        self._work = work
        self._depth = 0
        self._interrupted = ""
        self._greenlet = greenlet(self._run)
        self._greenlet.process = self

    def __str__(self) -> str:
        """Return the task's index and the try; a trigger's ends in a t."""
        return f"{self.task.map_index}.{self.try_number}{'' if self.operator else 't'}"

    @property
    def is_superseded(self) -> bool:
        """Whether Airflow takes nothing from it any more."""
        return self.identity != self.task.identity

    @property
    def waits(self) -> bool:
        """Whether it waits for the end of a run."""
        return self.operator is None or (
            self.operator.attempt is not None and self.operator.attempt.is_waiting
        )

    def _run(self, _: object) -> None:
        try:
            self.result = self._work(self)
        except GreenletExit:
            raise
        except BaseException as error:
            self.error = error
        self.is_over = True
        self.point = Point("end")

    # --- from outside ----------------------------------------------------------------------------------

    def go(self, message: object = None) -> Point:
        """Let it take one step."""
        assert not self.is_over
        self.steps += 1
        self._greenlet.switch(message)
        return self.point

    def signal(self) -> None:
        """Send SIGTERM; the handler runs as far as its first step."""
        self.was_signalled = True
        self.cannot_ask = not self.waits
        self.go(SIGTERM)

    def kill(self) -> None:
        """End it by SIGKILL: nothing of it runs any more."""
        self.is_killed = self.is_over = True
        self.point = Point("end")

    # --- from inside -----------------------------------------------------------------------------------

    def reach(self, kind: str, request: Request[Any] | None = None) -> None:
        """Stand still until it is let go."""
        if self.is_killed:
            raise GreenletExit
        if self._depth and kind in IN_AIRFLOW and self._interrupted in IN_AIRFLOW:
            kind = "deadlock"
        while True:
            self.point = Point(kind, request)
            # A trigger has an event loop, which stands still with it.
            loop = asyncio._get_running_loop()
            asyncio._set_running_loop(None)
            message = self._greenlet.parent.switch()
            asyncio._set_running_loop(loop)
            if self.is_killed:
                raise GreenletExit
            if message is SIGTERM and self.operator is not None and not self._depth:
                self._interrupted = kind
                self._depth += 1
                try:
                    self.operator.on_kill()
                finally:
                    self._depth -= 1
                continue
            if kind != "deadlock":
                return

    def sleep(self, seconds: float) -> None:
        """Wait; time goes on for everybody."""
        if not seconds:
            return
        until = self.remote.now + seconds
        self.reach("sleep")
        self.remote.advance_to(max(until, self.remote.now))

    def send(self, request: Request[Any]) -> Reply:
        """Send a request, which may go wrong."""
        operation = self.remote.operation(request)
        kind = self.remote.kind
        kinds = {kind.submit: "submit", kind.stop: "stop", kind.listing: "list"}
        if operation == kind.stop and not self.is_stopping:
            self.stop_at = self.steps
        self.is_stopping = operation == kind.stop
        self.reach(kinds.get(operation, "request"), request)
        fault, self.fault = self.fault, Fault()
        if operation == kind.listing:
            self.listed_at = self.remote.now
        if operation != kind.submit:
            return self.remote.deliver(request, self, fault)
        try:
            return self.remote.deliver(request, self, fault)
        finally:
            self.reach("answered", request)


def current() -> Process:
    """Return the process that runs."""
    process = getattr(getcurrent(), "process", None)
    assert isinstance(process, Process)
    return process


class MemoryDriver(SyncDriver):
    """The worker's driver with the model's network in place of sockets."""

    def _send(self, request: Request[Any]) -> Reply:
        return current().send(request)


class ProcessTime:
    """The module ``time`` of whatever runs in a process."""

    @staticmethod
    def sleep(seconds: float) -> None:
        current().sleep(seconds)


class ModelClock:
    """Time of the model; both clocks are one."""

    @staticmethod
    def monotonic() -> float:
        return current().remote.now

    @staticmethod
    def wall() -> float:
        return current().remote.wall()

    @staticmethod
    def random() -> float:
        return 0.5
