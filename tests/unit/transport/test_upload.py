"""Files that are sent as a part of a form."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.http import FileBody, MultipartBody, Request, call, read_nothing
from airflow_provider_dataops.errors import FileAccessError, InvalidArgumentError
from airflow_provider_dataops.transport.body import CHUNK
from airflow_provider_dataops.transport.sync import SyncDriver
from airflow_provider_dataops.transport.upload import Upload
from tests.unit.fakes import FakeClock, reply
from tests.unit.platforms.apis import MemorySource, tamr
from tests.unit.wire import Wire

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply
    from tests.unit.wire import Sent


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire.installed(monkeypatch)


def upload(source: MemorySource, *answers: Reply, wire: Wire, filename: str = "été.csv") -> None:
    body = MultipartBody(
        fields=[("data", '{"filename":"été.csv"}')], name="file", filename=filename, source=source
    )
    request: Request[None] = Request(
        operation="upload",
        method="POST",
        url="https://my-tenant.tamr.cloud/x",
        body=body,
        parse=read_nothing,
        repeatable=True,
    )
    wire.expect(*answers)
    clock = FakeClock()
    SyncDriver(tamr(), register_secret=lambda _: None, sleep=lambda _: None, clock=clock).run(call(request))


def parts(sent: Sent) -> list[Any]:
    """Return the parts as the standard library reads them."""
    head = f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode()
    return list(BytesParser(policy=HTTP).parsebytes(head + sent.body).iter_parts())


def test_text_and_file_are_sent_with_their_length(wire: Wire) -> None:
    content = bytes(range(256)) * 3_000
    upload(MemorySource(content), reply(), wire=wire)
    [sent] = wire.sent
    data, file = parts(sent)
    assert data["Content-Disposition"] == 'form-data; name="data"'
    assert data.get_payload(decode=True).decode() == '{"filename":"été.csv"}'
    assert file.get_content_type() == "application/octet-stream"
    assert content in sent.body
    assert sent.headers["Content-Length"] == str(len(sent.body))
    assert "Transfer-Encoding" not in sent.headers


def test_an_empty_file_is_sent_in_a_form(wire: Wire) -> None:
    upload(MemorySource(b""), reply(), wire=wire)
    [sent] = wire.sent
    boundary = sent.headers["Content-Type"].partition("boundary=")[2]
    assert sent.body.endswith(f"\r\n\r\n\r\n--{boundary}--\r\n".encode())
    assert sent.headers["Content-Length"] == str(len(sent.body))


def test_each_attempt_sends_the_whole_file(wire: Wire) -> None:
    source = MemorySource(b"a;b\n")
    upload(source, reply(503), reply(), wire=wire)
    assert [b"a;b\n" in sent.body for sent in wire.sent] == [True, True]
    assert len(source.opened) == 2
    assert all(file.closed for file in source.opened)


def test_a_file_name_cannot_add_a_header(wire: Wire) -> None:
    upload(MemorySource(b"a"), reply(), wire=wire, filename='a"\r\nX-Evil: 1.csv')
    assert b"\r\nX-Evil" not in wire.sent[0].body


def test_a_file_that_becomes_shorter_raises_an_error(wire: Wire) -> None:
    class Shrinking(MemorySource):
        @property
        def size(self) -> int:
            return 9

    with pytest.raises(FileAccessError, match=r"claims\.csv was changed"):
        upload(Shrinking(b"a,b\n"), wire=wire)


def test_a_form_with_a_changed_file_is_not_completed() -> None:
    class Changed(MemorySource):
        def has_changed(self) -> bool:
            return True

    body = Upload(MultipartBody([("data", "x")], "file", "a.csv", Changed(bytes(CHUNK + 1))), lambda *_: None)
    blocks = iter(body)
    assert len(next(blocks) + next(blocks)) < body.len - 1
    with pytest.raises(FileAccessError, match=r"claims\.csv was changed"):
        next(blocks)
    assert isinstance(body.failure, FileAccessError)


def test_the_file_is_sent_in_large_blocks() -> None:
    reports: list[tuple[int, int | None]] = []
    body = Upload(FileBody(MemorySource(bytes(2 * CHUNK + 1))), lambda *report: reports.append(report))
    assert [len(block) for block in body if block] == [CHUNK, CHUNK, 1]
    size = 2 * CHUNK + 1
    assert reports == [(0, size), (CHUNK, size), (2 * CHUNK, size), (size, size)]


def test_a_file_name_that_is_not_unicode_fails_before_the_file_is_opened(wire: Wire) -> None:
    source = MemorySource(b"a")
    with pytest.raises(InvalidArgumentError, match=r"file name 'caf\\udce9.csv' cannot be encoded"):
        upload(source, wire=wire, filename="caf\udce9.csv")
    assert source.opened == []
