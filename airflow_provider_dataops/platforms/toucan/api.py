"""Toucan Toco's Operations API: data source files in, operations on a small app.

Facts: the vendor's guide "Advanced: update with confidence" and the vendor's own clients. The guide shows
requests and not one answer: newer backends answer with the id of an operation whose state can be asked for,
older ones may not. Nothing can be listed, nothing can be stopped. A few refused logins lock the account.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.arguments import chosen
from airflow_provider_dataops.core.http import (
    Exchange,
    FileSource,
    MultipartBody,
    Reply,
    Request,
    call,
    json_body,
    segment,
)
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    check_url,
    common_settings,
    credential,
    fill_template,
)
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    error_for_status,
)
from airflow_provider_dataops.platforms.toucan.model import (
    Accepted,
    Operation,
    SmallApp,
    _read_accepted,
    _read_object,
    _read_operation,
    _read_small_apps,
    _read_token,
)
from airflow_provider_dataops.platforms.toucan.work import Work, check_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


log = logging.getLogger(__name__)
AUTH_TYPES = ("basic", "login", "bearer")
#: A file may take long to be taken in by the server after its last byte was sent, in seconds.
UPLOAD_READ_TIMEOUT = 600.0
_JSON = {"Accept": "application/json"}


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
