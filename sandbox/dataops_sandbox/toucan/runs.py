from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dataops_sandbox.scripts import check_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["upload", "operations", "preprocess", "populate", "release"]

OPERATIONS = (
    "preprocess_data_sources",
    "populate_basemaps",
    "populate_reports",
    "populate_dashboards",
    "release",
    "populate_permissions",
    "release_design",
)
"""The names that a list of operations may hold."""


@dataclass(frozen=True, kw_only=True)
class OperationScript:
    """How an operation behaves; see :meth:`.toucan_store.ToucanStore.script`."""

    duration: float | None = None
    """Seconds from running to the end; ``None``: the sandbox's usual time."""
    hold: bool = False
    """Never end by itself, only by ``finish``."""
    pending: float | None = None
    """Seconds in pending; ``None``: a twentieth of the usual time, or none at all if ``duration`` is 0."""
    hidden: float = 0.0
    """Seconds during which the state route does not know the operation yet."""
    outcome: str = "successful"
    """Final status: ``successful``, ``failed``, or one that nobody knows."""
    running_status: str = "running"
    """Shown while it runs; a newer backend may have words of its own."""

    def __post_init__(self) -> None:
        check_seconds("hidden", self.hidden)
        for name in ("duration", "pending"):
            check_seconds(name, getattr(self, name), optional=True)
        for name in ("outcome", "running_status"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text, not {getattr(self, name)!r}")


@dataclass(kw_only=True)
class Operation:
    """One submission and what it sets off; its state is looked up, see :meth:`advance`."""

    operation_id: str
    small_app: str
    kind: Kind
    created_by: str
    created_at: float
    script: OperationScript
    pending: float
    duration: float
    operations: Sequence[str] = ()
    """The list of ``POST /operations``."""
    selector: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The domains and functions of a partial run; empty: everything."""
    stage: str | None = None
    release: bool = False
    """The ``release`` flag of a populate."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What else the request told: ``origin``, ``async``, or an upload's ``filename``."""
    finished_at: float | None = None
    final_status: str = ""

    @property
    def started_at(self) -> float:
        """When it leaves, or has left, pending."""
        return self.created_at + self.pending

    @property
    def resource(self) -> str:
        """What scripts go by: the small app, and for an upload its data source too."""
        return f"{self.small_app}/{self.told['filename']}" if self.kind == "upload" else self.small_app

    @property
    def publishes(self) -> bool:
        """Whether it makes staging the app's production, should it succeed."""
        return self.release or self.kind == "release" or "release" in self.operations

    @property
    def preprocesses(self) -> bool:
        """Whether it runs the app's own code, which may leave a traceback."""
        return self.kind == "preprocess" or "preprocess_data_sources" in self.operations

    @property
    def released(self) -> bool:
        """Whether it has published the app."""
        return self.publishes and self.final_status == "successful"

    def advance(self, now: float) -> None:
        """Enter the end if it is due."""
        due = self.started_at + self.duration
        if self.finished_at is None and not self.script.hold and now >= due:
            self.end(due, self.script.outcome)

    def end(self, at: float, status: str) -> None:
        """Enter a final status."""
        self.finished_at = at
        self.final_status = status
        self.pending = min(self.pending, at - self.created_at)

    def status(self, now: float) -> str:
        """Give the status as the API spells it."""
        if self.finished_at is not None:
            return self.final_status
        return "pending" if now < self.started_at else self.script.running_status

    def detail(self) -> dict[str, Any]:
        """Give what only the sandbox can tell."""
        return {
            "kind": self.kind,
            "operations": list(self.operations),
            "selector": {name: list(values) for name, values in self.selector.items()},
            "stage": self.stage,
            "release": self.publishes,
            "released": self.released,
            **self.told,
        }
