"""Toucan Toco's Operations API: data source files in, operations on a small app.

Facts: the vendor's guide "Advanced: update with confidence" and the vendor's own clients. The guide shows
requests and not one answer: newer backends answer with the id of an operation whose state can be asked for,
older ones may not. Nothing can be listed, nothing can be stopped. A few refused logins lock the account.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from airflow_provider_dataops.errors import (
    EXCERPT_LIMIT,
    AmbiguousSubmitError,
    ApiError,
    AuthenticationError,
    MalformedReplyError,
    NotFoundError,
    error_for_status,
)
from airflow_provider_dataops.platforms.api import Api
from airflow_provider_dataops.platforms.checks import chosen
from airflow_provider_dataops.platforms.http import (
    Exchange,
    FileSource,
    MultipartBody,
    Reply,
    Request,
    call,
    json_body,
    segment,
)
from airflow_provider_dataops.platforms.run import RunSnapshot, RunState
from airflow_provider_dataops.platforms.settings import (
    ConnectionFields,
    Settings,
    base_url,
    check_url,
    common_settings,
    credential,
    fill_template,
)
from airflow_provider_dataops.platforms.tokens import Token, TokenKeeper
from airflow_provider_dataops.platforms.toucan_work import Work, check_stage

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AUTH_TYPES = ("basic", "login", "bearer")

#: A file may take long to be taken in by the server after its last byte was sent, in seconds.
UPLOAD_READ_TIMEOUT = 600.0
#: Run ids of our own begin so, where the platform told none.
UNTRACKED = "untracked-"

_JSON = {"Accept": "application/json"}
_STATES = {
    "pending": RunState.PENDING,
    "running": RunState.RUNNING,
    "successful": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
}


@dataclass(frozen=True)
class Accepted:
    """What the platform answered to an upload or a submission.

    :param operation_id: empty where it told none; the end cannot be waited for then.
    :param answer: its JSON; its text where it is no JSON; ``None`` where the body is empty.
    """

    operation_id: str
    answer: Any


@dataclass(frozen=True)
class SmallApp:
    """One small app. What the platform does not tell is ``None``."""

    id: str
    name: str | None = None
    stage: str | None = None
    last_update: str | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    :param status: the platform's word, lower-case.
    :param answer: all that the platform tells of it.
    """

    operation_id: str
    status: str
    state: RunState
    answer: Mapping[str, Any]


