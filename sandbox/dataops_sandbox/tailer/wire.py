"""The sandbox's Tailer API on the wire.

Path, action, fields and answer of each operation follow the vendor's page "API features", its page on tokens,
and what its SDK and generated jobs tell of run records. Where these are silent the sandbox takes the stricter
reading, since a client that passes it passes the laxer one too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation
from dataops_sandbox.tailer.google import REFRESH, SIGN_IN, Google, GoogleDeniedError, as_google_error
from dataops_sandbox.tailer.keys import EMAIL, key_json
from dataops_sandbox.tailer.rules import (
    ALIAS,
    TABLE_TO_TABLE,
    CheckRunStatus,
    GetByStatus,
    GetLastStatus,
    LaunchJob,
    ResetWorkflowStatus,
    SetConfigurationStatus,
    SetRunStatus,
    read_action,
)
from dataops_sandbox.tailer.store import ACCOUNT, TailerStore
from dataops_sandbox.tokens import bearer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.content import Content
    from dataops_sandbox.platform import World
    from dataops_sandbox.tailer.rules import Identity, Scope
    from dataops_sandbox.tailer.runs import Configuration, TailerRun

_OK = {"message": "ok"}


class KoError(DeniedError):
    """A refusal of the platform itself: HTTP 200, and the message says that it is none."""

    def __init__(self, reason: str) -> None:
        super().__init__(200, reason)


class Tailer(TailerStore):
    """The Tailer API on loopback, and the two Google endpoints where its users get their tokens."""

    login_operations = frozenset({"sign_in", "refresh_token"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Operation("launch_job", "POST", "/v1/dag/launch", self._launch),
            Operation("run_status", "POST", "/v1/dag/status", self._run_status),
            Operation("workflow_status", "POST", "/v1/workflow/status", self._workflow_status),
            Operation("configuration_status", "POST", "/v1/configuration/status", self._configuration_status),
            *Google(self).operations,
        )

    @property
    def base_url(self) -> str:
        """URL of the API, which ``/v1`` follows."""
        return self.root

    @property
    def audience(self) -> str:
        """What a self-signed token must be for: the URL of the API without a path."""
        return self.world.root

    @property
    def sign_in_url(self) -> str:
        """URL where an email and a password become a token, without the key."""
        return self.root + SIGN_IN

    @property
    def refresh_url(self) -> str:
        """URL where a refresh token becomes a token, without the key."""
        return self.root + REFRESH

    def connection(
        self, auth_type: str = "service_account", *, refresh_token: bool = False
    ) -> dict[str, Any]:
        """Return host and credentials as the connection type ``tailer`` has them.

        :param auth_type: ``service_account``, ``firebase`` or ``bearer``
        :param refresh_token: whether ``firebase`` starts from a refresh token instead of email and password
        """
        extra = {"auth_type": auth_type, "account": ACCOUNT, "environment": "DEV"}
        settings = self.settings
        fields = {"conn_type": self.name, "host": self.base_url, "extra": extra}
        if auth_type == "service_account":
            extra["service_account_secret_json"] = key_json()
        elif auth_type == "bearer":
            extra["api_token"] = settings.api_token
        elif auth_type == "firebase":
            extra["firebase_api_key"] = settings.firebase_api_key
            extra["firebase_sign_in_url"] = self.sign_in_url
            extra["firebase_refresh_url"] = self.refresh_url
            if refresh_token:
                extra["refresh_token"] = settings.refresh_token
            else:
                fields |= {"login": settings.email, "password": settings.password}
        else:
            raise ValueError(f"auth_type must be service_account, firebase or bearer, not {auth_type!r}")
        return fields

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: Content) -> Answer:
        """Answer a request; see :class:`.platform.Platform`."""
        try:
            return super().answer(method, path, query, headers, body)
        except DeniedError as denied:
            if path in (SIGN_IN, REFRESH):
                raise as_google_error(denied) from denied
            raise

    def denial(self, denied: DeniedError) -> Answer:
        """Say no: KO in JSON, whatever the status; the Google endpoints have a shape of their own."""
        if isinstance(denied, GoogleDeniedError):
            return denied.answer()
        code = 400 if isinstance(denied, KoError) else denied.status
        payload = {"code": code, "data": {}, "message": f"ko: {denied.reason}"}
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Replace the status of each run."""
        if isinstance(payload, dict) and "results" in payload:
            return {**payload, "results": [{**item, "status": state} for item in payload["results"]]}
        return payload

    # Who may what

    def _authorise(self, call: Call) -> str:
        """Return the user whose token it is."""
        now, token = self.world.timeline.now(), bearer(call.headers)
        if token in self.tokens:
            self.tokens.check(call.headers, now)
            return self.settings.email
        # Its signer goes by the real clock, however far a test has moved the sandbox's.
        signed_at = self.world.timeline.wall(now - self.world.timeline.skipped).timestamp()
        self.self_signed.check(token, self.audience, signed_at)
        return EMAIL

    def _known(self, wanted: Identity, *, archived: bool = False) -> Configuration:
        """Return the configuration that is meant.

        :param archived: whether an archived one will do, too; it is hidden otherwise
        """
        configuration = self.deployed.get(wanted.identity)
        if configuration is None or (configuration.archived and not archived):
            raise KoError(f"configuration {wanted.configuration_id} not found")
        return configuration

    # The actions

    def _launch(self, call: Call) -> Answer:
        user, job = self._authorise(call), read_action(call, launch_job=LaunchJob)
        configuration = self._known(job)
        if job.job_id not in (None, configuration.job_id):
            raise KoError(f"configuration {job.configuration_id} has no job {job.job_id}")
        return Answer.of_json({"run_id": self.launch(configuration, user, job.execution_date).run_id})

    def _run_status(self, call: Call) -> Answer:
        self._authorise(call)
        wanted: Scope = read_action(
            call,
            check_run_status=CheckRunStatus,
            get_last_status=GetLastStatus,
            get_by_status=GetByStatus,
            set_run_status=SetRunStatus,
        )
        if isinstance(wanted, SetRunStatus):
            return self._set_run_status(wanted)
        runs = self._found(wanted, "limit")
        kind: str = wanted.configuration_type
        if isinstance(wanted, GetByStatus):
            runs = runs[: wanted.limit]
            # Lists alone have the older name of the type.
            kind = ALIAS if kind == TABLE_TO_TABLE else kind
        now = self.world.timeline.now()
        return Answer.of_json({"results": [{**run.as_json(now), "configuration_type": kind} for run in runs]})

    def _found(self, wanted: Scope, besides: str) -> list[TailerRun]:
        """Return the runs with a record that have the values of a request, newest first.

        :param besides: the field of the request that is none of a run
        """
        now = self.world.timeline.now()
        values = wanted.model_dump(exclude_unset=True, exclude={besides})
        runs = [
            run
            for run in reversed(self.all())
            if run.began(now) is not None
            and not self.deployed[run.identity].archived
            and run.fits(values, now)
        ]
        return sorted(runs, key=lambda run: run.started_at, reverse=True)

    def _set_run_status(self, wanted: SetRunStatus) -> Answer:
        runs = self._found(wanted, "status")
        if not runs:
            raise KoError(f"run {wanted.run_id} of {wanted.configuration_id} not found")
        # A label and no more: that it would stop a run is claimed nowhere.
        runs[0].label = wanted.status
        return Answer.of_json(_OK)

    def _workflow_status(self, call: Call) -> Answer:
        self._authorise(call)
        workflow = self._known(read_action(call, reset_workflow_status=ResetWorkflowStatus))
        workflow.triggered_jobs.clear()
        workflow.resets += 1
        return Answer.of_json({"code": 200, "data": {}, **_OK})

    def _configuration_status(self, call: Call) -> Answer:
        self._authorise(call)
        wanted = read_action(call, set_configuration_status=SetConfigurationStatus)
        configuration = self._known(wanted, archived=True)
        if configuration.archived and not wanted.archived:
            raise KoError(
                f"configuration {wanted.configuration_id} is archived; a super-administrator can undo it"
            )
        configuration.activated, configuration.archived = wanted.activated, wanted.archived
        return Answer() if self.settings.blank_ok else Answer.of_json(_OK)
