"""HTTP requests and responses as plain values. Nothing here sends a request.

An *exchange* is a generator that yields *steps*. A *driver* is the code that runs the generator. It does each
step and sends the step's value back into the generator:

* :class:`Request`: send the request; the value is what ``parse`` returns for the response;
* :class:`Pause`: wait;
* :class:`RegisterSecret`: mask a secret in every log from now on;
* :class:`BlockingCall`: do work that would block an event loop, such as signing;
* :class:`EnsureCredentials`: log in, unless another exchange has logged in meanwhile.

If a step fails, the driver throws an error of :mod:`airflow_provider_dataops.errors` into the exchange. Two
drivers in ``transport`` run exchanges: one uses ``requests``, one uses ``aiohttp``. Unit tests need neither.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Generic, Protocol, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Raw, ValidationError

from airflow_provider_dataops.core import decode
from airflow_provider_dataops.core.arguments import is_encodable
from airflow_provider_dataops.core.headers import header_text, http_date
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: The largest response that is read into memory, in bytes. Downloads to a file have no limit.
MAX_REPLY_BYTES = 64 * 1024 * 1024
#: These characters are not percent-encoded in a URL.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+")


class FileSource(Protocol):
    """A file to upload. It can be opened again for each attempt."""

    @property
    def name(self) -> str:
        """The file's name without its folders."""

    @property
    def size(self) -> int:
        """The length in bytes."""

    def open(self) -> IO[bytes]:
        """Open the file at byte 0."""

    def has_changed(self) -> bool:
        """Return whether the file was replaced or written since its size was read."""


class Sink(Protocol):
    """Receives the body of a successful response piece by piece, usually into a file."""

    @property
    def name(self) -> str:
        """The file's name without its folders."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Discard what an earlier attempt wrote.

        :raises MalformedReplyError: if the headers show that the body is not the requested file.
        """

    def write(self, chunk: bytes) -> None:
        """Append the next bytes."""

    def finish(self) -> None:
        """Check that the body has the length that the headers announced.

        :raises TransportError: if the two lengths differ.
        """


@dataclass(frozen=True)
class Body:
    """Bytes to send.

    :param content_type: the media type; ``None`` sends no ``Content-Type`` header.
    """

    content: bytes
    content_type: str | None


@dataclass(frozen=True)
class FileBody:
    """A file as the whole body. It is streamed with a ``Content-Length``, never in chunked encoding."""

    source: FileSource
    content_type: str | None = "application/octet-stream"


@dataclass(frozen=True)
class MultipartBody:
    """A ``multipart/form-data`` form with text parts and one file. It is streamed with a ``Content-Length``.

    :param fields: names and texts of the text parts, in the order in which they are sent. The file is sent
        after them.
    :param name: the name of the file's part.
    :param filename: the file name that the server receives.
    """

    fields: Sequence[tuple[str, str]]
    name: str
    filename: str
    source: FileSource
    content_type: str = "application/octet-stream"


