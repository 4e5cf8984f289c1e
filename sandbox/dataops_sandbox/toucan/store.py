from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from dataops_sandbox.legacy import Platform
from dataops_sandbox.platform import RunRecord
from dataops_sandbox.scripts import ScriptBook
from dataops_sandbox.tokens import Tokens
from dataops_sandbox.toucan.auth import FailedLogins
from dataops_sandbox.toucan.runs import OPERATIONS, Kind, Operation, OperationScript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dataops_sandbox.toucan.upload import Assembly, Upload

PERSON = "anna@toucan.example"


@dataclass
class SmallApp:
    """A small app, its data sources as declared in its ETL configuration."""

    small_app_id: str
    data_sources: Mapping[str, str]
    """Domain to file name."""
    may_upload: bool = True
    """Whether the API user has the "contributor" right."""
    may_operate: bool = True
    """Whether the API user has the right to update the data sources."""


class ToucanStore(Platform):
    """What the Toucan Toco backend holds, and how a test or a person in its UI changes it."""

    name = "toucan"
    settings = (
        "username",
        "password",
        "api_token",
        "token_lifetime",
        "jwt_tokens",
        "lock_status",
        "operation_ids",
        "refresh_ids",
        "state_route",
        "chunk_fields",
    )

    username: str
    password: str
    api_token: str
    """A bearer token that somebody has fetched elsewhere."""
    token_lifetime: float
    """Seconds for which a token of the login route is good; the real figure is not published."""
    jwt_tokens: bool
    """Whether a token of the login route is a JWT that tells its end."""
    lock_status: float
    """Status of the answers to a user who is locked out; only their JSON message is documented."""
    operation_ids: bool
    """Whether uploads and lists of operations are answered with an id, as newer backends do."""
    refresh_ids: bool
    """Whether preprocess and populate are answered with an id; nobody has told."""
    state_route: bool
    """Whether the backend can be asked for the state of an operation; older ones cannot."""
    chunk_fields: bool
    """Whether the upload knows the chunk fields."""

    def reset(self) -> None:
        """Go back to the known small apps, without uploads, operations, scripts or tokens."""
        # Ids go on over a reset: a poller left over from one test must not meet an operation of the next.
        self._numbers = getattr(self, "_numbers", None) or count(1)
        with self.world.changed:
            self.username = "api@toucan.example"
            self.password = "sandbox-password"  # noqa: S105 - opens nothing but the sandbox
            self.api_token = "sandbox-token"  # noqa: S105
            self.token_lifetime = 3600.0
            self.jwt_tokens = True
            self.lock_status = 429
            self.operation_ids = self.refresh_ids = self.state_route = self.chunk_fields = True
            self.run_seconds = self.world.run_seconds
            # A client that kept its token over the reset has one that has expired, not one that never was.
            self.tokens = getattr(self, "tokens", None) or Tokens()
            self.tokens.revoke()
            self.tokens.issue(0, float("inf"), self.api_token)
            self.failed_logins = FailedLogins()
            self.small_apps: dict[str, SmallApp] = {}
            self.uploads: list[Upload] = []
            self.assemblies: dict[tuple[str, str], Assembly] = {}
            self.submitted: dict[str, Operation] = {}
            self._scripts: ScriptBook[OperationScript] = ScriptBook()
            sources = {"referential": "referential.csv", "sales": "sales.xlsx"}
            self.add_small_app("product-corporation", data_sources=sources)
            self.add_small_app("no-rights", may_upload=False, may_operate=False)

    def configure(self, **settings: object) -> None:
        """Change settings; see :class:`.platform.Platform`."""
        status = settings.get("lock_status", 429)
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f"lock_status must be a status from 400 to 599, not {status!r}")
        super().configure(**settings)
        if "api_token" in settings:
            with self.world.changed:
                self.tokens.issue(0, float("inf"), self.api_token)

    def actions(self) -> Mapping[str, Callable[..., object]]:
        """Give what other processes may call."""
        return {
            "add_small_app": self.add_small_app,
            "script": self.script,
            "start": self.start,
            "finish": self.finish,
            "forget": self.forget,
            "releases": self.releases,
            "uploaded": self.uploaded,
            "revoke": self.revoke,
        }

    def revoke(self) -> None:
        """Make all tokens that are out expire at once, the one given beforehand too."""
        with self.world.changed:
            self.tokens.revoke()

    def add_small_app(
        self,
        small_app_id: str,
        *,
        data_sources: Mapping[str, str] | None = None,
        may_upload: bool = True,
        may_operate: bool = True,
    ) -> None:
        """Add a small app, or change one.

        :param data_sources: domain to file name, as its ETL configuration declares them
        :param may_upload: whether the API user is a contributor
        :param may_operate: whether the API user may update the data sources
        """
        with self.world.changed:
            app = SmallApp(small_app_id, dict(data_sources or {}), may_upload, may_operate)
            self.small_apps[small_app_id] = app

    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Say how operations will behave.

        :param resource: the small app, or ``app/filename`` for uploads; ``None``: any
        :param times: the next so many operations; ``None``: all to come
        :param behaviour: fields of :class:`.toucan_runs.OperationScript`
        """
        script = OperationScript(**behaviour)
        with self.world.changed:
            self._scripts.arm(script, resource, times)

    def start(self, small_app_id: str, operations: Sequence[str] = OPERATIONS[:5]) -> str:
        """Start a list of operations on staging, as somebody else would in the UI.

        :return: the operation's id
        """
        unknown = set(operations).difference(OPERATIONS)
        if isinstance(operations, str) or unknown or not operations:
            raise ValueError(f"operations must be names of {list(OPERATIONS)}, not {operations!r}")
        if small_app_id not in self.small_apps:
            raise KeyError(small_app_id)
        return self.submit("operations", small_app_id, created_by=PERSON, operations=operations).operation_id

    def submit(self, kind: Kind, small_app: str, *, created_by: str, **what: Any) -> Operation:
        """Start an operation.

        :param what: further fields of :class:`.toucan_runs.Operation`
        """
        with self.world.changed:
            now = self.world.timeline.now()
            operation = Operation(
                operation_id=f"op-{next(self._numbers)}",
                small_app=small_app,
                kind=kind,
                created_by=created_by,
                created_at=now,
                script=OperationScript(),
                pending=0,
                duration=0,
                stage=what.pop("stage", "staging"),
                **what,
            )
            script = self._scripts.take(operation.resource) or operation.script
            usual_wait = 0.0 if script.duration == 0 else self.run_seconds / 20
            operation.script = script
            operation.pending = usual_wait if script.pending is None else script.pending
            operation.duration = self.run_seconds if script.duration is None else script.duration
            operation.advance(now)
            self.submitted[operation.operation_id] = operation
            self.world.changed.notify_all()
            return operation

    def finish(self, run_id: str, status: str = "successful") -> None:
        """End an operation now.

        :param status: its final status, in whatever spelling
        """
        with self.world.changed:
            operation = self.operation(run_id)
            if operation.finished_at is not None:
                raise ValueError(f"operation {run_id} has already ended")
            operation.end(self.world.timeline.now(), status)
            self.world.changed.notify_all()

    def forget(self, run_id: str) -> None:
        """Let an operation vanish, as if it had never been."""
        with self.world.changed:
            del self.submitted[run_id]
            self.world.changed.notify_all()

    def operation(self, run_id: str) -> Operation:
        """Give an operation, brought up to now.

        :raises KeyError: if there is none of that id
        """
        with self.world.changed:
            operation = self.submitted[run_id]
            operation.advance(self.world.timeline.now())
            return operation

    def releases(self, small_app_id: str) -> list[str]:
        """Give the ids of the operations that have published a small app, in the order of their ends."""
        with self.world.changed:
            operations = [self.operation(run_id) for run_id in self.submitted]
            released = [one for one in operations if one.released and one.small_app == small_app_id]
            released.sort(key=lambda one: one.finished_at or 0)
            return [one.operation_id for one in released]

    def uploaded(self, small_app_id: str) -> list[dict[str, Any]]:
        """Tell of the uploads to a small app, oldest first; the bytes are in :attr:`uploads`."""
        with self.world.changed:
            return [
                {
                    "filename": upload.filename,
                    "local_filename": upload.local_filename,
                    "size": upload.content.size,
                    "sha256": upload.content.sha256,
                    "stage": upload.stage,
                    "validation": upload.validation,
                    "dialect": upload.dialect,
                    "chunks": upload.chunks,
                }
                for upload in self.uploads
                if upload.small_app == small_app_id
            ]

    def runs(self) -> list[RunRecord]:
        """Give every operation, uploads too, oldest first."""
        with self.world.changed:
            return [self._record(self.operation(run_id)) for run_id in self.submitted]

    def _record(self, operation: Operation) -> RunRecord:
        now = self.world.timeline.now()
        started = operation.started_at if now >= operation.started_at else None
        created, began, ended = (
            None if at is None else self.world.timeline.wall(at).timestamp()
            for at in (operation.created_at, started, operation.finished_at)
        )
        return RunRecord(
            platform=self.name,
            run_id=operation.operation_id,
            resource=operation.resource,
            state=operation.status(now),
            finished=operation.finished_at is not None,
            created_by=operation.created_by,
            created_at=created or 0.0,
            started_at=began,
            finished_at=ended,
            detail=operation.detail(),
        )
