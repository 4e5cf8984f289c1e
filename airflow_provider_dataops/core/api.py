"""The interface between a platform and the rest of the package.

Each platform subclasses :class:`Api`. The subclass adds the credentials to requests, reads the platform's
errors, and has one generator for each API call. The platform also subclasses
:class:`~airflow_provider_dataops.core.launch.Launch`, to start a run, and
:class:`~airflow_provider_dataops.core.watch.Watch`, to wait for a run. The rest of the package uses
only these three classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.http import Request, read_json
from airflow_provider_dataops.errors import ApiError, InvalidArgumentError, UnroutedError, error_for_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.http import Body, Exchange, FileBody, MultipartBody, Reply
    from airflow_provider_dataops.core.lineage import Names
    from airflow_provider_dataops.core.settings import Settings
    from airflow_provider_dataops.core.tokens import Token, TokenKeeper

T = TypeVar("T")

#: The headers of nearly all requests.
ACCEPT_JSON = {"Accept": "application/json"}


class Api:
    """One platform with the settings of one connection. The package ``transport`` sends the requests.

    :param settings: the validated settings of the connection.
    """

    #: The platform's name as people write it.
    platform: ClassVar[str]
    #: The platform's own word for a run: ``job``, ``execution``.
    noun: ClassVar[str] = "run"
    #: The names of the platform's datasets in assets and lineage.
    names: ClassVar[Names]
    #: Whether the platform locks an account after it has rejected the credentials a few times. If it does, a
    #: task sends rejected credentials again only while it waits for a run or condition, and only once.
    locks_out: ClassVar[bool] = False
    #: The object that keeps the token of a login. ``None`` if each request contains the connection's
    #: credentials.
    token: TokenKeeper | None = None
    #: The error of the last rejected login. Requests that began before it get this error, and do not log in.
    login_refusal: ApiError | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # --- credentials -----------------------------------------------------------------------------------

    def risks_lockout(self) -> bool:
        """Return whether the platform may lock the account if it rejects several requests at the same time.

        This is not so if the requests contain a token whose expiry is known: such a token is renewed in time,
        with one login.
        """
        return self.locks_out and (self.token is None or not self.token.expires)

    def needs_login(self) -> bool:
        """Return whether a token must be fetched before the next request."""
        return self.token is not None and self.token.is_due()

    def login(self) -> Exchange[None]:
        """Fetch a token if the platform needs a token."""
        if self.token is not None:
            yield from self.token.renew(self.fetch_token())

    def fetch_token(self) -> Exchange[Token]:
        """Return a new token. Platforms that set :attr:`token` override this."""
        raise NotImplementedError

    def forget_login(self) -> bool:
        """Drop the token after a 401. Return ``False`` if this provider cannot fetch another token."""
        if self.token is None:
            return False
        self.token.drop()
        return True

    def credentials(self) -> Mapping[str, str]:
        """Return the headers that contain the credentials. By default, this is the header with the token."""
        if self.token is None:
            raise NotImplementedError
        return self.token.header()

    def test(self) -> Exchange[str]:
        """Test the connection's credentials with a request. Return the result in words for the user."""
        raise NotImplementedError

    # --- requests --------------------------------------------------------------------------------------

    def get(
        self, operation: str, url: str, parse: Callable[[Reply], T] = read_json, **options: Any
    ) -> Exchange[T]:
        """Send a GET request and return the parsed response.

        :param operation: what the request does, in words, for errors and logs: ``get job 17``.
        :param options: further fields of :class:`~airflow_provider_dataops.core.http.Request`.
        """
        fields = {"headers": ACCEPT_JSON, "repeatable": True, **options}
        value: T = yield Request(operation=operation, method="GET", url=url, parse=parse, **fields)
        return value

    def post(
        self,
        operation: str,
        url: str,
        body: Body | FileBody | MultipartBody | None,
        parse: Callable[[Reply], T] = read_json,
        **options: Any,
    ) -> Exchange[T]:
        """Send a POST request and return the parsed response.

        :param options: further fields of the request. Pass ``repeatable=True`` if it is safe to send the
            request twice.
        """
        fields = {"headers": ACCEPT_JSON, **options}
        value: T = yield Request(
            operation=operation, method="POST", url=url, body=body, parse=parse, **fields
        )
        return value

    # --- responses -------------------------------------------------------------------------------------

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of the error to raise for a response without a 2xx status code."""
        if reply.status == 404 and "html" in reply.headers.get("content-type", ""):
            # The platforms' APIs never return a web page. So a proxy has sent this one.
            return UnroutedError
        return error_for_status(reply.status)

    def error_text(self, reply: Reply) -> str:
        """Return the server's text about an error: a field such as ``message``, or the start of the body."""
        try:
            payload = reply.json()
        except Exception:
            return reply.text()
        if isinstance(payload, dict):
            for key in ("message", "error_description", "error"):
                if isinstance(payload.get(key), str) and payload[key]:
                    return str(payload[key])
        return reply.text()

    # --- arguments, links and lineage ------------------------------------------------------------------

    def text_or_default(self, name: str, value: object, default: str) -> str:
        """Return an argument, or the connection's field of the same name if the argument is ``None``.

        An empty argument is an error, because it may come from a template that rendered to nothing. If the
        connection's default replaced it, the task could work on the wrong object.

        :param name: the name of the argument.
        :param default: the value of the connection's field; empty if the field is not set.
        :raises InvalidArgumentError: if the argument is empty or not a string, or if neither the argument
            nor the connection's field is set.
        """
        if value is not None:
            require_text(**{name: value})
        text = default if value is None else str(value).strip()
        if not text:
            raise InvalidArgumentError(
                f"{name} is empty: pass it, or fill in {name} in connection {self.settings.conn_id!r}"
            )
        return text

    def namespace(self, *ids: str) -> str:
        """Return the namespace of the platform's datasets in lineage.

        :param ids: the ids that follow the host, such as the organisation.
        """
        return self.names.namespace(self.settings.base_url, *ids)

    def link(self, default: str, base_url: str = "", **values: str) -> str:
        """Return a link, made from the connection's ``link_template``. Values are percent-encoded.

        :param default: the template to use if the connection sets no template.
        :param base_url: the value of ``{base_url}`` in the default template; if empty, the API's URL.
        :param values: the values of the other placeholders.
        """
        template = self.settings.link_template
        base = self.settings.base_url if template or not base_url else base_url
        url = (template or default).replace("{base_url}", base)
        # Do not use str.format here: a template could then read the attributes of objects.
        for name, value in values.items():
            url = url.replace(f"{{{name}}}", quote(value, safe="", errors="replace"))
        return url
