"""The HTTP interface of the sandbox's Tailer API.

Path, action, fields and response of each operation follow four sources: the vendor's page "API features", its
page on tokens, its SDK, and the jobs that its SDK generates. Where they leave a question open, the sandbox is
strict: a client that works with a strict server also works with a tolerant one.
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
    """Tailer rejects the action. The status code is 200, and the message begins with ``ko``."""

    def __init__(self, reason: str) -> None:
        super().__init__(200, reason)


class Tailer(TailerStore):
    """The sandbox's Tailer API, with the two Google endpoints that return tokens for its users."""

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
        """URL of the API, without ``/v1``."""
        return self.root

    @property
    def audience(self) -> str:
        """The ``aud`` claim of a self-signed token: the URL of the API without a path."""
        return self.world.root

    @property
    def sign_in_url(self) -> str:
        """URL of the sign-in with email and password. It does not contain the API key."""
        return self.root + SIGN_IN

    @property
    def refresh_url(self) -> str:
        """URL to which a client sends a refresh token. It does not contain the API key."""
        return self.root + REFRESH

    def connection(
        self, auth_type: str = "service_account", *, refresh_token: bool = False
    ) -> dict[str, Any]:
        """Return the connection fields: host, credentials, account and environment.

        :param auth_type: ``service_account``, ``firebase`` or ``bearer``
        :param refresh_token: for ``firebase``: use a refresh token instead of email and password
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
        """Return the response to a request; see :meth:`.platform.Platform.answer`."""
        try:
            return super().answer(method, path, query, headers, body)
        except DeniedError as denied:
            if path in (SIGN_IN, REFRESH):
                raise as_google_error(denied) from denied
            raise

    def denial(self, denied: DeniedError) -> Answer:
        """Return an error response: JSON with a ``ko`` message, or the error object of Google's endpoints."""
        if isinstance(denied, GoogleDeniedError):
            return denied.answer()
        code = 400 if isinstance(denied, KoError) else denied.status
        payload = {"code": code, "data": {}, "message": f"ko: {denied.reason}"}
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Return the response, with the status of each run replaced by ``state``."""
        if isinstance(payload, dict) and "results" in payload:
            return {**payload, "results": [{**item, "status": state} for item in payload["results"]]}
        return payload

    # Credentials and configurations

    def _authorise(self, call: Call) -> str:
        """Check the bearer token, and return the user to whom it belongs."""
        now, token = self.world.timeline.now(), bearer(call.headers)
        if token in self.tokens:
            self.tokens.check(call.headers, now)
            return self.settings.email
        # Check the token at the real time, without the seconds that a test has skipped. The client sets iat
        # by its own clock, which the test does not move.
        signed_at = self.world.timeline.wall(now - self.world.timeline.skipped).timestamp()
        self.self_signed.check(token, self.audience, signed_at)
        return EMAIL

    def _known(self, wanted: Identity, *, archived: bool = False) -> Configuration:
        """Return the configuration that the fields identify.

        :param archived: whether to find archived configurations too
        :raises KoError: if there is no such configuration
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
        if type(wanted) is GetByStatus and self.settings.by_status != "results":
            if self.settings.by_status == "ko":
                raise KoError("unknown action get_by_status")
            return Answer.of_json(_OK)
        runs = self._find_runs(wanted, "limit")
        kind: str = wanted.configuration_type
        if isinstance(wanted, GetByStatus):
            runs = runs[: min(wanted.limit, self.settings.most_listed)]
            # The response to check_run_status contains the new name of the type, all lists the old one.
            kind = ALIAS if kind == TABLE_TO_TABLE else kind
        now = self.world.timeline.now()
        return Answer.of_json({"results": [{**run.as_json(now), "configuration_type": kind} for run in runs]})

    def _find_runs(self, wanted: Scope, ignored: str) -> list[TailerRun]:
        """Return the runs that the API shows and that match the fields of a request, newest first.

        :param ignored: the field of the request that is not compared with the runs
        """
        now = self.world.timeline.now()
        values = wanted.model_dump(exclude_unset=True, exclude={ignored})
        runs = [
            run
            for run in reversed(self.all())
            if run.began(now) is not None
            and not self.deployed[run.identity].archived
            and run.fits(values, now)
        ]
        return sorted(runs, key=lambda run: run.started_at, reverse=True)

    def _set_run_status(self, wanted: SetRunStatus) -> Answer:
        runs = self._find_runs(wanted, "status")
        if not runs:
            raise KoError(f"run {wanted.run_id} of {wanted.configuration_id} not found")
        # Change only the label: no document says that this action stops a run.
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
                f"configuration {wanted.configuration_id} is archived; a super-administrator must restore it"
            )
        configuration.activated, configuration.archived = wanted.activated, wanted.archived
        return Answer() if self.settings.blank_ok else Answer.of_json(_OK)
