"""The conformance bench: what the tests need to know about a platform to run on all of them."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Self

from airflow.sdk import Connection

from airflow_provider_dataops.lifecycle.events import RunEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.triggers.base import RunTrigger
    from airflow_provider_dataops.triggers.events import EventTrigger
    from dataops_sandbox import Sandbox


class Connections:
    """Connections in memory, which hooks and triggers read instead of Airflow's."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    @classmethod
    def installed(cls, patch: Callable[..., None], hook: type[Any]) -> Self:
        """Make hooks and triggers read new, empty connections, and return these.

        :param patch: a function that sets an attribute, such as ``monkeypatch.setattr``.
        :param hook: Airflow's ``BaseHook``.
        """
        connections = cls()

        async def aget(conn_id: str) -> Connection:
            return connections.get(conn_id)

        patch(hook, "get_connection", connections.get)
        patch(hook, "aget_connection", aget)
        return connections

    def set(self, conn_id: str, fields: dict[str, Any], **changes: Any) -> None:
        """Set a connection. Changes that are not fields of a connection are set in its extra."""
        names = {"host", "port", "schema", "login", "password"}
        extra = fields.get("extra", {}) | {k: v for k, v in changes.items() if k not in names}
        self._known[conn_id] = {**fields, **{k: v for k, v in changes.items() if k in names}, "extra": extra}

    def fields(self, conn_id: str) -> dict[str, Any]:
        """Return the fields of a connection."""
        return self._known[conn_id]

    def get(self, conn_id: str) -> Connection:
        """Return a connection in the form that Airflow returns."""
        fields = dict(self._known[conn_id])
        return Connection(conn_id=conn_id, **{**fields, "extra": json.dumps(fields["extra"])})


class WorkerTime:
    """A clock for a hook. It skips the hook's pauses, so that they take no real time."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def wall(self) -> float:
        return time.time() + self._skipped

    def random(self) -> float:
        return 0.99

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._skipped += seconds


class Bench(ABC):
    """One platform in the sandbox, with its connection, its hook and its triggers."""

    #: The connection type, and the platform's name in messages.
    name: ClassVar[str]
    platform: ClassVar[str]
    #: The sandbox's name of the operation with which a trigger polls.
    poll_operation: ClassVar[str]
    #: The operation with which a hook reads the status of one run.
    status_operation: ClassVar[str]
    #: The operation that starts a run.
    submit_operation: ClassVar[str]
    #: The operation with which an event trigger polls; by default ``poll_operation``.
    event_operation: ClassVar[str] = ""
    #: All operations with which a trigger can read the status of a run.
    trigger_operations: ClassVar[tuple[str, ...]]
    #: A regular expression for the trigger's request in an error message.
    poll_pattern: ClassVar[str]
    #: The HTTP method of ``status_operation``.
    status_method: ClassVar[str] = "GET"
    #: Whether runs can be listed, so that a run is found again if the response to its submission was lost.
    can_list: ClassVar[bool] = True
    #: Whether the platform may stop returning a run.
    can_forget: ClassVar[bool] = True
    #: A part of the message of a successful connection test.
    test_message: ClassVar[str] = "accepted"
    #: How sure the provider is that it has found its own run again: ``exact`` or ``guessed``.
    adoption: ClassVar[str] = "guessed"
    #: The text that the platform puts before the reason of an error.
    error_prefix: ClassVar[str] = ""
    #: The arguments with which the sandbox ends a run without success.
    failed_end: ClassVar[dict[str, Any]]
    #: The script of a run that the platform returns only after half a second.
    late_script: ClassVar[dict[str, Any]] = {"hidden": 0.5}
    #: The script of all other runs. In addition, they never end by themselves.
    script: ClassVar[dict[str, Any]] = {}

    def __init__(self, sandbox: Sandbox, connections: Connections, conn_id: str = "") -> None:
        self.sandbox = sandbox
        self.connections = connections
        self.conn_id = conn_id or self.name
        self.worker_time = WorkerTime()
        self.connect()
        self.store.script(hold=True, **self.script)

    @classmethod
    def mounted(cls, sandbox: Sandbox) -> AbstractContextManager[None]:
        """Return a context in which the package and the sandbox know the platform.

        They always know the package's own platforms, so only the bench of another platform overrides this.
        """
        return nullcontext()

    @property
    def store(self) -> Any:
        """The platform in the sandbox."""
        return self.sandbox.platforms[self.name]

    def connect(self, **changes: Any) -> None:
        """Set the connection to the sandbox's, with some fields changed."""
        self.connections.set(self.conn_id, self.sandbox.connection(self.name), **changes)

    def add_to_connection(self, **changes: Any) -> None:
        """Change some fields of the current connection, and keep the others."""
        self.connections.set(self.conn_id, self.connections.fields(self.conn_id), **changes)

    def hook(self) -> Any:
        """Return a hook whose pauses take no real time."""
        hook = self._hook()
        hook.driver.clock = self.worker_time
        return hook

    def fault(self, kind: str, **options: Any) -> Any:
        """Arm a fault of this platform."""
        return self.sandbox.add_fault(kind, platform=self.name, **options)

    def text_of(self, error: object) -> str:
        """Return the text of an error in a form that is the same for all platforms."""
        return str(error).replace(self.error_prefix, "")

    def requests(self, operation: str | None = None) -> list[Any]:
        """Return the requests that the platform has received."""
        return self.sandbox.journal.entries(self.name, operation)

    def sweeps(self) -> list[Any]:
        """Return the requests that return the runs of a whole group."""
        return self.requests(self.poll_operation)

    @abstractmethod
    def use_secret(self, secret: str) -> None:
        """Set the same credential on the platform and in the connection."""

    @abstractmethod
    def use_wrong_secret(self, secret: str) -> None:
        """Set a credential in the connection that the platform does not know."""

    @abstractmethod
    def expire(self) -> None:
        """Make the tokens expire that the platform has issued, if it issues tokens."""

    @abstractmethod
    def launch(self, hook: Any) -> Launch:
        """Return the launch that an operator would use."""

    @abstractmethod
    def _hook(self) -> DataOpsHook[Any]: ...

    @abstractmethod
    def start(self, resource: str = "") -> str:
        """Start a run that keeps running until ``finish`` is called, and return its id."""

    @abstractmethod
    def look(self, hook: Any, run_id: str) -> Any:
        """Return a run, read with the hook."""

    @abstractmethod
    def submit(self, hook: Any) -> str:
        """Start a run with the hook, and return its id."""

    @abstractmethod
    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        """Return the trigger that waits for a run."""

    def finish(self, run_id: str) -> None:
        """Let a run end with success."""
        self.store.finish(run_id)

    def event_trigger(self, **arguments: Any) -> EventTrigger | None:
        """Return a trigger that fires events for the runs of ``start``; ``None`` if the platform has none."""
        return None

    def event_id(self, run_id: str) -> str:
        """Return the id that the event of a run contains."""
        return run_id

    def event_polls(self) -> int:
        """Return how many requests of an event trigger the platform has received."""
        return len(self.requests(self.event_operation or self.poll_operation))

    async def event_of(self, trigger: RunTrigger) -> RunEvent:
        """Run a trigger until its only event, and return the event as a worker receives it."""
        [payload] = [event.payload async for event in trigger.run()]
        return RunEvent.from_json(json.loads(json.dumps(payload)))
