"""The exact bytes of a form around its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.http import MultipartBody
from airflow_provider_dataops.transport import form
from tests.unit.platforms.apis import MemorySource

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture(autouse=True)
def _boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "choose_boundary", lambda: "b0undary")


def framed(
    filename: str = "a.csv", fields: Sequence[tuple[str, str]] = (), content_type: str = "text/csv"
) -> form.Frame:
    source = MemorySource(b"not looked at")
    return form.frame(MultipartBody(fields, "file", filename, source, content_type))


def test_fields_come_before_the_file_in_their_order() -> None:
    frame = framed(fields=[("data", '{"filename": "a.csv"}'), ("dzuuid", "é")])
    assert frame.before.decode() == (
        "--b0undary\r\n"
        'Content-Disposition: form-data; name="data"\r\n'
        "\r\n"
        '{"filename": "a.csv"}\r\n'
        "--b0undary\r\n"
        'Content-Disposition: form-data; name="dzuuid"\r\n'
        "\r\n"
        "é\r\n"
        "--b0undary\r\n"
        'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n'
        "Content-Type: text/csv\r\n"
        "\r\n"
    )
    assert frame.after == b"\r\n--b0undary--\r\n"
    assert frame.content_type == "multipart/form-data; boundary=b0undary"


@pytest.mark.parametrize(
    ("filename", "on_the_wire"),
    [
        ("a b.csv", b"a b.csv"),
        ("été.csv", b"\xc3\xa9t\xc3\xa9.csv"),
        ("☃😀.csv", b"\xe2\x98\x83\xf0\x9f\x98\x80.csv"),
        ('a"b.csv', b"a%22b.csv"),
        ("a\r\nX-Evil: 1.csv", b"a%0D%0AX-Evil: 1.csv"),
        ("a\\b;c%.csv", b"a\\b;c%.csv"),
    ],
)
def test_a_file_name_is_sent_as_browsers_send_it(filename: str, on_the_wire: bytes) -> None:
    frame = framed(filename)
    disposition = b'Content-Disposition: form-data; name="file"; filename="' + on_the_wire + b'"\r\n'
    assert frame.before == b"--b0undary\r\n" + disposition + b"Content-Type: text/csv\r\n\r\n"


def test_each_form_has_its_own_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert framed().content_type != framed().content_type
