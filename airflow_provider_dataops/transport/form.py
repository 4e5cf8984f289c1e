"""The bytes of a ``multipart/form-data`` form before and after its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from urllib3.fields import RequestField
from urllib3.filepost import choose_boundary

from airflow_provider_dataops.core.arguments import is_encodable
from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import MultipartBody


class Frame(NamedTuple):
    """What to send before and after the content of the file, and the media type of the whole body."""

    before: bytes
    after: bytes
    content_type: str | None


def frame(form: MultipartBody) -> Frame:
    """Return the frame of a form, with a new boundary.

    Names are encoded as browsers and curl do it: as UTF-8, with ``%22`` for a quotation mark. A line break
    becomes ``%0D`` or ``%0A``, so a name cannot add a header.

    :raises InvalidArgumentError: if the file's name cannot be encoded as UTF-8.
    """
    if not is_encodable(form.filename):
        raise InvalidArgumentError(f"the file name {form.filename!r} cannot be encoded as UTF-8")
    boundary = choose_boundary()
    before = ""
    for name, text in form.fields:
        before += f"--{boundary}\r\n{_headers(name)}{text}\r\n"
    before += f"--{boundary}\r\n{_headers(form.name, form.filename, form.content_type)}"
    return Frame(
        before.encode(), f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    )


def _headers(name: str, filename: str | None = None, content_type: str | None = None) -> str:
    part = RequestField(name, b"", filename)
    part.make_multipart(content_type=content_type)
    return part.render_headers()
