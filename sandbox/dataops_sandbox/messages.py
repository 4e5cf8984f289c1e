from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from dataops_sandbox.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"a member appears twice in {[name for name, _ in pairs]}")
    return members


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Return a JSON object as a dict.

    :param what: what the bytes are, for the error message
    :raises RefusedError: if the bytes are not a JSON object, or a member appears twice
    """
    try:
        payload = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"{what} is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise RefusedError(400, f"{what} must be a JSON object")
    return payload


class DeniedError(Exception):
    """The platform rejects a well-formed request, e.g. because of an unknown id or an expired token.

    :param status: HTTP status code of the response
    :param reason: message for the client; :meth:`.Platform.denial` puts it into the platform's error format
    """

    def __init__(self, status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


class RefusedError(DeniedError):
    """The platform rejects a request that breaks the platform's rules: the client has a bug.

    The response is the same as for :class:`DeniedError`. The journal keeps the reason as ``refused``.
    """


@dataclass(frozen=True)
class Answer:
    """A platform's response, before a fault changes it."""

    status: int = 200
    body: bytes | Content = b""
    content_type: str = TEXT
    """``Content-Type`` header; empty: the response has no such header, as on some platforms."""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    """Reason phrase of the status line; ``None``: the standard phrase of the status code."""

    @classmethod
    def of_json(cls, payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Return a response with a JSON body."""
        return cls(status, json.dumps(payload).encode(), JSON, headers or {})

    @classmethod
    def of_text(cls, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Return a response with a plain-text body."""
        return cls(status, text.encode(), TEXT, headers or {})

    @property
    def size(self) -> int:
        """Length of the body in bytes."""
        return self.body.size if isinstance(self.body, Content) else len(self.body)


@dataclass(frozen=True)
class Call:
    """One request as a platform sees it, with its complete body.

    :param params: values of the path's placeholders, percent-decoded
    :param query: the query parameters; the operation allows each of them
    :param headers: the request headers; their names are case-insensitive
    """

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Content

    @property
    def media_type(self) -> str:
        """The content type in lower case, without its parameters; empty if the header is absent."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def small_body(self) -> bytes:
        """Return the body as bytes, for an operation that takes a form or a JSON object.

        :raises RefusedError: if the body is too long for a form or a JSON object
        """
        if self.body.data is None:
            raise RefusedError(400, f"the body of {self.body.size} bytes is too long for this operation")
        return self.body.data

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        :raises RefusedError: if the content type or the encoding is wrong, or the body is not a JSON object
        """
        if self.media_type != JSON:
            raise RefusedError(400, f"Content-Type must be {JSON}, not {self.media_type or 'absent'}")
        return read_object(self.small_body(), "the body")

    def no_body(self) -> None:
        """Check that the request has no body.

        :raises RefusedError: if the request has a body
        """
        if self.body.size:
            raise RefusedError(
                400, f"this operation takes no body, but the request has {self.body.size} bytes"
            )


def parse_query(query: str, allowed: frozenset[str], flags: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the parameters of a query string; a flag gets an empty string as its value.

    :param flags: parameters that the client must send without a value and without an equals sign
    :raises RefusedError: if a parameter is unknown, or appears twice, or if a flag has an equals sign
    """
    parts = query.split("&")
    plain = [part for part in parts if part in flags]
    pairs = parse_qsl("&".join(part for part in parts if part not in flags), keep_blank_values=True)
    for name, _ in pairs:
        if name in flags:
            raise RefusedError(400, f"{name!r} is a flag: send it without an equals sign")
        if name not in allowed:
            raise RefusedError(400, f"unknown query parameter {name!r}; allowed: {sorted(allowed | flags)}")
    values: dict[str, str] = {}
    for name, value in [*((flag, "") for flag in plain), *pairs]:
        if name in values:
            raise RefusedError(400, f"query parameter {name!r} appears twice")
        values[name] = value
    return values


@dataclass(frozen=True)
class Operation:
    """One operation of a platform: the requests that belong to it, and the function that handles them.

    ``template`` is compared with the path as the client sent it, percent-encoded. So the client must encode
    a slash in an id, but it must not encode the colon of ``:stop``.

    :param name: name in the journal and in faults, e.g. ``list_executions``
    :param template: path without the platform's prefix; a ``{name}`` matches a segment or a part of a segment
    :param handler: returns the response to a call; it runs under the sandbox's lock and must not block
    :param query: the query parameters that the operation allows
    :param flags: the query parameters that the client must send without a value and without an equals sign
    """

    name: str
    method: str
    template: str
    handler: Callable[[Call], Answer]
    query: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.template)
        return re.compile(
            "".join(
                f"(?P<{part}>[^/:]+)" if position % 2 else re.escape(part)
                for position, part in enumerate(parts)
            )
        )

    def match(self, path: str) -> dict[str, str] | None:
        """Return the decoded values of the placeholders; ``None`` if ``path`` does not match."""
        found = self._pattern.fullmatch(path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None
