"""What a platform is to the rest of the package.

A platform subclasses :class:`Api`: how requests are authorised, what its errors look like, and one generator
a call. :class:`~airflow_provider_dataops.core.launch.Launch` says how a run of it is started, and
:class:`~airflow_provider_dataops.core.watch.Watch` what is waited for. The drivers, the life of a run and
Airflow's roles know these three alone.
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
    from airflow_provider_dataops.core.settings import Settings
    from airflow_provider_dataops.core.tokens import Token, TokenKeeper

T = TypeVar("T")

#: What nearly all requests ask for.
ACCEPT_JSON = {"Accept": "application/json"}


class Api:
    """One platform, reached with one connection. It does no I/O.

    :param settings: the connection, checked.
    """

    #: The platform's name as people write it.
    platform: ClassVar[str]
    #: The platform's noun for a run: ``job``, ``execution``.
    noun: ClassVar[str] = "run"
    #: Whether a few refusals lock the account. Then only a wait sends refused credentials again, and once.
    locks_out: ClassVar[bool] = False
    #: The token that is fetched and renewed; ``None`` if the credentials are the connection's own.
    token: TokenKeeper | None = None
    #: The last refusal of a login, where refusals may lock the account.
    login_refusal: ApiError | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # --- credentials -----------------------------------------------------------------------------------

    def needs_login(self) -> bool:
        """Return whether a token must be fetched before the next request."""
        return self.token is not None and self.token.is_due()

    def login(self) -> Exchange[None]:
        """Fetch a token, where the platform has a call for that."""
        if self.token is not None:
            yield from self.token.renew(self.fetch_token())

    def fetch_token(self) -> Exchange[Token]:
        """Return a new token, from a platform that has :attr:`token`."""
        raise NotImplementedError

    def forget_login(self) -> bool:
        """Drop a token after a 401. Return false if no other one can be fetched."""
        if self.token is None:
            return False
        self.token.drop()
        return True

    def credentials(self) -> Mapping[str, str]:
        """Return the headers that prove who we are: by default the token's."""
        if self.token is None:
            raise NotImplementedError
        return self.token.header()

    def test(self) -> Exchange[str]:
        """Prove that the connection's credentials work, and return what was proved."""
        raise NotImplementedError

    # --- requests --------------------------------------------------------------------------------------

    def get(
        self, operation: str, url: str, parse: Callable[[Reply], T] = read_json, **options: Any
    ) -> Exchange[T]:
        """Return the exchange that reads something.

        :param operation: what is being done, in words, for errors and logs.
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
        """Return the exchange that sends something; ``repeatable=True`` lets it be repeated."""
        fields = {"headers": ACCEPT_JSON, **options}
        value: T = yield Request(
            operation=operation, method="POST", url=url, body=body, parse=parse, **fields
        )
        return value

    # --- responses -------------------------------------------------------------------------------------

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of error that an unsuccessful response stands for."""
        if reply.status == 404 and "html" in reply.headers.get("content-type", ""):
            # An API has no web pages: this one comes from a proxy.
            return UnroutedError
        return error_for_status(reply.status)

    def error_text(self, reply: Reply) -> str:
        """Return the server's own words about an error: the ``message`` of a JSON body, or the text."""
        try:
            payload = reply.json()
        except Exception:
            return reply.text()
        if isinstance(payload, dict):
            for key in ("message", "error_description", "error"):
                if isinstance(payload.get(key), str) and payload[key]:
                    return str(payload[key])
        return reply.text()

    # --- arguments and links ---------------------------------------------------------------------------

    def text_or_default(self, name: str, value: object, default: str) -> str:
        """Return an argument, or the connection's field of the same name if the argument is ``None``.

        If a template renders to an empty text, raise an error: the default may mean another place.

        :raises InvalidArgumentError: if there is neither, or the argument is empty or no text.
        """
        if value is not None:
            require_text(**{name: value})
        text = default if value is None else str(value).strip()
        if not text:
            raise InvalidArgumentError(f"{name} is empty: give it, or set the connection's {name}")
        return text

    def link(self, default: str, base_url: str = "", **values: str) -> str:
        """Return a link by the connection's ``link_template``, each value percent-encoded.

        :param default: the template where the connection has none.
        :param base_url: what ``{base_url}`` stands for in the default; the connection's own if empty.
        """
        template = self.settings.link_template
        base = self.settings.base_url if template or not base_url else base_url
        url = (template or default).replace("{base_url}", base)
        # Not str.format, which would give a template access to attributes.
        for name, value in values.items():
            url = url.replace(f"{{{name}}}", quote(value, safe="", errors="replace"))
        return url
