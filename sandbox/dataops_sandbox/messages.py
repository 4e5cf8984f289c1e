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
        raise ValueError(f"a member is given twice, in {[name for name, _ in pairs]}")
    return members


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object in which no member is given twice.

    :param what: what it is, for the error
    :raises RefusedError: if it is anything else
    """
    try:
        payload = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"{what} is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise RefusedError(400, f"{what} must be a JSON object")
    return payload


class DeniedError(Exception):
    """The platform says no to a well-formed request: no such id, not shared, no slot free, expired.

    :param status: HTTP status of the answer
    :param reason: told to the client in the platform's own error shape
    """

    def __init__(self, status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


class RefusedError(DeniedError):
    """The request breaks the platform's rules: a client that sends it has a bug.

    Answered like any :class:`DeniedError`, and kept as ``refused`` in the journal.
    """


@dataclass(frozen=True)
class Answer:
    """What the platform answers, before any fault is applied to it."""

    status: int = 200
    body: bytes | Content = b""
    content_type: str = TEXT
    """Empty: no such header, as on the empty answers of some platforms."""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    """Reason phrase of the status line; ``None``: the usual one of the status."""

    @classmethod
    def of_json(cls, payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Make a JSON answer."""
        return cls(status, json.dumps(payload).encode(), JSON, headers or {})

    @classmethod
    def of_text(cls, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Make a plain-text answer."""
        return cls(status, text.encode(), TEXT, headers or {})

    @property
    def size(self) -> int:
        """Length of the body in bytes."""
        return self.body.size if isinstance(self.body, Content) else len(self.body)


@dataclass(frozen=True)
class Call:
    """One request as a platform sees it, its body read to the end.

    :param params: the placeholders of the path, percent-decoded
    :param query: the query parameters, all of them known to the operation
    :param headers: case-insensitive
    """

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Content

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty if none was sent."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def small_body(self) -> bytes:
        """Give the body of an operation that takes a form or a JSON object.

        :raises RefusedError: if it is too long to be one
        """
        if self.body.data is None:
            raise RefusedError(400, f"a body of {self.body.size} bytes is not what this operation takes")
        return self.body.data

    def json_object(self) -> dict[str, Any]:
        """Give the body as a JSON object.

        :raises RefusedError: if the content type, the encoding or the shape is another
        """
        if self.media_type != JSON:
            raise RefusedError(400, f"Content-Type must be {JSON}, not {self.media_type or 'absent'}")
        return read_object(self.small_body(), "the body")

    def no_body(self) -> None:
        """Check that nothing was sent.

        :raises RefusedError: if there is a body
        """
        if self.body.size:
            raise RefusedError(400, f"this operation takes no body, but {self.body.size} bytes came")


def parse_query(query: str, allowed: frozenset[str], flags: frozenset[str] = frozenset()) -> dict[str, str]:
    """Give the parameters of a query string; a flag's value is empty.

    :param flags: parameters without a value, sent without an equals sign
    :raises RefusedError: for a parameter that the operation does not have, one sent twice, or a flag that is
        sent with an equals sign
    """
    parts = query.split("&")
    plain = [part for part in parts if part in flags]
    pairs = parse_qsl("&".join(part for part in parts if part not in flags), keep_blank_values=True)
    for name, _ in pairs:
        if name in flags:
            raise RefusedError(400, f"{name!r} is a flag, sent plain, without an equals sign")
        if name not in allowed:
            raise RefusedError(400, f"unknown query parameter {name!r}; allowed: {sorted(allowed | flags)}")
    values: dict[str, str] = {}
    for name, value in [*((flag, "") for flag in plain), *pairs]:
        if name in values:
            raise RefusedError(400, f"query parameter {name!r} is given twice")
        values[name] = value
    return values


@dataclass(frozen=True)
class Operation:
    """One operation of a platform: how it is recognised, and who answers it.

    The path is matched while it is still percent-encoded, so that a client that encodes what must stay
    plain (the colon of ``:stop``), or leaves plain what must be encoded, does not pass.

    :param name: as in the journal and in faults, e.g. ``list_executions``
    :param template: path below the platform's prefix; each ``{name}`` is one segment or part of one
    :param handler: answers a call; runs under the sandbox's lock and must not block
    :param query: the query parameters that it takes
    :param flags: those that it takes without a value, sent without an equals sign
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
        """Give the decoded placeholders if ``path`` is this operation's, else ``None``."""
        found = self._pattern.fullmatch(path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None