def json_body(value: object) -> Body:
    """Return a value as a body of compact JSON in UTF-8.

    :raises InvalidArgumentError: if the value cannot be written as JSON or UTF-8.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return Body(text.encode(), "application/json")
    except ValueError as error:
        raise InvalidArgumentError(f"an argument cannot be sent as JSON: {error}") from None


def form_body(fields: Mapping[str, str]) -> Body:
    """Return fields as a body of the type ``application/x-www-form-urlencoded``."""
    return Body(urlencode(fields).encode(), "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Reply:
    """One HTTP response.

    :param headers: the headers, with lower-case names.
    :param reason: the reason phrase of the status line; empty if the library does not report it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    reason: str = ""

    @classmethod
    def received(
        cls, status: int, headers: Iterable[tuple[str, str]], body: bytes, reason: str, codec: tuple[str, str]
    ) -> Self:
        """Return a response with correctly decoded headers.

        An HTTP library decodes all headers with one encoding. But most servers send UTF-8, and some
        send Latin-1. So this method decodes the original bytes of each header again.

        :param codec: the encoding and the error handler that the library has used for the headers.
        """
        names = {name.lower(): header_text(value, codec) for name, value in headers}
        return cls(status, names, body, header_text(reason, codec))

    def json(self) -> Any:
        """Return the body, decoded from JSON.

        :raises MalformedReplyError: if the body is not JSON.
        """
        try:
            return decode.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise self._not_json(error) from None

    def json_object(self) -> dict[str, Any]:
        """Return the body, decoded from a JSON object.

        :raises MalformedReplyError: if the body is not a JSON object.
        """
        payload = self.json()
        if not isinstance(payload, dict):
            raise self.malformed("the response is not a JSON object")
        return payload

    def entries(self) -> Iterator[Raw]:
        """Return the entries of a body that is a JSON array. The entries are not decoded.

        :raises MalformedReplyError: if the body is not a JSON array. Some entries may have been returned
            before the error.
        """
        return self.entries_of(decode.prepared(self.body))

    def entries_of(self, text: bytes | bytearray | Raw) -> Iterator[Raw]:
        """Return the entries of a JSON array in the body. The entries are not decoded.

        :param text: the array, a part of the body.
        :raises MalformedReplyError: if the text is not a JSON array. Some entries may have been returned
            before the error.
        """
        try:
            yield from decode.array(text)
        except ValidationError:
            raise self.malformed(
                "the response does not contain a JSON array where the list is expected"
            ) from None
        except (ValueError, RecursionError) as error:
            raise self._not_json(error) from None

    def members(self, *names: str, others: bool = True) -> dict[str, Raw]:
        """Return some members of a body that is a JSON object. The members are not decoded.

        :param names: the members to return. A member that the body does not have is left out.
        :param others: whether the body may have other members, too.
        :raises MalformedReplyError: if the body is not a JSON object, or has members that are not allowed.
        """
        try:
            return decode.members(decode.prepared(self.body), *names, others=others)
        except ValidationError as error:
            raise self.malformed(f"the response does not have the documented fields: {error}") from None
        except (ValueError, RecursionError) as error:
            raise self._not_json(error) from None

    def _not_json(self, error: Exception) -> MalformedReplyError:
        kind = self.headers.get("content-type", "no content type")
        return self.malformed(f"the response is not JSON ({kind}): {error}")

    def malformed(self, message: str) -> MalformedReplyError:
        """Return an error about this response, with its status code and the start of its body."""
        return MalformedReplyError(message, status=self.status, body=self.text())

    def check_no_page(self) -> None:
        """Check that the response is not a web page of a proxy, such as a sign-in page.

        :raises MalformedReplyError: if the body is a web page.
        """
        kind = self.headers.get("content-type", "").lower()
        if self.body.strip() and kind.startswith("text/html"):
            raise self.malformed(f"the response is a web page ({kind}), so the platform did not send it")

    def text(self) -> str:
        """Return the first 2000 bytes of the body as text. Bytes that are not UTF-8 become U+FFFD."""
        return self.body[:2_000].decode("utf-8", errors="replace").strip()

    @property
    def date(self) -> float | None:
        """The time in the header ``Date``, in seconds since the epoch; ``None`` without the header."""
        return http_date(self.headers.get("date", ""))


def read_json(reply: Reply) -> Any:
    """Return the body, decoded from JSON. A :class:`Request` parses its response like this by default."""
    return reply.json()


def read_nothing(reply: Reply) -> None:
    """Check only that a successful response is not a web page. Its body is not parsed.

    :raises MalformedReplyError: if the body is a web page.
    """
    reply.check_no_page()


