"""A try of a task, in a process that stops at each step. There it can be frozen, signalled or killed."""

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
    """The step at which a process stands.

    :param kind: one of

        - ``start``: before the first step;
        - ``submit``, ``list``, ``stop``, ``request``: before it sends a request of this or any other kind;
        - ``answered``: the platform has processed the submission, and its response has not arrived yet;
        - ``read``, ``write``, ``written``: before a call of the task state store, or after a write;
        - ``ask``: before any other call of Airflow;
        - ``sleep``: before a pause;
        - ``deadlock``: a signal handler waits for a lock that the interrupted code holds;
        - ``end``: the process has ended.
    """

    kind: str
    request: Request[Any] | None = None


#: At these points the process is inside a call of Airflow.
IN_AIRFLOW = frozenset({"read", "write", "written", "ask"})
SIGTERM = "SIGTERM"


class Process:
    """A process on a worker, or a trigger in a triggerer. It takes one step at a time.

    :param work: what the process runs.
    """

    def __init__(self, task: Task, remote: Remote, work: Callable[[Process], Any]) -> None:
        self.task = task
        self.remote = remote
        self.identity = task.identity
        self.try_number = task.try_number
        #: How often the task had been cleared when this try began.
        self.epoch = task.epoch
        self.place = task.try_place
        #: The task's generation when this try began: it grows where a try may ignore the runs before.
        self.generation = task.generation
        #: The task's context, as Airflow gives it to the process.
        self.context: Any = None
        self.operator: Any = None
        self.point = Point("start")
        self.is_over = False
        self.is_killed = False
        self.was_signalled = False
        self.result: Any = None
        self.error: BaseException | None = None
        #: The DAG run's number of Clears, as Airflow last reported it to this process.
        self.known_clears = task.dag_run.clear_number
        #: The number of its writes to the task state store, and the token in the last one.
        self.writes = 0
        self.token = ""
        #: The number of steps so far.
        self.steps = 0
        #: The step of the last call in which the store showed that no newer try has taken over.
        self.proved_at = 0
        #: The step at which it began to stop a run.
        self.stop_at = 0
        #: SIGTERM came while a call of Airflow may have been in progress, so the handler cannot call Airflow.
        self.cannot_ask = False
        #: The time of its last list of runs, and the ids in it.
        self.listed_at = 0.0
        self.listed_ids: frozenset[str] = frozenset()
        self.is_stopping = False
        #: The fault of the next request.
        self.fault = Fault()
        self._work = work
        self._depth = 0
        self._interrupted = ""
        self._greenlet = greenlet(self._run)
        self._greenlet.process = self

    def __str__(self) -> str:
        """Return the task's map index and the try number, with a ``t`` for a trigger."""
        return f"{self.task.map_index}.{self.try_number}{'' if self.operator else 't'}"

    @property
    def is_superseded(self) -> bool:
        """Whether a newer try has taken over, so that Airflow rejects all writes of this process."""
        return self.identity != self.task.identity

    @property
    def waits(self) -> bool:
        """Whether the process waits for the end of a run."""
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

    # --- what the model does with the process ----------------------------------------------------------

    def go(self, message: object = None) -> Point:
        """Run the process up to its next point.

        :param message: ``SIGTERM`` to deliver the signal first.
        """
        assert not self.is_over
        self.steps += 1
        self._greenlet.switch(message)
        return self.point

    def signal(self) -> None:
        """Send SIGTERM. The handler runs up to its first point."""
        self.was_signalled = True
        self.cannot_ask = not self.waits
        self.go(SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL. No code of the process runs any more."""
        self.is_killed = self.is_over = True
        self.point = Point("end")

    # --- what the code in the process calls ------------------------------------------------------------

    def reach(self, kind: str, request: Request[Any] | None = None) -> None:
        """Stop at a point until the model runs the process again."""
        if self.is_killed:
            raise GreenletExit
        if self._depth and kind in IN_AIRFLOW and self._interrupted in IN_AIRFLOW:
            kind = "deadlock"
        while True:
            self.point = Point(kind, request)
            # The code of a trigger runs in an event loop. Asyncio allows one running loop a thread.
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
        """Let time pass, for all processes and the platform."""
        if not seconds:
            return
        until = self.remote.now + seconds
        self.reach("sleep")
        self.remote.advance_to(max(until, self.remote.now))

    def send(self, request: Request[Any]) -> Reply:
        """Send a request, with the fault that the model has set for it."""
        operation = self.remote.operation(request)
        kind = self.remote.kind
        kinds = {kind.submit: "submit", kind.stop: "stop", kind.listing: "list"}
        if operation == kind.stop and not self.is_stopping:
            self.stop_at = self.steps
        self.is_stopping = operation == kind.stop
        self.reach(kinds.get(operation, "request"), request)
        fault, self.fault = self.fault, Fault()
        if operation == kind.listing and not fault.kind:
            self.listed_at, self.listed_ids = self.remote.now, self.remote.listed_ids()
        if operation != kind.submit:
            return self.remote.deliver(request, self, fault)
        try:
            return self.remote.deliver(request, self, fault)
        finally:
            self.reach("answered", request)


def current() -> Process:
    """Return the process whose code is running."""
    process = getattr(getcurrent(), "process", None)
    assert isinstance(process, Process)
    return process


class MemoryDriver(SyncDriver):
    """The worker's driver. It sends requests through the model instead of sockets."""

    def _send(self, request: Request[Any]) -> Reply:
        return current().send(request)


class ProcessTime:
    """Replaces the module ``time`` in the code under test."""

    @staticmethod
    def sleep(seconds: float) -> None:
        current().sleep(seconds)


class ModelClock:
    """The model's time, for both kinds of clock."""

    @staticmethod
    def monotonic() -> float:
        return current().remote.now

    @staticmethod
    def wall() -> float:
        return current().remote.wall()

    @staticmethod
    def random() -> float:
        return 0.5
