"""Reads a multipart form. A long part of the form goes to a file, not to memory."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from itertools import pairwise
from typing import TYPE_CHECKING

from dataops_sandbox.content import CHUNK, Content, ContentWriter
from dataops_sandbox.messages import Call, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

FORM = "multipart/form-data"
_LONGEST_HEAD = 8 * 1024
_MOST_PARTS = 32
_LINE = b"\r\n"


@dataclass(frozen=True)
class Part:
    """One part of a form."""

    name: str
    filename: str | None
    """Name of the file; ``None`` if the part is a text field."""
    content: Content

    def text(self) -> str:
        """Return the value of a text field.

        :raises RefusedError: if the part is a file, too long, or not UTF-8
        """
        if self.filename is not None or self.content.data is None:
            raise RefusedError(400, f"form part {self.name!r} must be a short text field, not a file")
        try:
            return self.content.data.decode()
        except UnicodeDecodeError as error:
            raise RefusedError(400, f"form part {self.name!r} is not UTF-8") from error


def read_form(call: Call, directory: Path) -> dict[str, Part]:
    """Return the parts of a form by name.

    :param directory: folder for long parts
    :raises RefusedError: if the body is not a multipart form, or a part appears twice
    """
    body, marks = call.body, _LINE + b"--" + _boundary(call)
    places = _find_all(body, marks)
    if not places or places[0] != -len(_LINE):
        raise RefusedError(400, "the body does not begin with the boundary of the Content-Type header")
    if len(places) > _MOST_PARTS:
        raise RefusedError(400, f"the form has more than {_MOST_PARTS} parts")
    if _slice(body, places[-1] + len(marks), 2) != b"--":
        raise RefusedError(400, "the form is cut off: its last boundary is missing")
    parts: dict[str, Part] = {}
    for place, end in pairwise(places):
        part = _read_part(body, place + len(marks), end, directory)
        if part.name in parts:
            raise RefusedError(400, f"form part {part.name!r} appears twice")
        parts[part.name] = part
    return parts


def _boundary(call: Call) -> bytes:
    if call.media_type != FORM:
        raise RefusedError(400, f"Content-Type must be {FORM}, not {call.media_type or 'absent'}")
    header = Message()
    header["Content-Type"] = call.headers["Content-Type"]
    boundary = header.get_boundary()
    if not boundary:
        raise RefusedError(400, "Content-Type has no boundary; let the HTTP library set this header")
    return boundary.encode("latin-1", "replace")


def _find_all(content: Content, marks: bytes) -> list[int]:
    """Return all positions of ``marks``. Search as if the content began with a line end (RFC 2046, 5.1.1)."""
    found: list[int] = []
    window, base = _LINE, -len(_LINE)
    for chunk in content.chunks():
        window += chunk
        at = window.find(marks)
        while at >= 0:
            found.append(base + at)
            at = window.find(marks, at + len(marks))
        # Keep the last bytes, because ``marks`` may continue in the next chunk. Keep fewer bytes than
        # ``marks`` has: otherwise the loop would find a position twice.
        kept = window[-(len(marks) - 1) :]
        base += len(window) - len(kept)
        window = kept
    return found


def _slice(content: Content, start: int, length: int) -> bytes:
    with content.open() as stream:
        stream.seek(start)
        return stream.read(length)


def _read_part(body: Content, start: int, end: int, directory: Path) -> Part:
    head = _slice(body, start, min(_LONGEST_HEAD, end - start))
    lines, blank, _ = head.partition(_LINE * 2)
    if not head.startswith(_LINE) or not blank:
        raise RefusedError(400, "a part of the form has no headers")
    disposition = _disposition(lines)
    name = disposition.get_param("name", header="Content-Disposition")
    if disposition.get_content_disposition() != "form-data" or not isinstance(name, str) or not name:
        raise RefusedError(400, "a part of the form has no Content-Disposition: form-data with a name")
    return Part(
        name, disposition.get_filename(), _copy(body, start + len(lines) + len(blank), end, directory)
    )


def _disposition(lines: bytes) -> Message:
    header = Message()
    for line in lines.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-disposition":
            header["Content-Disposition"] = value.strip()
    return header


def _copy(body: Content, start: int, end: int, directory: Path) -> Content:
    writer = ContentWriter(directory)
    with body.open() as stream:
        stream.seek(start)
        while chunk := stream.read(min(CHUNK, end - start)):
            writer.write(chunk)
            start += len(chunk)
    return writer.finish()
