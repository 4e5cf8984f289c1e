"""The sandbox's Tailer API on the wire.

Path, action, fields and answer of each operation follow the vendor's page "API features", its page on tokens,
and what its SDK and generated jobs tell of run records. Where these are silent the sandbox takes the stricter
reading, since a client that passes it passes the laxer one too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation
from dataops_sandbox.tailer.fields import check_body, identity
from dataops_sandbox.tailer.google import (
    GoogleDeniedError,
    GoogleRefusedError,
    google_denial,
    read_sign_in,
)
from dataops_sandbox.tailer.keys import EMAIL, key_json
from dataops_sandbox.tailer.runs import ALIAS, TABLE_TO_TABLE, Configuration, Run, canonical
from dataops_sandbox.tailer.store import ACCOUNT, TailerStore
from dataops_sandbox.tokens import bearer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.platform import World

_SIGN_IN = "/identitytoolkit/v3/relyingparty/verifyPassword"
_REFRESH = "/securetoken/v1/token"
_KEY = frozenset({"key"})
_RUN_ACTIONS = frozenset({"check_run_status", "get_last_status", "get_by_status", "set_run_status"})
_DEFAULT_LIMIT = 3
"""Items of an answer to a request without a limit: as many as the guide's samples have."""
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
            Operation("sign_in", "POST", _SIGN_IN, self._sign_in, _KEY),
            Operation("refresh_token", "POST", _REFRESH, self._refresh, _KEY),
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
        return self.root + _SIGN_IN

    @property
    def refresh_url(self) -> str:
        """URL where a refresh token becomes a token, without the key."""
        return self.root + _REFRESH

    def connection(
        self, auth_type: str = "service_account", *, refresh_token: bool = False
    ) -> dict[str, Any]:
        """Give host and credentials as the connection type ``tailer`` has them.

        :param auth_type: ``service_account``, ``firebase`` or ``bearer``
        :param refresh_token: whether ``firebase`` starts from a refresh token instead of email and password
        """
        extra = {"auth_type": auth_type, "account": ACCOUNT, "environment": "DEV"}
        fields = {"conn_type": self.name, "host": self.base_url, "extra": extra}
        if auth_type == "service_account":
            extra["service_account_secret_json"] = key_json()
        elif auth_type == "bearer":
            extra["api_token"] = self.api_token
        elif auth_type == "firebase":
            extra["firebase_api_key"] = self.firebase_api_key
            extra["firebase_sign_in_url"] = self.sign_in_url
            extra["firebase_refresh_url"] = self.refresh_url
            if refresh_token:
                extra["refresh_token"] = self.refresh_token
            else:
                fields |= {"login": self.email, "password": self.password}
        else:
            raise ValueError(f"auth_type must be service_account, firebase or bearer, not {auth_type!r}")
        return fields

    def denial(self, denied: DeniedError) -> Answer:
        """Say no: KO in JSON, whatever the status; the Google endpoints have a shape of their own."""
        if isinstance(denied, GoogleDeniedError | GoogleRefusedError):
            return google_denial(denied)
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
        """Give the user whose token it is."""
        now, token = self.world.timeline.now(), bearer(call.headers)
        if token in self.tokens:
            self.tokens.check(call.headers, now)
            return self.email
        self.self_signed.check(token, self.audience, self.world.timeline.wall(now).timestamp())
        return EMAIL

    def _known(self, body: Mapping[str, Any]) -> Configuration:
        configuration = self.deployed.get(identity(body))
        if configuration is None or configuration.archived:
            raise KoError(f"configuration {body['configuration_id']} not found")
        return configuration

    # The actions

    def _launch(self, call: Call) -> Answer:
        user, body = self._authorise(call), call.json_object()
        check_body(body, frozenset({"launch_job"}))
        configuration = self._known(body)
        if body.get("job_id", configuration.job_id) != configuration.job_id:
            raise KoError(f"configuration {body['configuration_id']} has no job {body['job_id']}")
        run = self.launch(configuration, created_by=user, execution_date=body.get("execution_date"))
        return Answer.of_json({"run_id": run.run_id})

    def _run_status(self, call: Call) -> Answer:
        self._authorise(call)
        body = call.json_object()
        action = check_body(body, _RUN_ACTIONS)
        if action == "set_run_status":
            return self._set_run_status(body)
        if action == "check_run_status":
            runs = [run for run in self._found(body) if run.run_id == body["run_id"]]
            # This answer alone has the present name of the type.
            return self._results(runs, canonical(body["configuration_type"]))
        if "execution_date" in body:
            wanted = body["execution_date"]
            runs = [run for run in self._found(body) if self._start_date(run) == wanted]
        else:
            runs = self._found(body)
        now = self.world.timeline.now()
        if "status" in body:
            runs = [run for run in runs if run.status(now) == body["status"]]
        kind = canonical(body["configuration_type"])
        shown = ALIAS if kind == TABLE_TO_TABLE else kind
        return self._results(runs[: body.get("limit", _DEFAULT_LIMIT)], shown)

    def _found(self, body: Mapping[str, Any]) -> list[Run]:
        """Give the runs with a record that fit the identity in a body, as far as it is told; newest first."""
        now = self.world.timeline.now()
        wanted = {name: body[name] for name in ("account", "environment", "configuration_id") if name in body}
        wanted["configuration_type"] = canonical(body["configuration_type"])
        runs = [self.run(run_id) for run_id in reversed(self.launched)]
        runs = [
            run
            for run in runs
            if run.recorded(now)
            and not self.deployed[run.identity].archived
            and body.get("job_id", run.job_id) == run.job_id
            and all(getattr(run.identity, name) == value for name, value in wanted.items())
        ]
        return sorted(runs, key=lambda run: run.started_at, reverse=True)

    def _start_date(self, run: Run) -> str:
        return self.world.timeline.wall(run.started_at).date().isoformat()

    def _results(self, runs: list[Run], shown_type: str) -> Answer:
        now, timeline = self.world.timeline.now(), self.world.timeline
        return Answer.of_json({"results": [run.as_json(shown_type, now, timeline) for run in runs]})

    def _set_run_status(self, body: Mapping[str, Any]) -> Answer:
        self._known(body)
        run = next((run for run in self._found(body) if run.run_id == body["run_id"]), None)
        if run is None:
            raise KoError(f"run {body['run_id']} not found")
        # A label and no more: that it would stop a run is claimed nowhere.
        run.label = body["status"]
        return Answer.of_json(_OK)

    def _workflow_status(self, call: Call) -> Answer:
        self._authorise(call)
        body = call.json_object()
        check_body(body, frozenset({"reset_workflow_status"}))
        workflow = self._known(body)
        workflow.triggered_jobs.clear()
        workflow.resets += 1
        return Answer.of_json({"code": 200, "data": {}, **_OK})

    def _configuration_status(self, call: Call) -> Answer:
        self._authorise(call)
        body = call.json_object()
        check_body(body, frozenset({"set_configuration_status"}))
        configuration = self.deployed.get(identity(body))
        if configuration is None:
            raise KoError(f"configuration {body['configuration_id']} not found")
        if configuration.archived and not body["archived"]:
            raise KoError(
                f"configuration {body['configuration_id']} is archived; a super-administrator can undo it"
            )
        configuration.activated, configuration.archived = body["activated"], body["archived"]
        return Answer() if self.blank_ok else Answer.of_json(_OK)

    # Google

    def _check_key(self, call: Call) -> None:
        if "key" not in call.query:
            raise GoogleRefusedError(403, "the request lacks an API key")
        if call.query["key"] != self.firebase_api_key:
            raise GoogleDeniedError(400, "API key not valid. Please pass a valid API key.")

    def _sign_in(self, call: Call) -> Answer:
        self._check_key(call)
        email, password = read_sign_in(call)
        if email != self.email:
            raise GoogleDeniedError(400, "EMAIL_NOT_FOUND")
        if password != self.password:
            raise GoogleDeniedError(400, "INVALID_PASSWORD")
        token, refresh_token = self._issue()
        return Answer.of_json(
            {
                "kind": "identitytoolkit#VerifyPasswordResponse",
                "localId": "user-1",
                "email": self.email,
                "idToken": token,
                "refreshToken": refresh_token,
                "registered": True,
                "expiresIn": str(int(self.token_lifetime)),
            }
        )

    def _refresh(self, call: Call) -> Answer:
        self._check_key(call)
        self.firebase.check_refresh(call)
        token, refresh_token = self._issue()
        return Answer.of_json(
            {
                "id_token": token,
                "refresh_token": refresh_token,
                "user_id": "user-1",
                "expires_in": str(int(self.token_lifetime)),
                "token_type": "Bearer",
            }
        )

    def _issue(self) -> tuple[str, str]:
        now = self.world.timeline.now()
        wall = self.world.timeline.wall(now).timestamp()
        return self.firebase.issue(self.email, now, wall, self.token_lifetime)
