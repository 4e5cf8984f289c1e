"""Requests and replies as values, exchanges as generators: HTTP said without doing any.

An *exchange* is a generator. It yields *steps* and receives what each step brought:

* :class:`Request`: send it; the step's value is what its ``parse`` made of the reply;
* :class:`Pause`: wait;
* :class:`RegisterSecret`: mask a secret in every log from now on;
* :class:`BlockingCall`: do work that would hold an event loop, such as signing;
* :class:`EnsureCredentials`: log in, unless another exchange has done so meanwhile.

A failed step is thrown into the exchange as an error of :mod:`airflow_provider_dataops.errors`. Two drivers
in ``transport`` run exchanges, on ``requests`` and on ``aiohttp``; tests run them on nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import IO, Any, Generic, Protocol, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Raw, ValidationError

from airflow_provider_dataops.core import decode
from airflow_provider_dataops.core.arguments import is_encodable
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: Replies that are not streamed to a file are refused above this size, in bytes.
MAX_REPLY_BYTES = 64 * 1024 * 1024


class FileSource(Protocol):
    """A file that can be read from its start as often as a repeat needs it."""

    @property
    def name(self) -> str:
        """The base name."""

    @property
    def size(self) -> int:
        """The length in bytes."""

    def open(self) -> IO[bytes]:
        """Open the file at byte 0."""

    def has_changed(self) -> bool:
        """Return whether the file is another one than when it was chosen."""


class Sink(Protocol):
    """Where the body of a successful reply is streamed to."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Discard what an earlier attempt wrote, and refuse a reply that cannot be the file."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """Check that all announced bytes came."""


@dataclass(frozen=True)
class Body:
    """Bytes to send, with their media type; ``None`` sends no ``Content-Type``."""

    content: bytes
    content_type: str | None


@dataclass(frozen=True)
class FileBody:
    """A file to send as it is, with a length and never chunked."""

    source: FileSource
    content_type: str | None = "application/octet-stream"


@dataclass(frozen=True)
class MultipartBody:
    """A form with text parts and a file, as ``multipart/form-data``; it is streamed with a length.

    :param fields: names and texts, in the order in which they are sent; the file comes last.
    :param name: the name of the file's part.
    :param filename: what the server gets as the file's name.
    """

    fields: Sequence[tuple[str, str]]
    name: str
    filename: str
    source: FileSource
    content_type: str = "application/octet-stream"


def json_body(value: object) -> Body:
    """Return the compact JSON of a value, as UTF-8.

    :raises InvalidArgumentError: if JSON or UTF-8 cannot express it.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return Body(text.encode(), "application/json")
    except ValueError as error:
        raise InvalidArgumentError(f"an argument cannot be sent as JSON: {error}") from None


def form_body(fields: Mapping[str, str]) -> Body:
    """Return a URL-encoded form."""
    return Body(urlencode(fields).encode(), "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    :param headers: with lower-case names.
    :param reason: the reason phrase of the status line, where the transport tells it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    reason: str = ""

    @classmethod
    def received(
        cls, status: int, headers: Iterable[tuple[str, str]], body: bytes, reason: str, codec: tuple[str, str]
    ) -> Self:
        """Return a response whose head was decoded by a library.

        Servers write UTF-8, and some Latin-1, whatever the library takes a head for.

        :param codec: the encoding and error handler by which the library decoded it.
        """
        names = {name.lower(): _head_text(value.encode(*codec)) for name, value in headers}
        return cls(status, names, body, _head_text(reason.encode(*codec)))

    def json(self) -> Any:
        """Return the decoded body.

        :raises MalformedReplyError: if it is not JSON.
        """
        try:
            return decode.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise self._not_json(error) from None

    def json_object(self) -> dict[str, Any]:
        """Return the decoded body.

        :raises MalformedReplyError: if it is no JSON object.
        """
        payload = self.json()
        if not isinstance(payload, dict):
            raise self.malformed("the answer is no JSON object")
        return payload

    def entries(self) -> Iterator[Raw]:
        """Return the entries of a body that is a JSON array, not decoded.

        :raises MalformedReplyError: if it is none; that may show after the first entries.
        """
        return self.entries_of(decode.prepared(self.body))

    def entries_of(self, text: bytes | bytearray | Raw) -> Iterator[Raw]:
        """Return the entries of a JSON array in the body, not decoded.

        :raises MalformedReplyError: if it is none; that may show after the first entries.
        """
        try:
            yield from decode.array(text)
        except ValidationError:
            raise self.malformed("the answer holds no JSON array where a list should be") from None
        except (ValueError, RecursionError) as error:
            raise self._not_json(error) from None

    def members(self, *names: str, others: bool = True) -> dict[str, Raw]:
        """Return those of the named members that a body has which is a JSON object, not decoded.

        :param others: whether it may have other members.
        :raises MalformedReplyError: if it is no JSON object, or has others that it must not have.
        """
        try:
            return decode.members(decode.prepared(self.body), *names, others=others)
        except ValidationError as error:
            raise self.malformed(f"the answer has not the documented shape: {error}") from None
        except (ValueError, RecursionError) as error:
            raise self._not_json(error) from None

    def _not_json(self, error: Exception) -> MalformedReplyError:
        kind = self.headers.get("content-type", "no content type")
        return self.malformed(f"the answer is not JSON ({kind}): {error}")

    def malformed(self, message: str) -> MalformedReplyError:
        """Return the error of a response whose shape is not the documented one."""
        return MalformedReplyError(message, status=self.status, body=self.text())

    def text(self) -> str:
        """Return the start of the body as text, whatever it is."""
        return self.body[:2_000].decode("utf-8", errors="replace").strip()

    @property
    def date(self) -> float | None:
        """The server's own time (header ``Date``) in seconds since the epoch, where it tells."""
        return http_date(self.headers.get("date", ""))


