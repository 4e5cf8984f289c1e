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
from dataops_sandbox.rules import Rules, Seconds, checked
from dataops_sandbox.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dataops_sandbox.clock import Timeline
    from dataops_sandbox.content import Content

MethodT = TypeVar("MethodT", bound="Callable[..., Any]")


@dataclass
class World:
    """What the platforms of one sandbox share."""

    changed: threading.Condition
    """Guards all state, and is notified of each change."""
    timeline: Timeline
    directory: Path
    """Room for bytes that are too many for memory."""
    run_seconds: float
    """How long a run takes if no script says otherwise."""
    root: str = ""
    """URL of the sandbox, known once it listens."""
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the sandbox stops serving: long computations end early."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run as the sandbox knows it, whatever the API has told so far. Times are Unix seconds."""

    platform: str
    run_id: str
    resource: str
    """The pipeline, source, data product, workflow or destination."""
    state: str
    finished: bool
    created_by: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What only the sandbox can tell, e.g. which dataset version a pipeline read."""

    def as_json(self) -> dict[str, Any]:
        """Give the record for ``GET /_sandbox/runs``."""
        return asdict(self)


class Settings(Rules):
    """What :meth:`Platform.configure` can change; a platform adds its own, with their defaults."""

    run_seconds: Seconds
    """How long a run takes if no script says otherwise."""


def changing(method: MethodT) -> MethodT:
    """Let a platform's method run alone, and wake who waits for a change."""

    @wraps(method)
    def alone(self: Platform, *args: Any, **kwargs: Any) -> Any:
        with self.world.changed:
            try:
                return method(self, *args, **kwargs)
            finally:
                self.world.changed.notify_all()

    return cast("MethodT", alone)


class Platform(ABC):
    """One platform of the sandbox. A new one is a subclass and a line in :mod:`.registry`.

    Handlers run in the server's thread, the public methods in any: what touches state is :func:`changing`.
    """

    name: ClassVar[str]
    """Its path prefix, connection type and name in journal and faults."""
    login_operations: ClassVar[frozenset[str]] = frozenset()
    """The operations that fetch a token, on platforms that have tokens."""
    settings_class: ClassVar[type[Settings]] = Settings
    controls: ClassVar[tuple[str, ...]] = ()
    """The methods that other processes may call, as ``POST /_sandbox/<name>``."""

    operations: tuple[Operation, ...]
    settings: Settings

    def __init__(self, world: World) -> None:
        self.world = world
        # Both outlive a reset: a poller of an earlier test must not meet a run of the next, and a token that
        # a client has kept is one that has expired.
        self.numbers = count(1)
        self.tokens = Tokens()
        self.reset()

    @property
    def root(self) -> str:
        """URL of the platform's prefix."""
        return f"{self.world.root}/{self.name}"

    @property
    @abstractmethod
    def base_url(self) -> str:
        """URL that a client is given as the platform's host."""

    @changing
    def reset(self) -> None:
        """Go back to how the sandbox starts: known ids, no runs, no scripts, settings as they come."""
        self.settings = self.settings_class(run_seconds=self.world.run_seconds)
        self.tokens.revoke()
        self.populate()

    @abstractmethod
    def populate(self) -> None:
        """Put there what is known from the start."""

    @abstractmethod
    def connection(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Give the fields of an Airflow connection that works against this platform.

        A platform that takes several kinds of credentials has arguments that say which.
        """

    @abstractmethod
    def denial(self, denied: DeniedError) -> Answer:
        """Say no in the platform's own error shape."""

    @abstractmethod
    def disguise(self, payload: Any, state: str) -> Any:
        """Give the JSON of an answer with the state of each run in it replaced by ``state``."""

    @abstractmethod
    def runs(self) -> list[RunRecord]:
        """Give every run that was started, oldest first."""

    @changing
    def revoke(self) -> None:
        """Make the access tokens that are out expire at once."""
        if not self.login_operations:
            raise ValueError(f"{self.name} has no tokens that could expire")
        self.tokens.revoke()

    @changing
    def configure(self, **settings: object) -> None:
        """Change settings, as other processes do by ``POST /_sandbox/configure``.

        :raises ValueError: for a setting that the platform does not have, or a value that it cannot have
        """
        self.settings = checked(self.settings_class, {**self.settings.model_dump(), **settings})

    def actions(self) -> dict[str, Callable[..., object]]:
        """Give the methods that other processes may call, by name."""
        return {name: getattr(self, name) for name in ("configure", *self.controls)}

    def find(self, method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
        """Find the operation of a request, and the placeholders of its path."""
        for operation in self.operations:
            params = operation.match(path)
            if params is not None and operation.method == method:
                return operation, params
        return None, {}

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: Content) -> Answer:
        """Answer a request.

        :param path: below the platform's prefix, still percent-encoded
        :raises DeniedError: if the answer is no; :meth:`denial` puts it into words
        """
        operation, params = self.find(method, path)
        if operation is None:
            methods = sorted(other.method for other in self.operations if other.match(path) is not None)
            if methods:
                raise RefusedError(
                    405, f"{method} is not for this path", headers={"Allow": ", ".join(methods)}
                )
            raise RefusedError(404, f"{self.name} has no such path")
        if "Content-Encoding" in headers:
            raise RefusedError(415, "no platform is known to decode a Content-Encoding")
        call = Call(params, parse_query(query, operation.query, operation.flags), headers, body)
        return self.handle(operation, call)

    @changing
    def handle(self, operation: Operation, call: Call) -> Answer:
        """Let the operation's handler answer."""
        return operation.handler(call)
