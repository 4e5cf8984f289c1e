from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from functools import wraps
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from dataops_sandbox.messages import (
    Answer,
    Call,
    DeniedError,
    Operation,
    RefusedError,
    parse_query,
)
from dataops_sandbox.rules import Rules, Seconds, validate_options
from dataops_sandbox.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dataops_sandbox.clock import Timeline
    from dataops_sandbox.content import Content

MethodT = TypeVar("MethodT", bound="Callable[..., Any]")


@dataclass
class World:
    """The state that all platforms of one sandbox share: lock, clock, folder, URL."""

    changed: threading.Condition
    """Lock for all state. Each change of state also notifies the threads that wait for a change."""
    timeline: Timeline
    directory: Path
    """Folder for bodies that are too long for memory."""
    run_seconds: float
    """Seconds that a run takes unless a test sets another duration with ``script``."""
    root: str = ""
    """URL of the sandbox; empty until the server listens."""
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the sandbox stops serving, so that long computations stop early."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run as the sandbox knows it, even if the API does not show it yet. Times are Unix seconds."""

    platform: str
    run_id: str
    resource: str
    """What the run works on: a pipeline, source, data product, workflow or destination."""
    state: str
    finished: bool
    created_by: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Facts that the platform's API does not show, e.g. which dataset version a pipeline read."""

    def as_json(self) -> dict[str, Any]:
        """Return the record for ``GET /_sandbox/runs``."""
        return asdict(self)


class Settings(Rules):
    """The settings that :meth:`Platform.configure` changes. A platform's subclass adds its own settings."""

    run_seconds: Seconds
    """Seconds that a run takes unless a test sets another duration with ``script``."""


def changing(method: MethodT) -> MethodT:
    """Let a method run under the sandbox's lock, and then notify the threads that wait for a change."""

    @wraps(method)
    def alone(self: Platform, *args: Any, **kwargs: Any) -> Any:
        with self.world.changed:
            try:
                return method(self, *args, **kwargs)
            finally:
                self.world.changed.notify_all()

    return cast("MethodT", alone)


class Platform(ABC):
    """One platform of the sandbox. A new platform needs a subclass, and a line in :mod:`.registry`.

    Handlers run in the server's thread, and public methods in any thread. So decorate each method that reads
    or changes state with :func:`changing`.
    """

    name: ClassVar[str]
    """Name in the journal and in faults; it is also the path prefix and the connection type."""
    login_operations: ClassVar[frozenset[str]] = frozenset()
    """The operations that return a token; empty on platforms without tokens."""
    settings_class: ClassVar[type[Settings]] = Settings
    controls: ClassVar[tuple[str, ...]] = ()
    """The methods that other processes may call with ``POST /_sandbox/<name>``."""

    operations: tuple[Operation, ...]
    settings: Settings

    def __init__(self, world: World) -> None:
        self.world = world
        # A reset does not replace these two objects. The run numbers continue, so that a poller of an earlier
        # test does not find a run of the next test. All tokens expire, but the platform still knows them. So
        # the response to an old token says that the token has expired, not that it was never issued.
        self.numbers = count(1)
        self.tokens = Tokens()
        self.reset()

    @property
    def root(self) -> str:
        """URL of the platform in the sandbox: the sandbox's URL, then the platform's name."""
        return f"{self.world.root}/{self.name}"

    @property
    @abstractmethod
    def base_url(self) -> str:
        """URL that a client uses as the platform's host."""

    @changing
    def reset(self) -> None:
        """Restore the initial state: initial resources and settings, no runs, default behaviour of runs."""
        self.settings = self.settings_class(run_seconds=self.world.run_seconds)
        self.tokens.revoke()
        self.populate()

    @abstractmethod
    def populate(self) -> None:
        """Create the resources that the platform has at the start."""

    @abstractmethod
    def connection(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the fields of an Airflow connection that works against this platform.

        If the platform takes several kinds of credentials, the arguments choose one.
        """

    @abstractmethod
    def denial(self, denied: DeniedError) -> Answer:
        """Return the response to a rejected request, in the platform's own error format."""

    @abstractmethod
    def disguise(self, payload: Any, state: str) -> Any:
        """Return the JSON of a response with the state of each run replaced by ``state``."""

    @abstractmethod
    def runs(self) -> list[RunRecord]:
        """Return every run that was started, oldest first."""

    @changing
    def revoke(self) -> None:
        """Make all issued access tokens expire at once.

        :raises ValueError: if the platform has no tokens that can expire
        """
        if not self.login_operations:
            raise ValueError(f"{self.name} has no tokens that can expire")
        self.tokens.revoke()

    @changing
    def configure(self, **settings: object) -> None:
        """Change settings. Other processes use ``POST /_sandbox/configure``.

        :raises ValueError: if the platform has no such setting, or a value is not valid
        """
        self.settings = validate_options(self.settings_class, {**self.settings.model_dump(), **settings})

    def actions(self) -> dict[str, Callable[..., object]]:
        """Return the methods that other processes may call, by name."""
        return {name: getattr(self, name) for name in ("configure", *self.controls)}

    def find(self, method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
        """Return a request's operation and the values in its path; ``(None, {})`` if no operation matches."""
        for operation in self.operations:
            params = operation.match(path)
            if params is not None and operation.method == method:
                return operation, params
        return None, {}

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: Content) -> Answer:
        """Return the response to a request.

        :param path: path without the platform's prefix, still percent-encoded
        :raises DeniedError: if the platform rejects the request; :meth:`denial` then returns the response
        """
        operation, params = self.find(method, path)
        if operation is None:
            methods = sorted(other.method for other in self.operations if other.match(path) is not None)
            if methods:
                raise RefusedError(
                    405, f"method {method} is not allowed", headers={"Allow": ", ".join(methods)}
                )
            raise RefusedError(404, f"{self.name} has no such path")
        if "Content-Encoding" in headers:
            raise RefusedError(
                415, "do not send the header Content-Encoding, because decoding is not documented"
            )
        call = Call(params, parse_query(query, operation.query, operation.flags), headers, body)
        return self.handle(operation, call)

    @changing
    def handle(self, operation: Operation, call: Call) -> Answer:
        """Return the response of the operation's handler."""
        return operation.handler(call)
