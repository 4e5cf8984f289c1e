"""Toucan Toco's Operations API: upload the files of data sources, run operations on a small app.

Sources: the vendor's guide "Advanced: update with confidence" and the vendor's own clients. The guide shows
requests but no responses. Newer backends return the id of an operation, so that its state can be read. Older
backends may return no id. The API cannot list or cancel operations. A few rejected logins lock the account.
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
    ConnectionSettingsError,
    error_for_status,
    one_line,
)
from airflow_provider_dataops.platforms.toucan.form import PLACEHOLDERS
from airflow_provider_dataops.platforms.toucan.lineage import NAMES
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
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.tokens import Token

#: The values of the connection's field ``auth_type``.
AUTH_TYPES = ("basic", "login", "bearer")
#: The read timeout of an upload, in seconds. The server may need a long time to store the file.
UPLOAD_READ_TIMEOUT = 600.0


class ToucanApi(Api):
    """The calls to one Toucan Toco backend, as one user.

    If ``small_app`` is ``None``, a call uses the small app of the connection.

    :param auth_type: one of :data:`AUTH_TYPES`.
    :param login: the user name; empty for ``bearer``.
    :param secret: the password, or the token for ``bearer``.
    :param default_small_app: the connection's small app; empty if the connection has no small app.
    :param front_url: the URL where people open the apps. If empty, the API's host without ``api-`` is used.
        If the host does not begin with ``api-``, the URL is not known.
    """

    platform = "Toucan"
    noun = "operation"
    names = NAMES
    #: More than about five rejected logins in a minute lock the account. Then valid credentials fail, too.
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
        """Return the API for an Airflow connection of type ``toucan``.

        :raises ConnectionSettingsError: if credentials are missing, or a URL is invalid.
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
                raise fields.error("login contains a colon, which HTTP Basic authentication cannot send")
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
        """Log in with user and password, and return the token."""
        url = f"{self.settings.base_url}/login"
        body = json_body({"username": self._login, "password": self._secret})
        return self.post("log in", url, body, read_token, repeatable=True, authenticated=False)

    def credentials(self) -> Mapping[str, str]:
        """Return the header with the credentials."""
        return {"Authorization": self._authorization} if self.token is None else self.token.header()

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of the error.

        It is not documented whether a rejected login gets 400 or 422. So both count as a rejected login.
        """
        if not request.authenticated and reply.status in {400, 422}:
            return AuthenticationError
        # A backend that does not have a route responds 404 with a web page. So a web page does not prove that
        # a proxy sent the response.
        return error_for_status(reply.status)

    # --- runs ------------------------------------------------------------------------------------------

    def launch(self, small_app: str | None, work: Work, *, resubmits: bool = False) -> ToucanOperationLaunch:
        """Return the launch, which can start an operation on a small app. Nothing is sent yet.

        :param resubmits: whether to submit the operation once more after a lost response.
        """
        return ToucanOperationLaunch(
            api=self, small_app=self.small_app(small_app), work=work, resubmits=resubmits
        )

    def watch_operation(self, small_app: str | None, operation_id: str) -> ToucanOperationWatch:
        """Return the watch, which describes how to wait for an operation that was started already."""
        return ToucanOperationWatch(run_id=operation_id, small_app=self.small_app(small_app))

    # --- calls -----------------------------------------------------------------------------------------

    def small_app(self, small_app: str | None) -> str:
        """Return ``small_app``, or the connection's small app if ``small_app`` is ``None``.

        :raises InvalidArgumentError: if ``small_app`` is blank, or if it is ``None`` and the connection has
            no small app.
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
        moved: Callable[[int, int | None], None] = lambda _position, _size: None,
    ) -> Exchange[Accepted]:
        """Upload the file of a data source. It replaces a file of the same name.

        So it is safe to send the request twice.

        :param filename: the name of the file in the small app's configuration.
        :param validation: ``False`` sends ``validation=false``. ``True`` sends no parameter, because the
            guide shows only the value ``false``.
        :param stage: ``staging``, or ``None`` for production.
        :param upload_id: if not empty, send the form fields of a chunked upload, with this id and one chunk.
        :param moved: called while the file is sent; see :class:`~airflow_provider_dataops.core.http.Request`.
        """
        # json.dumps writes only ASCII. This is needed, because the server does not know the character set of
        # a form field.
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
            moved=moved,
        )

    def submit(self, small_app: str | None, work: Work) -> Exchange[Accepted]:
        """Start work on a small app. The request is not idempotent, so it is not sent twice."""
        url = self._url(small_app, work.path, work.query)
        return self.post(work.title, url, json_body(work.body), read_accepted, read_timeout=work.read_timeout)

    def get_operation(self, small_app: str | None, operation_id: str) -> Exchange[Operation]:
        """Return one operation. Older backends do not support this request and respond 404."""
        url = self._url(small_app, f"operations/state/{segment(operation_id)}")
        return self.get(
            f"get operation {operation_id}", url, lambda reply: read_operation(operation_id, reply)
        )

    def list_small_apps(self) -> Exchange[list[SmallApp]]:
        """Return the small apps that the user has permission to see."""
        return self.get("list small apps", f"{self.settings.base_url}/small-apps", read_small_apps)

    def get_etl_config(
        self, small_app: str | None = None, stage: str | None = None
    ) -> Exchange[dict[str, Any]]:
        """Return the ETL configuration of a small app. Its ``DATA_SOURCES`` contain the names of files."""
        url = self._url(small_app, "config/etl", stage_query(stage))
        return self.get("get ETL configuration", url, Reply.json_object)

    def test(self) -> Exchange[str]:
        """Request the list of small apps. This tests the credentials even if no small app is set."""
        apps = yield from self.list_small_apps()
        if self._default_small_app and self._default_small_app not in {app.id for app in apps}:
            raise ConnectionSettingsError(
                f"connection {self.settings.conn_id!r}: the credentials are accepted, but the user sees no "
                f"small app {self._default_small_app!r}"
            )
        return "the credentials are accepted"

    # --- links and texts -------------------------------------------------------------------------------

    def app_url(self, small_app: str, stage: str | None, operation_id: str = "") -> str:
        """Return the link to a small app. The documentation shows no URL for the page of an operation.

        If the URL of the apps is not known, the link leads to the backend.
        """
        default = "{base_url}/"
        if self._front_url:
            default += "{small_app}?stage=staging" if stage else "{small_app}"
        return self.link(
            default, self._front_url, small_app=small_app, operation_id=operation_id, run_id=operation_id
        )

    def without_secrets(self, text: str) -> str:
        """Return a server's text, with ``***`` in place of credentials that the server repeated."""
        token = self.token.text if self.token else ""
        for secret in sorted({*self.settings.secrets, token} - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def excerpt(self, payload: object) -> str:
        """Return the start of a payload for messages, on one line and without credentials.

        For a payload that is not a text, this is the start of its JSON.
        """
        text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        return one_line(self.without_secrets(text)[:EXCERPT_LIMIT])


def _front_of(url: str) -> str:
    """Return the URL of the apps for an API host that begins with ``api-``; empty for any other host."""
    parts = urlsplit(url)
    if not parts.netloc.startswith("api-"):
        return ""
    return f"{parts.scheme}://{parts.netloc.removeprefix('api-')}"
