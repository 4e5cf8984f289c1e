from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dataops_sandbox.platform import Settings, changing
from dataops_sandbox.rules import Seconds, validate_options
from dataops_sandbox.store import RunStore
from dataops_sandbox.toucan.auth import FailedLogins
from dataops_sandbox.toucan.rules import CHAIN, OperationList
from dataops_sandbox.toucan.runs import Kind, Operation, OperationScript

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dataops_sandbox.toucan.upload import Assembly, Upload

PERSON = "anna@toucan.example"


class ToucanSettings(Settings):
    """Settings of the backend: its user, and the features that differ between versions of the backend."""

    username: str = "api@toucan.example"
    password: str = "sandbox-password"  # noqa: S105 - valid only in the sandbox
    api_token: str = "sandbox-token"  # noqa: S105
    """A bearer token that is valid without a request to the login route."""
    token_lifetime: Seconds = Field(3600.0, allow_inf_nan=False)
    """Seconds for which a token of the login route is valid. The vendor does not publish the real value."""
    jwt_tokens: bool = True
    """Whether a token of the login route is a JWT that contains its time of expiry."""
    lock_status: int = Field(429, ge=400, le=599)
    """Status code for a user who is locked out. The vendor documents only the JSON message."""
    operation_ids: bool = True
    """Whether the responses to uploads and to ``POST /operations`` contain an id. Old backends send no id."""
    refresh_ids: bool = True
    """Whether ``preprocess``, ``populate`` and ``release`` return an id. The vendor does not document it."""
    state_route: bool = True
    """Whether the route for the state of an operation exists. Old backends do not have it."""
    chunk_fields: bool = True
    """Whether a client may upload a file in chunks, with the form fields for chunks."""


@dataclass
class SmallApp:
    """A small app, with the data sources of its ETL configuration."""

    small_app_id: str
    data_sources: Mapping[str, str]
    """For each domain: the file name of its data source."""
    may_upload: bool = True
    """Whether the API user has the "contributor" right."""
    may_operate: bool = True
    """Whether the API user has the right to update the data sources."""


class ToucanStore(RunStore[Operation, OperationScript]):
    """Toucan's small apps, uploads and operations, with the methods by which a test changes them.

    In :meth:`script`, the resource of an operation is the id of its small app. The resource of an upload is
    ``app/filename``.
    """

    name = "toucan"
    noun = "operation"
    settings: ToucanSettings
    settings_class = ToucanSettings
    script_class = OperationScript
    controls = (*RunStore.controls, "add_small_app", "releases", "uploaded", "revoke")

    def populate(self) -> None:
        """Create the small apps that exist at the start."""
        self._accept_api_token()
        self.failed_logins = FailedLogins()
        self.small_apps: dict[str, SmallApp] = {}
        self.uploads: list[Upload] = []
        self.assemblies: dict[tuple[str, str], Assembly] = {}
        sources = {"referential": "referential.csv", "sales": "sales.xlsx"}
        self.add_small_app("product-corporation", data_sources=sources)
        self.add_small_app("no-rights", may_upload=False, may_operate=False)

    @changing
    def configure(self, **settings: object) -> None:
        """Change settings; see :meth:`.platform.Platform.configure`."""
        super().configure(**settings)
        if "api_token" in settings:
            self._accept_api_token()

    def _accept_api_token(self) -> None:
        self.tokens.issue(0, float("inf"), self.settings.api_token)

    @changing
    def add_small_app(
        self,
        small_app_id: str,
        *,
        data_sources: Mapping[str, str] | None = None,
        may_upload: bool = True,
        may_operate: bool = True,
    ) -> None:
        """Add a small app; replace it if it exists.

        :param data_sources: for each domain: the file name of its data source in the app's ETL configuration
        :param may_upload: whether the API user has the right "contributor"
        :param may_operate: whether the API user may update the data sources
        """
        self.small_apps[small_app_id] = SmallApp(
            small_app_id, dict(data_sources or {}), may_upload, may_operate
        )

    @changing
    def start(self, small_app_id: str, operations: Sequence[str] = CHAIN) -> str:
        """Start operations on staging, as another user does in the UI.

        :return: the one id that the backend issues for all these operations
        """
        work = validate_options(OperationList, {"operations": operations})
        if small_app_id not in self.small_apps:
            raise KeyError(small_app_id)
        what = work.operation_fields()
        return self.submit("operations", small_app_id, "staging", created_by=PERSON, **what).run_id

    def submit(
        self,
        kind: Kind,
        small_app: str,
        stage: str | None,
        *,
        filename: str = "",
        created_by: str = "",
        **what: Any,
    ) -> Operation:
        """Start an operation.

        :param filename: file name of the data source, for an upload
        :param created_by: the user who starts the operation; empty: the API user
        :param what: other fields of :class:`.runs.Operation`
        """
        resource = f"{small_app}/{filename}" if filename else small_app
        script, usual = self.scripted(resource), self.settings.run_seconds
        return self.add(
            Operation(
                run_id=f"op-{next(self.numbers)}",
                resource=resource,
                small_app=small_app,
                kind=kind,
                stage=stage,
                created_by=created_by or self.settings.username,
                created_at=self.world.timeline.now(),
                script=script,
                pending=script.phase(script.pending, usual),
                duration=script.lasts(usual),
                **what,
            )
        )

    @changing
    def ended(self, small_app_id: str) -> list[Operation]:
        """Return the operations of a small app that have ended, in the order in which they ended."""
        operations = [one for one in self.all() if one.small_app == small_app_id]
        ended = [one for one in operations if one.finished_at is not None]
        return sorted(ended, key=lambda one: one.finished_at or 0)

    @changing
    def releases(self, small_app_id: str) -> list[str]:
        """Return the ids of the operations that released a small app, in the order in which they ended."""
        return [one.run_id for one in self.ended(small_app_id) if one.released]

    @changing
    def uploaded(self, small_app_id: str) -> list[dict[str, Any]]:
        """Return the uploads to a small app, oldest first. For their bytes, see :attr:`uploads`."""
        return [upload.as_json() for upload in self.uploads if upload.small_app == small_app_id]
