"""Bodies of responses in memory."""

from __future__ import annotations

import gzip

import pytest

from airflow_provider_dataops.transport import body
from airflow_provider_dataops.transport.body import BodyBuffer


@pytest.mark.parametrize(
    ("content", "encoding"), [(b"x" * 1_000_000, ""), (gzip.compress(bytes(50_000_000)), "gzip")]
)
def test_the_body_of_an_error_is_shortened(
    monkeypatch: pytest.MonkeyPatch, content: bytes, encoding: str
) -> None:
    monkeypatch.setattr(body, "MAX_ERROR_BYTES", 100_000)
    buffer = BodyBuffer(500, {"Content-Encoding": encoding})
    assert not buffer.add(content)
    assert len(buffer.content()) <= 1_000_000
