from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dataops_sandbox.legacy import Platform
from dataops_sandbox.platform import RunRecord
from dataops_sandbox.scripts import ScriptBook
from dataops_sandbox.tailer.google import Firebase
from dataops_sandbox.tailer.keys import SelfSigned
from dataops_sandbox.tailer.runs import (
    ENVIRONMENTS,
    TABLE_TO_TABLE,
    TYPES,
    Configuration,
    Identity,
    Run,
    RunScript,
    canonical,
)
from dataops_sandbox.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ACCOUNT = "000099"
PERSON = "anna@tailer.example"


class TailerStore(Platform):
    """What the Tailer platform holds, and how a test or a person in its Studio changes it."""

    name = "tailer"
    settings = (
        "email",
        "password",
        "firebase_api_key",
        "api_token",
        "token_lifetime",
        "start_gap",
        "blank_ok",
    )

    email: str
    password: str
    """The user's, at Firebase."""
    firebase_api_key: str
    api_token: str
    """A bearer token that somebody has fetched elsewhere."""
    token_lifetime: float
    """Seconds for which a user's token is good."""
    start_gap: float
    """Seconds from a launch until the run has a record that can be asked for; some 5 in reality."""
    blank_ok: bool
    """Whether a change of a configuration's status is answered by nothing, as the older guide prints it."""

    refresh_token = "sandbox-refresh-token"  # noqa: S105 - opens nothing but the sandbox
    """A refresh token that the user has got elsewhere."""

    def reset(self) -> None:
        """Go back to the configurations of the guide, without runs, scripts or tokens."""
        with self.world.changed:
            self.email = "user@tailer.example"
            self.password = "sandbox-password"  # noqa: S105
            self.firebase_api_key = "sandbox-web-key"
            self.api_token = "sandbox-token"  # noqa: S105
            self.token_lifetime = 3600.0
            self.start_gap = 0.3
            self.blank_ok = False
            self.run_seconds = self.world.run_seconds
            # A client that kept its token over the reset has one that has expired, not one that never was.
            self.tokens = getattr(self, "tokens", None) or Tokens()
            self.tokens.revoke()
            self.tokens.issue(0, float("inf"), self.api_token)
            self.firebase = Firebase(self.tokens)
            self.firebase.accept(self.refresh_token)
            self.self_signed = SelfSigned()
            self.deployed: dict[Identity, Configuration] = {}
            self.launched: dict[str, Run] = {}
            self._scripts: ScriptBook[RunScript] = ScriptBook()
            self.add_configuration("000099_iowa_liquor_prepare_pda_DEV")
            self.add_configuration("000099_Load_PDA_f_traffic_ma_DEV")
            self.add_configuration("000099_export_pda_DEV", "table-to-storage")
            self.add_configuration(
                "000099-jarvis-demo-iowa-liquor-storage-to-storage",
                "storage-to-storage",
                filename="stores-{{FD_DATE}}-{{FD_TIME}}.csv",
            )
            self.add_configuration("000099-iowa-liquor-load-pda", "workflow", triggered_jobs=["JA", "JB"])

    def configure(self, **settings: object) -> None:
        """Change settings; see :class:`.platform.Platform`."""
        super().configure(**settings)
        if "api_token" in settings:
            with self.world.changed:
                self.tokens.issue(0, float("inf"), self.api_token)

    def actions(self) -> Mapping[str, Callable[..., object]]:
        """Give what other processes may call."""
        return {
            "add_configuration": self.add_configuration,
            "configurations": self.configurations,
            "script": self.script,
            "start": self.start,
            "finish": self.finish,
            "forget": self.forget,
            "revoke": self.revoke,
        }

    def revoke(self) -> None:
        """Make all tokens that are out expire at once; refresh tokens stay good."""
        with self.world.changed:
            self.tokens.revoke()
            self.self_signed.revoke()

    def add_configuration(
        self,
        configuration_id: str,
        configuration_type: str = TABLE_TO_TABLE,
        *,
        account: str = ACCOUNT,
        environment: str = "DEV",
        filename: str = "",
        activated: bool = True,
        triggered_jobs: Sequence[str] = (),
    ) -> None:
        """Deploy a configuration, or deploy it anew.

        :param configuration_id: as deployed, with the environment at its end where the platform puts it
        :param filename: template of the files that a storage-fed one takes
        :param activated: whether it is enabled
        :param triggered_jobs: of a workflow, the jobs that have come in so far
        """
        if canonical(configuration_type) not in TYPES or environment not in ENVIRONMENTS:
            raise ValueError(f"no type {configuration_type!r}, or no environment {environment!r}")
        if isinstance(triggered_jobs, str):
            raise ValueError(f"triggered_jobs is a list of names, not {triggered_jobs!r}")
        identity = Identity(
            account=account,
            environment=environment,
            configuration_type=canonical(configuration_type),
            configuration_id=configuration_id,
        )
        with self.world.changed:
            self.deployed[identity] = Configuration(
                identity, filename, activated, triggered_jobs=list(triggered_jobs)
            )

    def configuration(self, configuration_id: str, environment: str = "DEV") -> Configuration:
        """Give a configuration.

        :raises KeyError: if there is none of that id in that environment
        """
        with self.world.changed:
            for identity, configuration in self.deployed.items():
                if (identity.configuration_id, identity.environment) == (configuration_id, environment):
                    return configuration
        raise KeyError(configuration_id)

    def configurations(self) -> list[dict[str, Any]]:
        """Tell of every configuration: its identity, whether it is enabled or archived, and its workflow."""
        with self.world.changed:
            return [
                {
                    "account": one.identity.account,
                    "environment": one.identity.environment,
                    "configuration_type": one.identity.configuration_type,
                    "configuration_id": one.identity.configuration_id,
                    "activated": one.activated,
                    "archived": one.archived,
                    "triggered_jobs": list(one.triggered_jobs),
                    "resets": one.resets,
                }
                for one in self.deployed.values()
            ]

    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Say how runs will behave.

        :param resource: the configuration id; ``None``: any
        :param times: the next so many runs; ``None``: all to come
        :param behaviour: fields of :class:`.tailer_runs.RunScript`
        """
        script = RunScript(**behaviour)
        with self.world.changed:
            self._scripts.arm(script, resource, times)

    def start(self, configuration_id: str, environment: str = "DEV", *, created_by: str = PERSON) -> str:
        """Start a run of a configuration of any type, as a schedule, a file or a person would.

        :return: the run's id
        """
        with self.world.changed:
            configuration = self.configuration(configuration_id, environment)
            return self.launch(configuration, created_by=created_by).run_id

    def launch(
        self, configuration: Configuration, *, created_by: str, execution_date: str | None = None
    ) -> Run:
        """Start a run.

        :param execution_date: the logical date for its SQL
        """
        with self.world.changed:
            now = self.world.timeline.now()
            identity = configuration.identity
            script = self._scripts.take(identity.configuration_id) or RunScript()
            storage_fed = identity.configuration_type == "storage-to-storage"
            stamp = self.world.timeline.wall(now).strftime("%Y%m%d" if storage_fed else "%Y%m%d-%H%M%S")
            run = Run(
                run_id=f"{stamp}-{uuid4()}",
                identity=identity,
                job_id=configuration.job_id,
                created_by=created_by,
                created_at=now,
                script=script,
                start_gap=self.start_gap if script.start_gap is None else script.start_gap,
                duration=self.run_seconds if script.duration is None else script.duration,
                deactivated=not configuration.activated,
                execution_date=execution_date,
            )
            run.advance(now)
            self.launched[run.run_id] = run
            self.world.changed.notify_all()
            return run

    def finish(self, run_id: str, status: str = "SUCCESS") -> None:
        """End a run now.

        :param status: its final status, in whatever spelling
        """
        with self.world.changed:
            run = self.run(run_id)
            if run.finished_at is not None:
                raise ValueError(f"run {run_id} has already ended")
            run.end(self.world.timeline.now(), status)
            self.world.changed.notify_all()

    def forget(self, run_id: str) -> None:
        """Let a run vanish, as one that has aged out."""
        with self.world.changed:
            del self.launched[run_id]
            self.world.changed.notify_all()

    def run(self, run_id: str) -> Run:
        """Give a run, brought up to now.

        :raises KeyError: if there is none of that id
        """
        with self.world.changed:
            run = self.launched[run_id]
            run.advance(self.world.timeline.now())
            return run

    def runs(self) -> list[RunRecord]:
        """Give every run, oldest first."""
        with self.world.changed:
            return [self._record(self.run(run_id)) for run_id in self.launched]

    def _record(self, run: Run) -> RunRecord:
        now = self.world.timeline.now()
        started = run.started_at if run.recorded(now) else None
        created, began, ended = (
            None if at is None else self.world.timeline.wall(at).timestamp()
            for at in (run.created_at, started, run.finished_at)
        )
        return RunRecord(
            platform=self.name,
            run_id=run.run_id,
            resource=run.identity.configuration_id,
            state=run.status(now),
            finished=run.finished_at is not None,
            created_by=run.created_by,
            created_at=created or 0.0,
            started_at=began,
            finished_at=ended,
            detail={
                "account": run.identity.account,
                "environment": run.identity.environment,
                "configuration_type": run.identity.configuration_type,
                "job_id": run.job_id,
                "execution_date": run.execution_date,
            },
        )
