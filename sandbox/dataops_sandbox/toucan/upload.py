"""The three multipart forms for an upload: one from the vendor's guide, and two with chunk fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, model_validator

from dataops_sandbox.content import Content, ContentWriter
from dataops_sandbox.messages import RefusedError, read_object
from dataops_sandbox.rules import Rules, validate_request
from dataops_sandbox.toucan.form import Part
from dataops_sandbox.toucan.rules import Name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Dialect = Literal["plain", "dropzone", "flat"]


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that was uploaded completely."""

    small_app: str
    filename: str
    """File name of the data source, from the form's text field."""
    local_filename: str
    """File name in the headers of the form's file part."""
    content: Content
    stage: str | None
    validation: bool | None
    """``False`` if the query has ``validation=false``, otherwise ``None``."""
    dialect: Dialect
    """``plain``, ``dropzone`` (with chunk fields), or ``flat`` (with chunk fields, without a JSON part)."""
    chunks: int
    """How many requests the client sent for the file."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields of the upload, with size and SHA-256 instead of the bytes."""
        fields = dict(vars(self))
        content = fields.pop("content")
        return {**fields, "size": content.size, "sha256": content.sha256}


class _DataSource(Rules):
    filename: Name


def _name_in_json(part: Part) -> str:
    return validate_request(_DataSource, read_object(part.text().encode(), "part 'data'")).filename


def _file(part: Part) -> Part:
    if not part.filename:
        raise ValueError("must be a file part with a filename")
    return part


def _figure(part: Part) -> int:
    text = part.text()
    if not re.fullmatch("[0-9]{1,15}", text):
        raise ValueError(f"must be a whole number, not {text!r}")
    return int(text)


_Figure = Annotated[int, BeforeValidator(_figure)]
_Text = Annotated[Name, BeforeValidator(Part.text)]


class Form(Rules):
    """The form in the vendor's guide: it sends a whole file, without chunk fields."""

    dialect: ClassVar[Dialect] = "plain"
    file: Annotated[InstanceOf[Part], AfterValidator(_file)]
    filename: Annotated[str, BeforeValidator(_name_in_json)] = Field(alias="data")


class _Chunk(Form):
    total: _Figure = Field(alias="dztotalfilesize")
    count: _Figure = Field(alias="dztotalchunkcount")
    offset: _Figure = Field(alias="dzchunkbyteoffset")
    index: _Figure = Field(alias="dzchunkindex")

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        size = self.file.content.size
        end = self.offset + size
        if self.index >= self.count:
            raise ValueError(f"dzchunkindex is {self.index}, but it must be less than {self.count}")
        if (self.index == 0) != (self.offset == 0) or end > self.total:
            raise ValueError(
                f"chunk {self.index} cannot have {size} bytes at offset {self.offset}"
                f" of a file of {self.total} bytes"
            )
        if self.index == self.count - 1 and end != self.total:
            raise ValueError(f"the last chunk ends at {end}, but dztotalfilesize is {self.total}")
        return self


class Dropzone(_Chunk):
    """The form that sends one chunk of a file. All chunks of one file have the same id."""

    dialect = "dropzone"
    upload_id: _Text = Field(alias="dzuuid")


class Flat(_Chunk):
    """The form that sends a whole file as one chunk, without an id and without a JSON part."""

    dialect = "flat"
    filename: _Text
    count: Annotated[Literal[1], BeforeValidator(_figure)] = Field(alias="dztotalchunkcount")


def read_upload(parts: Mapping[str, Part], *, chunk_fields: bool) -> Form:
    """Return the form of an upload.

    :param chunk_fields: whether the backend accepts the chunk fields
    :raises RefusedError: if the form has an unknown format, or its numbers contradict each other
    """
    if not chunk_fields or not any(name.startswith("dz") for name in parts):
        return validate_request(Form, parts)
    return validate_request(Flat if "filename" in parts else Dropzone, parts)


@dataclass
class Assembly:
    """The chunks of one file that have arrived so far, in any order."""

    chunks: dict[int, Dropzone] = field(default_factory=dict)

    def add(self, chunk: Dropzone) -> None:
        """Add a chunk. A client may send a chunk again, but only with the same offset and bytes.

        :raises RefusedError: if the chunk contradicts an earlier chunk
        """
        first = next(iter(self.chunks.values()), chunk)
        if (chunk.filename, chunk.total, chunk.count) != (first.filename, first.total, first.count):
            raise RefusedError(400, "chunks of one dzuuid differ in filename, total size or chunk count")
        known = self.chunks.setdefault(chunk.index, chunk)
        if (known.offset, known.file.content.sha256) != (chunk.offset, chunk.file.content.sha256):
            raise RefusedError(400, f"chunk {chunk.index} was sent before with another offset or other bytes")

    def whole(self, directory: Path) -> Content | None:
        """Return the file if all chunks have arrived; otherwise ``None``.

        :raises RefusedError: if there is a gap between two chunks, or two chunks overlap
        """
        chunks = [self.chunks[index] for index in sorted(self.chunks)]
        if len(chunks) < chunks[0].count:
            return None
        writer, end = ContentWriter(directory), 0
        for chunk in chunks:
            if chunk.offset != end:
                writer.discard()
                raise RefusedError(
                    400, f"chunk {chunk.index} begins at {chunk.offset}, but the previous one ends at {end}"
                )
            for piece in chunk.file.content.chunks():
                writer.write(piece)
            end += chunk.file.content.size
        return writer.finish()
