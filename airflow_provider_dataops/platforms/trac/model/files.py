"""Files and datasets that are small enough for one request or response."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.limits import MAX_CONTENT

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import FileSource
    from airflow_provider_dataops.core.json import JsonObject


@dataclass(frozen=True, kw_only=True)
class SmallFile:
    """A file with its content.

    :param name: the file's name at TRAC.
    :param mime_type: the file's media type.
    :param definition: the file's definition in TRAC's JSON.
    """

    name: str
    mime_type: str
    content: bytes = field(repr=False)
    definition: JsonObject = field(default_factory=dict)

    @classmethod
    def from_json(cls, payload: Any) -> SmallFile:
        """Return the file in a response.

        :raises ValueError: if the content is not base64.
        """
        definition = payload.get("fileDefinition") or {}
        return cls(
            name=str(definition.get("name") or ""),
            mime_type=str(definition.get("mimeType") or ""),
            content=_content(payload),
            definition=definition,
        )


@dataclass(frozen=True, kw_only=True)
class SmallDataset:
    """A dataset with its content, in the requested format.

    :param data_schema: the dataset's schema in TRAC's JSON.
    """

    content: bytes = field(repr=False)
    data_schema: JsonObject = field(default_factory=dict)

    @classmethod
    def from_json(cls, payload: Any) -> SmallDataset:
        """Return the dataset in a response.

        :raises ValueError: if the content is not base64.
        """
        return cls(content=_content(payload), data_schema=payload.get("schema") or {})


def _content(payload: JsonObject) -> bytes:
    """Return the decoded content of a response. TRAC leaves out the field if the content is empty."""
    try:
        return base64.b64decode(payload.get("content") or "", validate=True)
    except binascii.Error as error:
        raise ValueError("the content is not base64") from error


def small_content(source: FileSource) -> bytes:
    """Return the content of a file that is small enough for one request.

    :raises InvalidArgumentError: if the file is too large. Then the file is not read.
    """
    check_size(source.size, f"source {source.name!r}")
    with source.open() as file:
        return file.read()


def check_size(size: int, what: str) -> None:
    """Check that content is small enough for one request.

    :param size: the length of the content in bytes.
    :param what: the argument that contains the content, for errors.
    :raises InvalidArgumentError: if the content is larger than :data:`MAX_CONTENT`.
    """
    if size > MAX_CONTENT:
        raise InvalidArgumentError(
            f"{what} must have at most {MAX_CONTENT} bytes, the most that TRAC's gateway accepts over REST; "
            f"given: {size}. Split the content, or copy it to a storage that TRAC reads"
        )