def _head_text(raw: bytes) -> str:
    """Return a reason phrase or a header as text: in UTF-8, as servers write it, or else in Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def http_date(text: str) -> float | None:
    """Return an HTTP date in seconds since the epoch, ``None`` if it is none."""
    try:
        moment = parsedate_to_datetime(text)
        # The old forms name no zone; they are in UTC, too.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def read_json(reply: Reply) -> Any:
    """Parse a reply as JSON; the default of a :class:`Request`."""
    return reply.json()


def read_nothing(reply: Reply) -> None:
    """Accept any successful reply and forget its body."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Request(Generic[T_co]):
    """One HTTP request, and how its reply is read.

    :param operation: what is being done, in words, for errors and logs.
    :param url: the whole URL, query included.
    :param headers: headers that anyone may see.
    :param secret_headers: headers with credentials: never shown, never sent to another host.
    :param body: what to send.
    :param parse: turns a reply with a good status into the step's value; it raises
        :class:`~airflow_provider_dataops.errors.MalformedReplyError` for a shape it does not know.
    :param sink: streams a body with status 200 into a file instead of memory.
    :param repeatable: whether sending the request twice does no harm. A repeat after a refusal that proves
        that nothing was done is always allowed.
    :param authenticated: False for the requests that fetch credentials themselves.
    :param read_timeout: seconds of silence to bear; ``None`` takes the connection's.
    :param moved: the driver calls it while it sends or receives a file, with the bytes of the file that have
        been moved in this attempt.
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
    moved: Callable[[int], None] = lambda _: None

    def __repr__(self) -> str:
        """Return what anyone may see: a query may hold a key, or the signature of a link."""
        return f"Request({self.operation!r}, {self.method} {origin(self.url)}{self.path})"

    @property
    def path(self) -> str:
        """The URL's path, as errors and logs show it."""
        return urlsplit(self.url).path

    def with_secret(self, name: str, value: str) -> Request[T_co]:
        """Return the request with one more credential header."""
        return replace(self, secret_headers={**self.secret_headers, name: value})


@dataclass(frozen=True)
class Pause:
    """Wait before going on."""

    seconds: float


@dataclass(frozen=True)
class RegisterSecret:
    """Have a secret that was obtained at run time masked in every log from now on."""

    secret: str = field(repr=False)


def register_token(token: str) -> RegisterSecret:
    """Return the step that masks a bearer token.

    Of a signed token the signature is enough: without it, it is worth nothing, and masks are costly.
    """
    return RegisterSecret(token.rpartition(".")[2] if token.count(".") == 2 else token)


@dataclass(frozen=True)
class BlockingCall:
    """Do work, such as signing, that would hold the event loop; the step's value is what it returns."""

    work: Callable[[], Any] = field(repr=False)


@dataclass(frozen=True)
class EnsureCredentials:
    """Fetch credentials, unless another exchange has fetched them by the time this one's turn comes."""

    fetch: Callable[[], Exchange[None]] = field(repr=False)


Step = Request[Any] | Pause | RegisterSecret | BlockingCall | EnsureCredentials
Exchange = Generator[Step, Any, T]


def call(request: Request[T]) -> Exchange[T]:
    """Send one request and return what its ``parse`` made of the reply."""
    value: T = yield request
    return value


def segment(value: str) -> str:
    """Return one path segment, percent-encoded: a slash in an id never makes another path.

    :raises InvalidArgumentError: for ``.`` and ``..``, which clients and proxies resolve however they are
        written.
    """
    if value in {".", ".."} or not is_encodable(value):
        raise InvalidArgumentError(f"{value!r} cannot be an id")
    return quote(value, safe="")


def same_origin(one: str, other: str) -> bool:
    """Tell whether two URLs share scheme, host and port."""
    return _parts(one) == _parts(other)


def origin(url: str) -> str:
    """Return a URL's scheme, host and port, as errors and logs show them: without a password."""
    scheme, host, port = _parts(url)
    host = f"[{host}]" if host and ":" in host else host
    usual = {"https": 443, "http": 80}.get(scheme)
    return f"{scheme}://{host}" + ("" if port == usual else f":{port}")


def _parts(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, port
