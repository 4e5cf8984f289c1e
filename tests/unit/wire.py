"""The worker's HTTP library with its sockets cut off: what it would put on the wire, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter

from airflow_provider_dataops.transport import sync

if TYPE_CHECKING:
    import pytest

    from airflow_provider_dataops.core.http import Reply


@dataclass
class Sent:
    """One request as it would leave; the host's header is told by the URL."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    options: dict[str, Any] = field(repr=False)


class Wire(HTTPAdapter):
    """Answers in turn; what is no reply is raised."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.sent: list[Sent] = []
        self._answers: list[Reply | Exception] = []
        self._streams: list[IO[bytes]] = []

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Return a wire that every worker's driver made from now on is connected to."""
        wire = cls()

        monkeypatch.setattr(sync, "BoundedAdapter", lambda: wire)
        return wire

    def expect(self, *answers: Reply | Exception) -> Self:
        """Give these answers next."""
        self._answers += answers
        return self

    @property
    def all_closed(self) -> bool:
        """Whether every answer's connection was given back."""
        return all(stream.closed for stream in self._streams)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        body = self._body(request)
        assert request.method is not None
        assert request.url is not None
        self.sent.append(Sent(request.method, request.url, dict(request.headers), body, options))
        assert self._answers, f"nobody expected {request.method} {request.url}"
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        stream = BytesIO(answer.body)
        self._streams.append(stream)
        raw = urllib3.HTTPResponse(
            stream,
            status=answer.status,
            headers=dict(answer.headers),
            reason=answer.reason,
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)

    @staticmethod
    def _body(request: requests.PreparedRequest) -> bytes:
        """Return what would be sent, read as the library reads it."""
        body: Any = request.body
        if body is None or isinstance(body, bytes):
            return body or b""
        chunks = []
        try:
            while chunk := body.read(16_384):
                chunks.append(chunk)
        except OSError as error:
            broken = urllib3.exceptions.ProtocolError("Connection aborted.", error)
            raise requests.ConnectionError(broken) from error
        return b"".join(chunks)
