"""The worker's HTTP library without sockets: the requests that it would send, and their responses."""

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
    """One request as it would be sent. The host's header is not in it: the URL contains the host."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    options: dict[str, Any] = field(repr=False)


class Wire(HTTPAdapter):
    """Returns replies, and raises exceptions, in turn."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.sent: list[Sent] = []
        self._answers: list[Reply | Exception] = []
        self._streams: list[IO[bytes]] = []

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Return a wire that all new drivers of workers use."""
        wire = cls()

        monkeypatch.setattr(sync, "BoundedAdapter", lambda: wire)
        return wire

    def expect(self, *answers: Reply | Exception) -> Self:
        """Add the next responses."""
        self._answers += answers
        return self

    @property
    def all_closed(self) -> bool:
        """Whether the body of every response is closed."""
        return all(stream.closed for stream in self._streams)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        body = self._body(request)
        assert request.method is not None
        assert request.url is not None
        self.sent.append(Sent(request.method, request.url, dict(request.headers), body, options))
        assert self._answers, f"unexpected request: {request.method} {request.url}"
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
        """Return the body that the library would send."""
        body: Any = request.body
        if body is None or isinstance(body, bytes):
            return body or b""
        assert not hasattr(body, "read"), "urllib3 would read it in blocks of 16 KiB"
        try:
            return b"".join(body)
        except OSError as error:
            broken = urllib3.exceptions.ProtocolError("Connection aborted.", error)
            raise requests.ConnectionError(broken) from error