@dataclass(frozen=True, kw_only=True, repr=False)
class Request(Generic[T_co]):
    """One HTTP request, and how to parse its response.

    :param operation: what the request does, in words, for errors and logs: ``create job``.
    :param url: the whole URL, including the query.
    :param headers: headers without secrets.
    :param secret_headers: headers with credentials. They are never logged and never sent to another host.
    :param body: what to send.
    :param parse: a function that gets a response with a 2xx status code and returns the result of the
        request. It raises :class:`~airflow_provider_dataops.errors.MalformedReplyError` for a response that
        it cannot read.
    :param sink: receives the body of a response with status code 200 or 204. Without a sink, the body is read
        into memory.
    :param repeatable: whether it is safe to send the request twice. A request that is not repeatable is sent
        again only if the failure proves that the server did not process it.
    :param authenticated: whether to add the credentials; ``False`` for a request that fetches them.
    :param read_timeout: the request fails if the server sends nothing for this many seconds. The connection's
        ``request_timeout`` applies if it is longer, or if ``read_timeout`` is ``None``.
    :param moved: a function to call while a file is sent or received. Its first argument is how many bytes of
        the file were sent or received in this attempt; an attempt begins with 0. The second one is the file's
        size in bytes; ``None`` if the server does not report it. An error that it raises ends the request.
    """

    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | FileBody | MultipartBody | None = None
    parse: Callable[[Reply], T_co] = read_json
    sink: Sink | None = None
    repeatable: bool = False
    authenticated: bool = True
    read_timeout: float | None = None
    moved: Callable[[int, int | None], None] = lambda _position, _size: None

    def __repr__(self) -> str:
        """Return a string without the URL's query, because it may contain a key or a link's signature."""
        return f"Request({self.operation!r}, {self.method} {origin(self.url)}{self.path})"

    @property
    def path(self) -> str:
        """The URL's path without the query, for errors and logs."""
        return urlsplit(self.url).path

    def changed(self, **fields: Any) -> Self:
        """Return a copy with other values for some fields, faster than :func:`dataclasses.replace`."""
        copied = object.__new__(type(self))
        vars(copied).update(vars(self), **fields)
        return copied


@dataclass(frozen=True)
class Pause:
    """Wait for a number of seconds."""

    seconds: float


@dataclass(frozen=True)
class RegisterSecret:
    """Mask a secret in every log from now on.

    This step is for secrets that are not in the connection, such as tokens.
    """

    secret: str = field(repr=False)


def register_token(token: str) -> RegisterSecret:
    """Return the step that masks a bearer token.

    For a JSON web token, only the signature is masked. The token is useless without its signature, and
    masking becomes slower with each masked character.
    """
    return RegisterSecret(token.rpartition(".")[2] if token.count(".") == 2 else token)


@dataclass(frozen=True)
class BlockingCall:
    """Do work that would block the event loop, such as signing. The step's value is what ``work`` returns."""

    work: Callable[[], Any] = field(repr=False)


@dataclass(frozen=True)
class EnsureCredentials:
    """Log in, unless another request has caused a login meanwhile. Only one login runs at a time."""

    fetch: Callable[[], Exchange[None]] = field(repr=False)


Step = Request[Any] | Pause | RegisterSecret | BlockingCall | EnsureCredentials
Exchange = Generator[Step, Any, T]


def call(request: Request[T]) -> Exchange[T]:
    """Send one request and return what its ``parse`` returns for the response."""
    value: T = yield request
    return value


def segment(value: str) -> str:
    """Return an id as one percent-encoded path segment. A slash in the id is encoded, too.

    :raises InvalidArgumentError: for ``.`` and ``..``, and for an id that cannot be encoded as UTF-8. Clients
        and proxies resolve ``.`` and ``..`` even if they are encoded.
    """
    if _UNRESERVED.fullmatch(value) and value.strip("."):
        # Nearly all ids. To quote them would take much of the time of a poll.
        return value
    if value in {".", ".."} or not is_encodable(value):
        raise InvalidArgumentError(f"{value!r} cannot be an id")
    return quote(value, safe="")


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs have the same scheme, host and port."""
    return _parts(one) == _parts(other)


def origin(url: str) -> str:
    """Return a URL's scheme, host and port for errors and logs. User name and password are left out."""
    scheme, host, port = _parts(url)
    host = f"[{host}]" if host and ":" in host else host
    usual = {"https": 443, "http": 80}.get(scheme)
    return f"{scheme}://{host}" + ("" if port == usual else f":{port}")


def _parts(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, port
