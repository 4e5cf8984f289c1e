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
"""Entries kept; beyond that the oldest go, so that a demo may run for days."""

MOST_BODY_BYTES = 64 * 1024 * 1024
"""Bytes of bodies kept; beyond that the oldest entries keep size and digest alone."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request that reached the sandbox. A value: later news about it makes a new one."""

    seq: int
    """Number of the request, from 1, never used twice by one sandbox."""
    monotonic: float
    """``time.monotonic()`` when the head of the request was read."""
    wall: float
    """``time.time()`` at that moment."""
    platform: str | None
    operation: str
    """Name of the operation, or ``unknown``."""
    method: str
    path: str
    """Path as received, still percent-encoded."""
    query: str
    headers: tuple[tuple[str, str], ...]
    """Headers as received, in their order and spelling."""
    peer: str
    """Address and port of the client: equal for requests that shared a connection."""
    body: bytes | None = None
    """The body if it was small; ``None`` if it was long, is long ago, or was not read to the end."""
    body_size: int | None = None
    body_sha256: str | None = None
    status: int | None = None
    """Status answered; ``None`` while open, and if the connection ended without an answer."""
    fault: str | None = None
    """Kind of the fault that was applied."""
    refused: str | None = None
    """Why the request broke the platform's rules; ``None`` if it did not."""
    processed: bool = False
    """Whether the platform acted on it, whatever the client was told."""
    outcome: str = "open"
    """``open``, ``answered``, ``reset``, ``dropped`` (by the sandbox) or ``client_gone``."""

    def header(self, name: str) -> str | None:
        """Give the first header of that name, in whatever case it was sent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """Give the body as JSON.

        :raises ValueError: if it is no JSON, or was not kept
        """
        return json.loads(self.body or b"")

    def form(self) -> dict[str, str]:
        """Give the fields of a body that is a URL-encoded form."""
        return dict(parse_qsl((self.body or b"").decode(), keep_blank_values=True))

    def mentions(self, run_id: str) -> bool:
        """Return whether path, query or body contain an id."""
        text = f"{unquote(f'{self.path}?{self.query}')} {(self.body or b'').decode(errors='replace')}"
        # As a word of its own: run 1 is not mentioned where run 10 is.
        return re.search(rf"(?<![\w-]){re.escape(run_id)}(?![\w-])", text) is not None

    def as_json(self) -> dict[str, Any]:
        """Give the entry for ``GET /_sandbox/journal``; a body that is not UTF-8 goes as base64."""
        fields = asdict(self)
        body = fields.pop("body")
        if body is not None:
            try:
                fields["body"] = body.decode()
            except UnicodeDecodeError:
                fields["body_base64"] = base64.b64encode(body).decode()
        return fields


class Journal:
    """Every request that reached the sandbox, oldest first. Safe to read from any thread.

    :param named: gives the name of a platform's operation, see :meth:`.registry.Registry.operation`
    """

    def __init__(
        self, changed: threading.Condition, named: Callable[[str | None, str | None], str | None]
    ) -> None:
        self._changed = changed
        self._named = named
        self._entries: dict[int, Entry] = {}
        self._last = 0
        self._bodies: deque[int] = deque()
        self._body_bytes = 0
        self.dropped = 0
        """Entries that went because there were too many."""

    def received(self, **fields: Any) -> int:
        """Note that a request has come, and give its number."""
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
        """Add to an entry what has become known; one that was cleared meanwhile stays gone."""
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
        """Give the entries of an operation, oldest first, e.g. ``journal.of("tamr", "create job")``.

        :raises ValueError: if the platform has no such operation
        """
        return self.entries(platform, operation)

    def entries(
        self, platform: str | None = None, operation: str | None = None, *, after: int = 0
    ) -> list[Entry]:
        """Give the entries of a platform and an operation (``None``: all), newer than number ``after``.

        :raises ValueError: if there is no such platform or operation
        """
        operation = self._named(platform, operation)
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
        """Give the requests that broke a platform's rules."""
        return [entry for entry in self.entries() if entry.refused is not None]

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
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
