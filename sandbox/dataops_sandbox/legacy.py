from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from dataops_sandbox.messages import (
    Answer,
    Call,
    DeniedError,
    Operation,
    RefusedError,
    parse_query,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dataops_sandbox.content import Content
    from dataops_sandbox.platform import RunRecord, World


def _alike(value: object, current: object) -> bool:
    """Tell whether a setting may go from one value to the other."""
    if isinstance(current, bool) or isinstance(value, bool):
        return isinstance(current, bool) and isinstance(value, bool)
    if isinstance(current, int | float):
        return isinstance(value, int | float) and value >= 0
    if isinstance(current, tuple | list):
        return isinstance(value, tuple | list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str)


class Platform(ABC):
    """One platform of the sandbox. A new one is a subclass and a line in :mod:`.registry`.

    Handlers run in the server's thread, the public methods in any: all take ``world.changed``.
    """

    name: ClassVar[str]
    """Its path prefix, connection type and name in journal and faults."""
    login_operations: ClassVar[frozenset[str]] = frozenset()
    """The operations that fetch a token, on platforms that have tokens."""
    settings: ClassVar[tuple[str, ...]] = ()
    """Attributes that :meth:`configure` may set."""

    operations: tuple[Operation, ...]
    run_seconds: float

    def __init__(self, world: World) -> None:
        self.world = world
        self.reset()

    @property
    def root(self) -> str:
        """URL of the platform's prefix."""
        return f"{self.world.root}/{self.name}"

    @property
    @abstractmethod
    def base_url(self) -> str:
        """URL that a client is given as the platform's host."""

    @abstractmethod
    def reset(self) -> None:
        """Go back to how the sandbox starts: known ids, no runs, no scripts, settings as they come."""

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

    @abstractmethod
    def actions(self) -> Mapping[str, Callable[..., object]]:
        """Give the methods that other processes may call, as ``POST /_sandbox/<name>``."""

    def revoke(self) -> None:
        """Make the tokens that are out invalid at once."""
        raise ValueError(f"{self.name} has no tokens that could expire")

    def configure(self, **settings: object) -> None:
        """Change settings, as other processes do by ``POST /_sandbox/configure``.

        :raises ValueError: for a setting that the platform does not have, or a value that it cannot have
        """
        for name, value in settings.items():
            if name not in (*self.settings, "run_seconds"):
                raise ValueError(f"{self.name} has no setting {name!r}; known: {sorted(self.settings)}")
            if not _alike(value, getattr(self, name)):
                raise ValueError(f"setting {name!r} cannot be {value!r}")
        with self.world.changed:
            for name, value in settings.items():
                setattr(self, name, value)

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
        with self.world.changed:
            try:
                return operation.handler(call)
            finally:
                self.world.changed.notify_all()
