"""What an upload to a data source may look like: the form of the guide, and two with chunk fields."""

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
    """A file that has come whole."""

    small_app: str
    filename: str
    """Name of the data source, as told beside the file."""
    local_filename: str
    """Name that the file part itself bore."""
    content: Content
    stage: str | None
    validation: bool | None
    """``False`` as the query told it; ``None``: it did not."""
    dialect: Dialect
    """``plain``, ``dropzone`` (with chunk fields) or ``flat`` (these, and no JSON part)."""
    chunks: int

    def as_json(self) -> dict[str, Any]:
        """Return all but the bytes."""
        told = dict(vars(self))
        content = told.pop("content")
        return {**told, "size": content.size, "sha256": content.sha256}


class _DataSource(Rules):
    filename: Name


def _name_in_json(part: Part) -> str:
    return validate_request(_DataSource, read_object(part.text().encode(), "part 'data'")).filename


def _file(part: Part) -> Part:
    if not part.filename:
        raise ValueError("must be a file, with a filename of its own")
    return part


def _figure(part: Part) -> int:
    text = part.text()
    if not re.fullmatch("[0-9]{1,15}", text):
        raise ValueError(f"must be a whole number, not {text!r}")
    return int(text)


_Figure = Annotated[int, BeforeValidator(_figure)]
_Text = Annotated[Name, BeforeValidator(Part.text)]


class Form(Rules):
    """The form of the guide."""

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
            raise ValueError(f"dzchunkindex {self.index} of {self.count} chunks; they count from 0")
        if (self.index == 0) != (self.offset == 0) or end > self.total:
            raise ValueError(
                f"chunk {self.index} of {size} bytes cannot stand at {self.offset} of {self.total}"
            )
        if self.index == self.count - 1 and end != self.total:
            raise ValueError(f"the last chunk ends at {end}, the file at {self.total}")
        return self


class Dropzone(_Chunk):
    """The form of a chunk, which its id brings together with the others of its file."""

    dialect = "dropzone"
    upload_id: _Text = Field(alias="dzuuid")


class Flat(_Chunk):
    """The form of a file that is one chunk, without an id and without JSON."""

    dialect = "flat"
    filename: _Text
    count: Annotated[Literal[1], BeforeValidator(_figure)] = Field(alias="dztotalchunkcount")


def read_upload(parts: Mapping[str, Part], *, chunk_fields: bool) -> Form:
    """Read the form of an upload.

    :param chunk_fields: whether the backend knows them
    :raises RefusedError: if the form is none of the known ones, or its figures contradict each other
    """
    if not chunk_fields or not any(name.startswith("dz") for name in parts):
        return validate_request(Form, parts)
    return validate_request(Flat if "filename" in parts else Dropzone, parts)


@dataclass
class Assembly:
    """The chunks of one file that have come so far, in whatever order."""

    chunks: dict[int, Dropzone] = field(default_factory=dict)

    def add(self, chunk: Dropzone) -> None:
        """Take a chunk; one that is sent again must be the same.

        :raises RefusedError: if it does not go with those that have come
        """
        first = next(iter(self.chunks.values()), chunk)
        if (chunk.filename, chunk.total, chunk.count) != (first.filename, first.total, first.count):
            raise RefusedError(400, "chunks of one dzuuid differ in filename, total size or chunk count")
        known = self.chunks.setdefault(chunk.index, chunk)
        if (known.offset, known.file.content.sha256) != (chunk.offset, chunk.file.content.sha256):
            raise RefusedError(400, f"chunk {chunk.index} came before, with another offset or other bytes")

    def whole(self, directory: Path) -> Content | None:
        """Return the file if all of it is there.

        :raises RefusedError: if the chunks leave gaps or overlap
        """
        chunks = [self.chunks[index] for index in sorted(self.chunks)]
        if len(chunks) < chunks[0].count:
            return None
        writer, end = ContentWriter(directory), 0
        for chunk in chunks:
            if chunk.offset != end:
                writer.discard()
                raise RefusedError(
                    400, f"chunk {chunk.index} stands at {chunk.offset}, the one before ends at {end}"
                )
            for piece in chunk.file.content.chunks():
                writer.write(piece)
            end += chunk.file.content.size
        return writer.finish()
