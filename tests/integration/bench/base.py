"""A platform of the sandbox with the hook and the triggers that are tried on it."""

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
    from dataops_sandbox import Sandbox


class Connections:
    """Airflow's connections, in memory."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    @classmethod
    def installed(cls, patch: Callable[..., None], hook: type[Any]) -> Self:
        """Return connections that are read instead of Airflow's.

        :param patch: sets an attribute, ``monkeypatch.setattr``.
        """
        connections = cls()

        async def aget(conn_id: str) -> Connection:
            return connections.get(conn_id)

        patch(hook, "get_connection", connections.get)
        patch(hook, "aget_connection", aget)
        return connections

    def set(self, conn_id: str, fields: dict[str, Any], **changes: Any) -> None:
        """Keep a connection; what is no field of one is put in its extra."""
        names = {"host", "port", "schema", "login", "password"}
        extra = fields.get("extra", {}) | {k: v for k, v in changes.items() if k not in names}
        self._known[conn_id] = {**fields, **{k: v for k, v in changes.items() if k in names}, "extra": extra}

    def fields(self, conn_id: str) -> dict[str, Any]:
        """Return what was set."""
        return self._known[conn_id]

    def get(self, conn_id: str) -> Connection:
        """Return a connection as Airflow would."""
        fields = dict(self._known[conn_id])
        return Connection(conn_id=conn_id, **{**fields, "extra": json.dumps(fields["extra"])})


class WorkerTime:
    """A clock on which the pauses of a hook pass at once."""

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
    """One platform; connections, runs and what waits for them."""

    name: ClassVar[str]
    platform: ClassVar[str]
    #: The operations by which a trigger and a hook ask about a run, and their words for them.
    polled: ClassVar[str]
    looked: ClassVar[str]
    submitted: ClassVar[str]
    #: All by which a trigger can learn of a run.
    asking: ClassVar[tuple[str, ...]]
    #: What an error of a trigger says that it was doing; a pattern.
    listing: ClassVar[str]
    #: By which a run is asked about.
    method: ClassVar[str] = "GET"
    #: Whether runs can be listed, so that one whose answer was lost is found again.
    lists: ClassVar[bool] = True
    #: Whether the platform may lose sight of a run.
    forgets: ClassVar[bool] = True
    #: What a good test of the connection says.
    proved: ClassVar[str] = "accepted"
    #: Whether a run is found again beyond doubt.
    adopted: ClassVar[str] = "guessed"
    #: What the platform puts before its words of refusal.
    prefix: ClassVar[str] = ""
    #: How the sandbox ends a run without success.
    failing: ClassVar[dict[str, Any]]
    #: How a run behaves that the platform does not tell of at once, for half a second.
    late: ClassVar[dict[str, Any]] = {"hidden": 0.5}
    #: How the sandbox's runs behave, beside never ending by themselves.
    script: ClassVar[dict[str, Any]] = {}

    def __init__(self, sandbox: Sandbox, connections: Connections, conn_id: str = "") -> None:
        self.sandbox = sandbox
        self.connections = connections
        self.conn_id = conn_id or self.name
        self.worker_time = WorkerTime()
        self.connect()
        sandbox.platforms[self.name].script(hold=True, **self.script)

    @classmethod
    def mounted(cls, sandbox: Sandbox) -> AbstractContextManager[None]:
        """Return what lets package and sandbox know a platform for one test; they know their own anyway."""
        return nullcontext()

    @property
    def store(self) -> Any:
        """The platform inside the sandbox."""
        return self.sandbox.platforms[self.name]

    def connect(self, **changes: Any) -> None:
        """Set the connection, with some fields changed."""
        self.connections.set(self.conn_id, self.sandbox.connection(self.name), **changes)

    def add_to_connection(self, **changes: Any) -> None:
        """Change some fields of the connection as it is now."""
        self.connections.set(self.conn_id, self.connections.fields(self.conn_id), **changes)

    def hook(self) -> Any:
        """Return a hook whose pauses take no time."""
        hook = self._hook()
        hook.driver.clock = self.worker_time
        return hook

    def fault(self, kind: str, **options: Any) -> Any:
        """Arm a fault of this platform."""
        return self.sandbox.add_fault(kind, platform=self.name, **options)

    def words(self, error: object) -> str:
        """Return an error's text as if the platform put nothing before its own words."""
        return str(error).replace(self.prefix, "")

    def asked(self, operation: str | None = None) -> list[Any]:
        """Return the requests that reached the platform."""
        return self.sandbox.journal.entries(self.name, operation)

    def sweeps(self) -> list[Any]:
        """Return the requests that told of all runs of a group."""
        return self.asked(self.polled)

    @abstractmethod
    def use_secret(self, secret: str) -> None:
        """Have platform and connection agree on a credential."""

    @abstractmethod
    def misuse_secret(self, secret: str) -> None:
        """Put a credential into the connection that the platform does not know."""

    @abstractmethod
    def expire(self) -> None:
        """Make the tokens worthless that were given out, where there are any."""

    @abstractmethod
    def launch(self, hook: Any) -> Launch:
        """Return what an operator would start."""

    @abstractmethod
    def _hook(self) -> DataOpsHook[Any]: ...

    @abstractmethod
    def start(self, resource: str = "") -> str:
        """Start a run that goes on until it is finished, and return its id."""

    @abstractmethod
    def look(self, hook: Any, run_id: str) -> Any:
        """Ask for a run by the hook."""

    @abstractmethod
    def submit(self, hook: Any) -> str:
        """Start a run by the hook."""

    @abstractmethod
    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        """Return the trigger that waits for a run."""

    def finish(self, run_id: str) -> None:
        """End a run with success."""
        self.store.finish(run_id)

    async def ended(self, trigger: RunTrigger) -> RunEvent:
        """Run a trigger to its only event, as it comes back to a worker."""
        [payload] = [event.payload async for event in trigger.run()]
        return RunEvent.from_json(json.loads(json.dumps(payload)))
