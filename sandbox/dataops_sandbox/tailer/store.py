from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pydantic import Field

from dataops_sandbox.platform import Settings, changing
from dataops_sandbox.rules import Seconds, validate_options
from dataops_sandbox.store import RunStore
from dataops_sandbox.tailer.keys import SelfSigned
from dataops_sandbox.tailer.rules import TABLE_TO_TABLE
from dataops_sandbox.tailer.runs import Configuration, RunScript, TailerRun

if TYPE_CHECKING:
    from dataops_sandbox.tailer.rules import Identity

ACCOUNT = "000099"
PERSON = "anna@tailer.example"


class TailerSettings(Settings):
    """Settings of the platform and of its user."""

    email: str = "user@tailer.example"
    password: str = "sandbox-password"  # noqa: S105 - like the others, it is valid only in the sandbox
    """The user's password at Firebase."""
    firebase_api_key: str = "sandbox-web-key"
    refresh_token: str = "sandbox-refresh-token"  # noqa: S105
    """A refresh token that is valid from the start, before any sign-in."""
    api_token: str = "sandbox-token"  # noqa: S105
    """A bearer token that is valid from the start, before any sign-in."""
    token_lifetime: float = Field(3600.0, ge=0, allow_inf_nan=False)
    """For how many seconds the token of a user is valid after a sign-in or refresh."""
    start_gap: Seconds = 0.3
    """Seconds from the start request until the API shows the run; about 5 s on the real platform."""
    blank_ok: bool = False
    """Whether ``set_configuration_status`` returns an empty body, as in the older guide."""
    most_listed: int = Field(100, gt=0)
    """Maximum number of items in a response, even if the request has a higher limit. The guide shows 100."""
    by_status: Literal["results", "no results", "ko"] = "results"
    """Response to ``get_by_status``, which no document shows: with ``results`` as in ``get_last_status``,
    without this member, or a rejection."""


class TailerStore(RunStore[TailerRun, RunScript]):
    """Tailer's configurations and runs, with the methods by which a test changes them."""

    name = "tailer"
    noun = "run"
    settings: TailerSettings
    settings_class = TailerSettings
    script_class = RunScript
    controls = (*RunStore.controls, "add_configuration", "configurations", "revoke")

    def populate(self) -> None:
        """Create the configurations of the vendor's guide."""
        self.tokens.issue(0, float("inf"), self.settings.api_token)
        self.refresh_tokens: set[str] = set()
        self.self_signed = SelfSigned()
        self.deployed: dict[Identity, Configuration] = {}
        self.add_configuration("000099_iowa_liquor_prepare_pda_DEV")
        self.add_configuration("000099_Load_PDA_f_traffic_ma_DEV")
        self.add_configuration("000099_export_pda_DEV", "table-to-storage")
        self.add_configuration(
            "000099-jarvis-demo-iowa-liquor-storage-to-storage",
            "storage-to-storage",
            filename="stores-{{FD_DATE}}-{{FD_TIME}}.csv",
        )
        self.add_configuration("000099-iowa-liquor-load-pda", "workflow", triggered_jobs=["JA", "JB"])

    @changing
    def configure(self, **settings: object) -> None:
        """Change settings; see :meth:`.platform.Platform.configure`. A new ``api_token`` is valid at once."""
        super().configure(**settings)
        if "api_token" in settings:
            self.tokens.issue(0, float("inf"), self.settings.api_token)

    @changing
    def revoke(self) -> None:
        """Make all issued access tokens expire at once; refresh tokens stay valid."""
        super().revoke()
        self.self_signed.revoke()

    @changing
    def add_configuration(
        self, configuration_id: str, configuration_type: str = TABLE_TO_TABLE, **more: object
    ) -> None:
        """Deploy a configuration; replace it if it exists.

        :param configuration_id: id as deployed; for some types it ends with the environment
        :param more: other fields of :class:`.runs.Configuration`; account and environment have
            the guide's values by default
        :raises ValueError: if there is no such field, or a value is not valid
        """
        named = {"configuration_id": configuration_id, "configuration_type": configuration_type}
        fields = {"account": ACCOUNT, "environment": "DEV", **named, **more}
        configuration = validate_options(Configuration, fields)
        self.deployed[configuration.identity] = configuration

    @changing
    def configuration(self, configuration_id: str, environment: str = "DEV") -> Configuration:
        """Return a configuration.

        :raises KeyError: if the environment has no configuration with that id
        """
        for one in self.deployed.values():
            if (one.configuration_id, one.environment) == (configuration_id, environment):
                return one
        raise KeyError(configuration_id)

    @changing
    def configurations(self) -> list[dict[str, Any]]:
        """Return all configurations, each with identity, triggered jobs, ``activated`` and ``archived``."""
        return [one.model_dump(exclude={"filename"}) for one in self.deployed.values()]

    @changing
    def start(self, configuration_id: str, environment: str = "DEV", *, created_by: str = PERSON) -> str:
        """Start a run of a configuration of any type, as a schedule, a new file or a user does.

        :return: the run's id
        """
        return self.launch(self.configuration(configuration_id, environment), created_by).run_id

    def launch(
        self, configuration: Configuration, created_by: str, execution_date: str | None = None
    ) -> TailerRun:
        """Start a run, and return it. The configuration's id decides which script the run gets.

        :param execution_date: the logical date for the run's SQL
        """
        now = self.world.timeline.now()
        script = self.scripted(configuration.configuration_id)
        storage_fed = configuration.configuration_type == "storage-to-storage"
        stamp = self.world.timeline.wall(now).strftime("%Y%m%d" if storage_fed else "%Y%m%d-%H%M%S")
        return self.add(
            TailerRun(
                run_id=f"{stamp}-{uuid4()}",
                resource=configuration.configuration_id,
                created_by=created_by,
                created_at=now,
                script=script,
                duration=script.lasts(self.settings.run_seconds),
                identity=configuration.identity,
                job_id=configuration.job_id,
                start_gap=self.settings.start_gap if script.start_gap is None else script.start_gap,
                deactivated=not configuration.activated,
                execution_date=execution_date,
                timeline=self.world.timeline,
            )
        )
