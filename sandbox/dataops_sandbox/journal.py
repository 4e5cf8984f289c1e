from __future__ import annotations

import base64
import json
import re
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

MOST_ENTRIES = 100_000
"""How many entries the journal keeps. It drops the oldest ones, because a demo may run for days."""

MOST_BODY_BYTES = 64 * 1024 * 1024
"""Maximum size of all bodies together, in bytes. Above it, the journal drops the oldest bodies, but keeps
their size and SHA-256."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request that reached the sandbox. It is immutable: the journal replaces an entry to change it."""

    seq: int
    """Number of the request, from 1; the sandbox never uses a number twice."""
    monotonic: float
    """``time.monotonic()`` when the sandbox had read the request's headers."""
    wall: float
    """``time.time()`` when the sandbox had read the request's headers."""
    platform: str | None
    operation: str
    """Name of the operation, or ``unknown``."""
    method: str
    path: str
    """Path as received, still percent-encoded."""
    query: str
    headers: tuple[tuple[str, str], ...]
    """Headers as received, in the same order and spelling."""
    peer: str
    """Address and port of the client; all requests on one connection have the same value."""
    body: bytes | None = None
    """The body; ``None`` if the body is too long, is too old, or did not arrive completely."""
    body_size: int | None = None
    body_sha256: str | None = None
    status: int | None = None
    """Status code of the response; ``None`` while there is no response."""
    fault: str | None = None
    """Kind of the fault that affected the request."""
    refused: str | None = None
    """Which rule of the platform the request broke; ``None`` if it broke no rule."""
    processed: bool = False
    """Whether the platform executed the request, even if the client got no response."""
    outcome: str = "open"
    """``open``, ``answered``, ``reset``, ``dropped`` (by the sandbox) or ``client_gone``."""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or ``None``. Upper and lower case in ``name`` do not matter."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """Return the body as JSON.

        :raises ValueError: if the body is not JSON, or the journal has not kept the body
        """
        return json.loads(self.body or b"")

    def form(self) -> dict[str, str]:
        """Return the fields of a body that is a URL-encoded form."""
        return dict(parse_qsl((self.body or b"").decode(), keep_blank_values=True))

    def mentions(self, run_id: str) -> bool:
        """Return whether the path, the query or the body contains a run id."""
        text = f"{unquote(f'{self.path}?{self.query}')} {(self.body or b'').decode(errors='replace')}"
        # Match whole words: a request for run 10 does not mention run 1.
        return re.search(rf"(?<![\w-]){re.escape(run_id)}(?![\w-])", text) is not None

    def as_json(self) -> dict[str, Any]:
        """Return the entry for ``GET /_sandbox/journal``, with base64 for a body that is not UTF-8."""
        fields = asdict(self)
        body = fields.pop("body")
        if body is not None:
            try:
                fields["body"] = body.decode()
            except UnicodeDecodeError:
                fields["body_base64"] = base64.b64encode(body).decode()
        return fields


class Journal:
    """Every request that reached the sandbox, oldest first. Any thread may read it.

    :param find_operation: checks and returns an operation's name, see :meth:`.registry.Registry.operation`
    """

    def __init__(
        self, changed: threading.Condition, find_operation: Callable[[str | None, str | None], str | None]
    ) -> None:
        self._changed = changed
        self._find_operation = find_operation
        self._entries: dict[int, Entry] = {}
        self._last = 0
        self._bodies: deque[int] = deque()
        self._body_bytes = 0
        self.dropped = 0
        """How many entries the journal has dropped because there were too many."""

    def received(self, **fields: Any) -> int:
        """Add an entry for a request that has arrived, and return its number."""
        with self._changed:
            self._last += 1
            self._entries[self._last] = Entry(
                seq=self._last, monotonic=time.monotonic(), wall=time.time(), **fields
            )
            if len(self._entries) > MOST_ENTRIES:
                gone = self._entries.pop(next(iter(self._entries)))
                self._body_bytes -= len(gone.body or b"")
                self.dropped += 1
            self._changed.notify_all()
            return self._last

    def note(self, seq: int, **news: Any) -> None:
        """Set fields of an entry; do nothing if the entry was cleared meanwhile."""
        with self._changed:
            if seq in self._entries:
                self._entries[seq] = replace(self._entries[seq], **news)
                if news.get("body"):
                    self._keep_body(seq, len(news["body"]))
                self._changed.notify_all()

    def _keep_body(self, seq: int, size: int) -> None:
        self._bodies.append(seq)
        self._body_bytes += size
        while self._body_bytes > MOST_BODY_BYTES:
            oldest = self._entries.get(self._bodies.popleft())
            if oldest is not None and oldest.body is not None:
                self._body_bytes -= len(oldest.body)
                self._entries[oldest.seq] = replace(oldest, body=None)

    def of(self, platform: str, operation: str) -> list[Entry]:
        """Return the entries of an operation, oldest first, e.g. ``journal.of("tamr", "create job")``.

        :raises ValueError: if the platform has no such operation
        """
        return self.entries(platform, operation)

    def entries(
        self, platform: str | None = None, operation: str | None = None, *, after: int = 0
    ) -> list[Entry]:
        """Return the entries after entry number ``after``, oldest first.

        :param platform: only entries of this platform; ``None``: of any platform
        :param operation: only entries of this operation; ``None``: of any operation
        :raises ValueError: if there is no such platform or operation
        """
        operation = self._find_operation(platform, operation)
        with self._changed:
            return [
                entry
                for entry in self._entries.values()
                if (platform is None or entry.platform == platform)
                and (operation is None or entry.operation == operation)
                and entry.seq > after
            ]

    def count(self, platform: str | None = None, operation: str | None = None) -> int:
        """Count the entries of a platform and an operation."""
        return len(self.entries(platform, operation))

    def refusals(self) -> list[Entry]:
        """Return the requests that broke a platform's rules."""
        return [entry for entry in self.entries() if entry.refused is not None]

    def clear(self) -> None:
        """Remove all entries; the numbers continue."""
        with self._changed:
            self._entries.clear()
            self._bodies.clear()
            self._body_bytes = 0
            self.dropped = 0
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())
