"""What an upload to a data source may look like: the form of the guide, and two with chunk fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dataops_sandbox.content import Content, ContentWriter
from dataops_sandbox.messages import RefusedError, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dataops_sandbox.toucan.form import Part

Dialect = Literal["plain", "dropzone", "flat"]

_NUMBERS = ("dztotalfilesize", "dztotalchunkcount", "dzchunkbyteoffset", "dzchunkindex")
_FIELDS: Mapping[Dialect, frozenset[str]] = {
    "plain": frozenset({"data", "file"}),
    "dropzone": frozenset({"data", "file", "dzuuid", *_NUMBERS}),
    "flat": frozenset({"filename", "file", *_NUMBERS}),
}


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that has come whole."""

    small_app: str
    filename: str
    """Name of the data source, as told beside the file."""
    local_filename: str
    """Name that the file part itself bore."""
    content: Content
    stage: str | None
    validation: bool | None
    """As the query told it; ``None``: it did not."""
    dialect: Dialect
    """``plain``, ``dropzone`` (with chunk fields) or ``flat`` (these, and no JSON part)."""
    chunks: int


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One request of an upload: the whole file, or a chunk of it."""

    dialect: Dialect
    filename: str
    local_filename: str
    content: Content
    upload_id: str = ""
    total_size: int = 0
    count: int = 1
    index: int = 0
    offset: int = 0


def read_piece(parts: Mapping[str, Part], *, chunk_fields: bool) -> Piece:
    """Read the form of an upload.

    :param chunk_fields: whether the backend knows them
    :raises RefusedError: if the form is none of the known ones, or its figures contradict each other
    """
    dialect = next((name for name, fields in _FIELDS.items() if parts.keys() == fields), None)
    if dialect is None or (dialect != "plain" and not chunk_fields):
        known = [sorted(_FIELDS[name]) for name in _FIELDS if chunk_fields or name == "plain"]
        raise RefusedError(400, f"the form has parts {sorted(parts)}; known: {known}")
    file = parts["file"]
    if file.filename is None:
        raise RefusedError(400, "part 'file' must be a file, with a filename of its own")
    name = parts["filename"].text() if dialect == "flat" else _name_in_json(parts["data"].text())
    if not name:
        raise RefusedError(400, "the filename, by which the data source is known, is empty")
    piece = Piece(dialect=dialect, filename=name, local_filename=file.filename, content=file.content)
    return piece if dialect == "plain" else _with_figures(piece, parts)


def _name_in_json(text: str) -> str:
    data = read_object(text.encode(), "part 'data'")
    if data.keys() != {"filename"} or not isinstance(data["filename"], str):
        raise RefusedError(400, f"part 'data' has one member, the text filename, not {sorted(data)}")
    return data["filename"]


def _with_figures(piece: Piece, parts: Mapping[str, Part]) -> Piece:
    figures = {name: parts[name].text() for name in _NUMBERS}
    for name, text in figures.items():
        if not re.fullmatch("[0-9]{1,15}", text):
            raise RefusedError(400, f"{name} must be a whole number, not {text!r}")
    total, count, offset, index = (int(figures[name]) for name in _NUMBERS)
    upload_id = parts["dzuuid"].text() if "dzuuid" in parts else ""
    size = piece.content.size
    if piece.dialect == "dropzone" and not upload_id:
        raise RefusedError(400, "dzuuid is empty")
    if index >= count:
        raise RefusedError(400, f"dzchunkindex {index} of {count} chunks; they count from 0")
    if piece.dialect == "flat" and count != 1:
        raise RefusedError(400, "an upload in several chunks needs a dzuuid")
    if (index == 0) != (offset == 0) or offset + size > total:
        raise RefusedError(400, f"chunk {index} of {size} bytes cannot stand at {offset} of {total}")
    if index == count - 1 and offset + size != total:
        raise RefusedError(400, f"the last chunk ends at {offset + size}, the file at {total}")
    return Piece(
        dialect=piece.dialect,
        filename=piece.filename,
        local_filename=piece.local_filename,
        content=piece.content,
        upload_id=upload_id,
        total_size=total,
        count=count,
        index=index,
        offset=offset,
    )


@dataclass
class Assembly:
    """The chunks of one file that have come so far, in whatever order."""

    first: Piece
    pieces: dict[int, Piece] = field(default_factory=dict)

    def add(self, piece: Piece) -> None:
        """Take a chunk; one that is sent again must be the same.

        :raises RefusedError: if it does not go with those that have come
        """
        told = (piece.filename, piece.total_size, piece.count)
        if told != (self.first.filename, self.first.total_size, self.first.count):
            raise RefusedError(400, "chunks of one dzuuid differ in filename, total size or chunk count")
        known = self.pieces.setdefault(piece.index, piece)
        if (known.offset, known.content.sha256) != (piece.offset, piece.content.sha256):
            raise RefusedError(400, f"chunk {piece.index} came before, with another offset or other bytes")

    def whole(self, directory: Path) -> Content | None:
        """Give the file if all of it is there.

        :raises RefusedError: if the chunks leave gaps or overlap
        """
        if len(self.pieces) < self.first.count:
            return None
        writer, end = ContentWriter(directory), 0
        for index in range(self.first.count):
            piece = self.pieces[index]
            if piece.offset != end:
                writer.discard()
                raise RefusedError(
                    400, f"chunk {index} stands at {piece.offset}, the one before ends at {end}"
                )
            for chunk in piece.content.chunks():
                writer.write(chunk)
            end += piece.content.size
        return writer.finish()