class ToucanApi(Api):
    """One Toucan Toco backend, reached as one user.

    :param auth_type: one of :data:`AUTH_TYPES`.
    :param secret: the password, or the token of ``bearer``.
    :param default_small_app: for calls that name none.
    :param front_url: where people find the apps; derived from a host that begins with ``api-`` if empty.
    :param clock: seconds on a clock that never goes back, for the token's life.
    """

    platform: ClassVar[str] = "Toucan"
    #: More than about five refusals a minute lock the account for valid credentials, too.
    locks_out: ClassVar[bool] = True

    def __init__(
        self,
        settings: Settings,
        *,
        auth_type: str,
        login: str = "",
        secret: str,
        default_small_app: str = "",
        front_url: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(settings)
        self._auth_type = auth_type
        self._login = login
        self._secret = secret
        self._default_small_app = default_small_app
        self._front_url = front_url
        self._token = TokenKeeper(secret if auth_type == "bearer" else "", clock=clock)

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> ToucanApi:
        """Read an Airflow connection of type ``toucan``.

        :raises ConnectionSettingsError: if it lacks credentials, or holds an unusable URL.
        """
        auth_type = fields.choice("auth_type", AUTH_TYPES, "basic")
        url = base_url(fields)
        login = ""
        if auth_type == "bearer":
            secret = credential(fields, "extra field 'api_token'", fields.text("api_token"))
            secrets: tuple[str, ...] = (secret,)
        else:
            login = _word(fields, "login", fields.login)
            secret = _word(fields, "password", fields.password)
            if auth_type == "basic" and ":" in login:
                raise fields.error("login holds a colon, which HTTP Basic cannot send")
            secrets = (secret, _basic(login, secret))
        front_url = fields.text("front_url").rstrip("/")
        if front_url:
            check_url(fields, "extra field 'front_url'", front_url)
        common = common_settings(fields, url, secrets=secrets, account=(auth_type, login))
        return cls(
            Settings(**common),
            auth_type=auth_type,
            login=login,
            secret=secret,
            default_small_app=fields.text("small_app"),
            front_url=front_url,
        )

    # --- credentials -----------------------------------------------------------------------------------

    def needs_login(self) -> bool:
        """Tell whether a token is used, and there is none or it ends soon."""
        return self._auth_type == "login" and self._token.is_due()

    def login(self) -> Exchange[None]:
        """Fetch a token by login and password."""
        return self._token.renew(
            call(
                Request(
                    operation="log in",
                    method="POST",
                    url=f"{self.settings.base_url}/login",
                    headers=_JSON,
                    body=json_body({"username": self._login, "password": self._secret}),
                    parse=_read_token,
                    repeatable=True,
                    authenticated=False,
                )
            )
        )

    def forget_login(self) -> bool:
        """Drop a token that was refused; False where only the same credentials could be sent again."""
        if self._auth_type != "login":
            return False
        self._token.drop()
        return True

    def credentials(self) -> Mapping[str, str]:
        """Return the header that proves who we are."""
        if self._auth_type == "basic":
            return {"Authorization": f"Basic {_basic(self._login, self._secret)}"}
        return self._token.header()

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of error; the status of a refused login is not documented."""
        if not request.authenticated and reply.status in {400, 422}:
            return AuthenticationError
        # Of a backend without a route even the 404 is a web page.
        return error_for_status(reply.status)

    # --- calls -----------------------------------------------------------------------------------------

    def small_app(self, small_app: str | None) -> str:
        """Return the small app to use: the one given, or the connection's.

        :raises InvalidArgumentError: if there is neither.
        """
        return chosen("small_app", small_app, self._default_small_app)

    def _url(self, small_app: str, path: str, query: str = "") -> str:
        url = f"{self.settings.base_url}/{segment(small_app)}/{path}"
        return f"{url}?{query}" if query else url

    def upload_data_source(
        self,
        small_app: str,
        filename: str,
        source: FileSource,
        *,
        validation: bool = False,
        stage: str | None = None,
        upload_id: str = "",
    ) -> Exchange[Accepted]:
        """Send the file of a data source. A repeat overwrites it by its name.

        :param filename: the name that the small app's configuration declares.
        :param upload_id: a random text sends the fields of an upload in chunks, in one chunk.
        """
        # JSON in ASCII: no server has to guess the character set of a form's part.
        fields = [("data", json.dumps({"filename": filename}))]
        if upload_id:
            fields += [
                ("dzuuid", upload_id),
                ("dztotalfilesize", str(source.size)),
                ("dztotalchunkcount", "1"),
                ("dzchunkbyteoffset", "0"),
                ("dzchunkindex", "0"),
            ]
        query = f"validation={'true' if validation else 'false'}" + (f"&stage={stage}" if stage else "")
        return call(
            Request(
                operation=f"upload {filename}",
                method="POST",
                url=self._url(small_app, "data/sources", query),
                headers=_JSON,
                body=MultipartBody(fields, "file", filename, source),
                parse=_read_accepted,
                repeatable=True,
                read_timeout=UPLOAD_READ_TIMEOUT,
            )
        )

    def submit(self, small_app: str, work: Work) -> Exchange[Accepted]:
        """Start work. Never repeated by itself: each call makes another run."""
        return call(
            Request(
                operation=work.title,
                method="POST",
                url=self._url(small_app, work.path, work.query),
                headers=_JSON,
                body=json_body(work.body),
                parse=_read_accepted,
                read_timeout=work.read_timeout,
            )
        )

    def get_operation(self, small_app: str, operation_id: str) -> Exchange[Operation]:
        """Return one operation; older backends have no such call and answer 404."""
        return call(
            Request(
                operation=f"get operation {operation_id}",
                method="GET",
                url=self._url(small_app, f"operations/state/{segment(operation_id)}"),
                headers=_JSON,
                parse=lambda reply: _read_operation(operation_id, reply),
                repeatable=True,
            )
        )

    def list_small_apps(self) -> Exchange[list[SmallApp]]:
        """Return the small apps that the user may see."""
        return call(
            Request(
                operation="list small apps",
                method="GET",
                url=f"{self.settings.base_url}/small-apps",
                headers=_JSON,
                parse=_read_small_apps,
                repeatable=True,
            )
        )

    def get_etl_config(self, small_app: str, stage: str | None = None) -> Exchange[dict[str, Any]]:
        """Return the ETL configuration, which holds ``DATA_SOURCES``."""
        check_stage(stage)
        return call(
            Request(
                operation="get ETL configuration",
                method="GET",
                url=self._url(small_app, "config/etl", f"stage={stage}" if stage else ""),
                headers=_JSON,
                parse=_read_object,
                repeatable=True,
            )
        )

    def test(self) -> Exchange[str]:
        """List the small apps, which needs accepted credentials and no small app."""
        apps = yield from self.list_small_apps()
        told = "the credentials are accepted"
        if self._default_small_app and self._default_small_app not in {app.id for app in apps}:
            told += f"; small app {self._default_small_app!r} is not among those that the user may see"
        return told

    def app_url(self, small_app: str, stage: str | None, operation_id: str = "") -> str:
        """Return the link to the small app; no page of an operation is documented."""
        values = {"small_app": small_app, "operation_id": operation_id, "run_id": operation_id}
        if self.settings.link_template:
            return fill_template(self.settings.link_template, self.settings.base_url, values)
        front = self._front_url or _front_of(self.settings.base_url)
        if not front:
            return f"{self.settings.base_url}/"
        template = "{base_url}/{small_app}" + ("?stage=staging" if stage else "")
        return fill_template(template, front, values)

    def without_secrets(self, text: str) -> str:
        """Return a server's words without the credentials that it may have repeated."""
        for secret in sorted({*self.settings.secrets, self._token.text} - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, kw_only=True)
class OperationLaunch:
    """Work to be started.

    :param resubmits: start it anew, once, where the answer to a submission was lost.
    :param lost: the tokens of the submissions whose answers were lost.
    """

    api: ToucanApi
    small_app: str
    work: Work
    resubmits: bool = False
    lost: set[str] = field(default_factory=set, repr=False, compare=False)

    noun: ClassVar[str] = "operation"
    #: Nothing is listed, so there is nothing to wait for.
    settle_seconds: ClassVar[float] = 0.0
    exact: ClassVar[bool] = False
    can_stop: ClassVar[bool] = False
    waits_for_slot: ClassVar[bool] = False

    @property
    def absence_proves(self) -> bool:
        """Whether another may be started: a backend without the state route knows none of its own."""
        return self.resubmits

    @property
    def realm(self) -> str:
        """The backend; operation ids mean nothing elsewhere."""
        return self.api.settings.base_url

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work."""
        return {
            "base_url": self.api.settings.base_url,
            "small_app": self.small_app,
            "path": self.work.path,
            "query": self.work.query,
            "body": self.work.body,
        }

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Tell where the work is; what else goes on there cannot be listed."""
        yield from ()
        return {"small_app": self.small_app, "stage": self.work.stage}

    def earlier(self, mark: Mapping[str, Any]) -> OperationLaunch:
        """Return the launch that made a mark, as far as looking at its run goes."""
        return replace(self, small_app=mark["small_app"], work=replace(self.work, stage=mark["stage"]))

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the work; the API takes no token."""
        accepted = yield from self.api.submit(self.small_app, self.work)
        if accepted.operation_id:
            return _snapshot(accepted.operation_id, self.small_app, RunState.PENDING, "submitted")
        told = accepted.answer if isinstance(accepted.answer, str) else json.dumps(accepted.answer)
        words = self.api.without_secrets(told)[:EXCERPT_LIMIT] if accepted.answer is not None else "nothing"
        log.info("The answer to %s holds no operation_id: %s", self.work.title, words)
        return replace(
            _untracked(f"{UNTRACKED}{token}", self.small_app),
            message=f"submitted and not tracked; it answered {words}. Give missing_operation_id='succeed' if "
            "this backend tells no ids",
        )

    def orphans(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Tell of nothing where another run is wanted; otherwise, and after that one, a person must look.

        :raises AmbiguousSubmitError: since the platform lists no operations.
        """
        yield from ()
        self.lost.add(token)
        if self.resubmits and len(self.lost) == 1:
            return []
        raise AmbiguousSubmitError(
            f"the submission to small app {self.small_app} got no answer and Toucan lists no operations: it "
            "may be running. Look at the small app, then clear the task to start it anew; or give "
            "on_ambiguous_submit='resubmit', where a second run does no harm, to have it started anew once",
            url=self.url(""),
        )

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the operation as it is now."""
        return OperationWatch(api=self.api, small_app=self.small_app).look(run_id)

    def stop(self, run_id: str) -> Exchange[None]:
        """Refuse: the API has no such call."""
        raise NotImplementedError(f"Toucan cannot stop operation {run_id}")

    def url(self, run_id: str) -> str:
        """Return the link to the small app."""
        return self.api.app_url(self.small_app, self.work.stage, run_id)


@dataclass(frozen=True, kw_only=True)
class OperationWatch:
    """The operations of one small app; each is asked about by itself, for there is no list."""

    api: ToucanApi
    small_app: str

    sweeps: ClassVar[bool] = False

    @property
    def group(self) -> str:
        """The small app."""
        return self.small_app

    def sweep(self, keys: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of none."""
        yield from ()
        return {}

    def look(self, key: str) -> Exchange[RunSnapshot]:
        """Tell of one operation."""
        if key.startswith(UNTRACKED):
            return _untracked(key, self.small_app)
        try:
            told = yield from self.api.get_operation(self.small_app, key)
        except NotFoundError as error:
            return _snapshot(
                key,
                self.small_app,
                RunState.ABSENT,
                f"404: {error.body}. A backend without the route operations/state answers so for every "
                "operation: do not wait there (wait_for_completion=False)",
            )
        message = ""
        if told.state is RunState.FAILED:
            words = self.api.without_secrets(json.dumps(told.answer, ensure_ascii=False))[:EXCERPT_LIMIT]
            message = (
                f"{words}. If the failure was in a preprocess, the backend keeps its traceback under "
                f"/{segment(self.small_app)}/tracebacks/latest: a pickle, which runs code when it is loaded"
            )
        return replace(_snapshot(key, self.small_app, told.state, told.status), message=message)


def _snapshot(operation_id: str, small_app: str, state: RunState, raw_state: str) -> RunSnapshot:
    details = {"operation_id": operation_id, "small_app": small_app}
    return RunSnapshot(run_id=operation_id, state=state, raw_state=raw_state, details=details)


def _untracked(run_id: str, small_app: str) -> RunSnapshot:
    details = {"operation_id": None, "small_app": small_app}
    return RunSnapshot(run_id=run_id, state=RunState.UNTRACKED, raw_state="submitted", details=details)


def _word(fields: ConnectionFields, what: str, value: str | None) -> str:
    """Return a login or password, which need not be ASCII: it is sent as UTF-8 in Base64 or JSON."""
    text = (value or "").strip()
    if not text:
        raise fields.error(f"{what} is empty")
    if not text.isprintable():
        raise fields.error(f"{what} holds characters that cannot be sent")
    return text


def _basic(login: str, password: str) -> str:
    return base64.b64encode(f"{login}:{password}".encode()).decode()


def _front_of(url: str) -> str:
    """Return the front's URL that belongs to an API host, empty where the host tells none."""
    parts = urlsplit(url)
    if not parts.netloc.startswith("api-"):
        return ""
    return f"{parts.scheme}://{parts.netloc.removeprefix('api-')}"


def _read_token(reply: Reply) -> Token:
    told = reply.json()
    token = told.get("token") if isinstance(told, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        # The body is not repeated: it may hold a token under another name.
        raise MalformedReplyError("the answer to the login holds no token", status=reply.status)
    return Token(token, _life(token, reply))


def _life(token: str, reply: Reply) -> float:
    """Return the seconds that a token lives, infinite where it does not tell."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        # By the server's own clock, where it is told: ours need not be right.
        life = float(claims["exp"]) - (reply.date if reply.date is not None else time.time())
    except (LookupError, TypeError, ValueError):
        return math.inf
    return life if life > 0 else math.inf


def _read_accepted(reply: Reply) -> Accepted:
    """Read what no document shows: JSON with an id, anything else, or nothing."""
    if not reply.body.strip():
        return Accepted("", None)
    kind = reply.headers.get("content-type", "").lower()
    if kind.startswith("text/html"):
        raise MalformedReplyError(
            f"the answer is not JSON ({kind}) but a web page", status=reply.status, body=reply.text()
        )
    try:
        told = reply.json()
    except MalformedReplyError:
        if "json" in kind:
            raise
        return Accepted("", reply.text())
    operation_id = told.get("operation_id") if isinstance(told, dict) else None
    if operation_id is None or operation_id == "":
        return Accepted("", told)
    if isinstance(operation_id, bool) or not isinstance(operation_id, str | int):
        raise MalformedReplyError(
            "operation_id is neither a text nor a number", status=reply.status, body=reply.text()
        )
    return Accepted(str(operation_id), told)


def _read_operation(operation_id: str, reply: Reply) -> Operation:
    told = _read_object(reply)
    status = told.get("status")
    if not isinstance(status, str) or not status.strip():
        raise MalformedReplyError(
            "the state of an operation without a status", status=reply.status, body=reply.text()
        )
    word = status.strip().lower()
    return Operation(
        operation_id=operation_id,
        status=word,
        state=_STATES.get(word, RunState.UNKNOWN),
        answer=told,
    )


def _read_object(reply: Reply) -> dict[str, Any]:
    told = reply.json()
    if not isinstance(told, dict):
        raise MalformedReplyError("the answer is no JSON object", status=reply.status, body=reply.text())
    return told


def _read_small_apps(reply: Reply) -> list[SmallApp]:
    told = reply.json()
    if not isinstance(told, list) or not all(isinstance(app, dict) and app.get("id") for app in told):
        raise MalformedReplyError("no list of small apps", status=reply.status, body=reply.text())
    return [
        SmallApp(
            id=str(app["id"]),
            name=_told(app.get("name")),
            stage=_told(app.get("stage")),
            last_update=_told(app.get("last_update")),
            duplicate_of=_told(app.get("duplicateOf")),
        )
        for app in told
    ]


def _told(value: object) -> str | None:
    return None if value is None else str(value)
