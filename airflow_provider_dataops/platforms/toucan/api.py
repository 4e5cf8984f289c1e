"""Toucan Toco's Operations API: data source files in, operations on a small app.

Facts: the vendor's guide "Advanced: update with confidence" and the vendor's own clients. The guide shows
requests and no responses: newer backends respond with the id of an operation whose state can be read, older
ones may not. Nothing can be listed, nothing can be cancelled. A few refused logins lock the account.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.http import (
    Exchange,
    FileSource,
    MultipartBody,
    Reply,
    Request,
    json_body,
    segment,
)
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    basic_credentials,
    check_url,
    credential,
    login_text,
    read_settings,
)
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    EXCERPT_LIMIT,
    ApiError,
    AuthenticationError,
    error_for_status,
    one_line,
)
from airflow_provider_dataops.platforms.toucan.form import PLACEHOLDERS
from airflow_provider_dataops.platforms.toucan.model import (
    Accepted,
    Operation,
    SmallApp,
    read_accepted,
    read_operation,
    read_small_apps,
    read_token,
)
from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationLaunch, ToucanOperationWatch
from airflow_provider_dataops.platforms.toucan.work import Work, stage_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.tokens import Token

AUTH_TYPES = ("basic", "login", "bearer")
#: Seconds that the server may take to respond after the last byte of a file was sent.
UPLOAD_READ_TIMEOUT = 600.0


class ToucanApi(Api):
    """One Toucan Toco backend, reached as one user.

    Calls take ``None`` for ``small_app``: it stands for the connection's small app.

    :param auth_type: one of :data:`AUTH_TYPES`.
    :param secret: the password, or the token of ``bearer``.
    :param default_small_app: for calls that name none.
    :param front_url: where people find the apps; derived from a host that begins with ``api-`` if empty.
    """

    platform = "Toucan"
    noun = "operation"
    #: More than about five refusals a minute lock the account for valid credentials, too.
    locks_out = True

    def __init__(
        self,
        settings: Settings,
        *,
        auth_type: str,
        login: str = "",
        secret: str,
        default_small_app: str = "",
        front_url: str = "",
    ) -> None:
        super().__init__(settings)
        self.token = TokenKeeper() if auth_type == "login" else None
        self._login = login
        self._secret = secret
        self._authorization = (
            f"Bearer {secret}" if auth_type == "bearer" else f"Basic {basic_credentials(login, secret)}"
        )
        self._default_small_app = default_small_app
        self._front_url = front_url or _front_of(settings.base_url)

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
            login = login_text(fields, "login", fields.login)
            secret = login_text(fields, "password", fields.password)
            if auth_type == "basic" and ":" in login:
                raise fields.error("login holds a colon, which HTTP Basic cannot send")
            secrets = (secret, basic_credentials(login, secret))
        front_url = fields.text("front_url").rstrip("/")
        if front_url:
            check_url(fields, "extra field 'front_url'", front_url)
        return cls(
            read_settings(
                fields, url, secrets=secrets, placeholders=PLACEHOLDERS, account=(auth_type, login)
            ),
            auth_type=auth_type,
            login=login,
            secret=secret,
            default_small_app=fields.text("small_app"),
            front_url=front_url,
        )

    # --- credentials -----------------------------------------------------------------------------------

    def fetch_token(self) -> Exchange[Token]:
        """Fetch a token by login and password."""
        url = f"{self.settings.base_url}/login"
        body = json_body({"username": self._login, "password": self._secret})
        return self.post("log in", url, body, read_token, repeatable=True, authenticated=False)

    def credentials(self) -> Mapping[str, str]:
        """Return the header that proves who we are."""
        return {"Authorization": self._authorization} if self.token is None else self.token.header()

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of error; the status of a refused login is not documented."""
        if not request.authenticated and reply.status in {400, 422}:
            return AuthenticationError
        # A backend that lacks a route answers 404 with a web page, too.
        return error_for_status(reply.status)

    # --- runs ------------------------------------------------------------------------------------------

    def launch(self, small_app: str | None, work: Work, *, resubmits: bool = False) -> ToucanOperationLaunch:
        """Return work to be started."""
        return ToucanOperationLaunch(
            api=self, small_app=self.small_app(small_app), work=work, resubmits=resubmits
        )

    def watch_operation(self, small_app: str | None, operation_id: str) -> ToucanOperationWatch:
        """Return the watch of an operation that something else started."""
        return ToucanOperationWatch(run_id=operation_id, small_app=self.small_app(small_app))

    # --- calls -----------------------------------------------------------------------------------------

    def small_app(self, small_app: str | None) -> str:
        """Return the small app to use: the named one, or the connection's for ``None``.

        :raises InvalidArgumentError: if there is neither, or the name is blank.
        """
        return self.text_or_default("small_app", small_app, self._default_small_app)

    def _url(self, small_app: str | None, path: str, query: str = "") -> str:
        url = f"{self.settings.base_url}/{segment(self.small_app(small_app))}/{path}"
        return f"{url}?{query}" if query else url

    def upload_data_source(
        self,
        small_app: str | None,
        filename: str,
        source: FileSource,
        *,
        validation: bool = False,
        stage: str | None = None,
        upload_id: str = "",
    ) -> Exchange[Accepted]:
        """Send the file of a data source. A repeat overwrites it by its name.

        :param filename: the name that the small app's configuration declares.
        :param validation: ``True`` leaves the parameter out: the guide shows no value but ``false``.
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
        query = "&".join(filter(None, ("" if validation else "validation=false", stage_query(stage))))
        return self.post(
            f"upload {filename}",
            self._url(small_app, "data/sources", query),
            MultipartBody(fields, "file", filename, source),
            read_accepted,
            repeatable=True,
            read_timeout=UPLOAD_READ_TIMEOUT,
        )

    def submit(self, small_app: str | None, work: Work) -> Exchange[Accepted]:
        """Start work. Never repeated by itself: each call makes another run."""
        url = self._url(small_app, work.path, work.query)
        return self.post(work.title, url, json_body(work.body), read_accepted, read_timeout=work.read_timeout)

    def get_operation(self, small_app: str | None, operation_id: str) -> Exchange[Operation]:
        """Return one operation; older backends have no such call and answer 404."""
        url = self._url(small_app, f"operations/state/{segment(operation_id)}")
        return self.get(
            f"get operation {operation_id}", url, lambda reply: read_operation(operation_id, reply)
        )

    def list_small_apps(self) -> Exchange[list[SmallApp]]:
        """Return the small apps that the user may see."""
        return self.get("list small apps", f"{self.settings.base_url}/small-apps", read_small_apps)

    def get_etl_config(
        self, small_app: str | None = None, stage: str | None = None
    ) -> Exchange[dict[str, Any]]:
        """Return a small app's ETL configuration; ``DATA_SOURCES`` in it declares the files' names."""
        url = self._url(small_app, "config/etl", stage_query(stage))
        return self.get("get ETL configuration", url, Reply.json_object)

    def test(self) -> Exchange[str]:
        """List the small apps, which needs accepted credentials and no small app."""
        apps = yield from self.list_small_apps()
        proof = "the credentials are accepted"
        if self._default_small_app and self._default_small_app not in {app.id for app in apps}:
            proof += f"; small app {self._default_small_app!r} is not among those that the user may see"
        return proof

    # --- links and texts -------------------------------------------------------------------------------

    def app_url(self, small_app: str, stage: str | None, operation_id: str = "") -> str:
        """Return the link to the small app; no page of an operation is documented.

        Where neither the connection nor the host shows where the front is, the link leads to the backend.
        """
        default = "{base_url}/"
        if self._front_url:
            default += "{small_app}?stage=staging" if stage else "{small_app}"
        return self.link(
            default, self._front_url, small_app=small_app, operation_id=operation_id, run_id=operation_id
        )

    def without_secrets(self, text: str) -> str:
        """Return a server's words without the credentials that it may have repeated."""
        token = self.token.text if self.token else ""
        for secret in sorted({*self.settings.secrets, token} - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def excerpt(self, payload: object) -> str:
        """Return the start of a payload as text for messages, without credentials; JSON unless it is text."""
        text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        return one_line(self.without_secrets(text)[:EXCERPT_LIMIT])


def _front_of(url: str) -> str:
    """Return the front's URL that belongs to an API host, empty where the host does not show it."""
    parts = urlsplit(url)
    if not parts.netloc.startswith("api-"):
        return ""
    return f"{parts.scheme}://{parts.netloc.removeprefix('api-')}"
