"""Files and datasets that fit into one message."""

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
    """A file as TRAC keeps it.

    :param definition: its definition in the platform's JSON.
    """

    name: str
    mime_type: str
    content: bytes = field(repr=False)
    definition: JsonObject = field(default_factory=dict)

    @classmethod
    def from_json(cls, payload: Any) -> SmallFile:
        """Read a file.

        :raises ValueError: if its content is no base64.
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
    """A dataset in the format that was asked for.

    :param data_schema: its schema in the platform's JSON.
    """

    content: bytes = field(repr=False)
    data_schema: JsonObject = field(default_factory=dict)

    @classmethod
    def from_json(cls, payload: Any) -> SmallDataset:
        """Read a dataset.

        :raises ValueError: if its content is no base64.
        """
        return cls(content=_content(payload), data_schema=payload.get("schema") or {})


def _content(payload: JsonObject) -> bytes:
    """Return the content of an answer; an empty one is left out of it."""
    try:
        return base64.b64decode(payload.get("content") or "", validate=True)
    except binascii.Error as error:
        raise ValueError("content that is no base64") from error


def small_content(source: FileSource) -> bytes:
    """Return a file's content, for one message.

    :raises InvalidArgumentError: if it does not fit into one; nothing is read then.
    """
    check_size(source.size, source.name)
    with source.open() as file:
        return file.read()


def check_size(size: int, what: str) -> None:
    """Refuse what does not fit into one message.

    :param size: its length in bytes.
    :param what: its name, for the error.
    :raises InvalidArgumentError: naming the largest size.
    """
    if size > MAX_CONTENT:
        raise InvalidArgumentError(
            f"{what} is {size} bytes long; one message to TRAC's gateway holds {MAX_CONTENT}, and larger "
            "uploads exist on gRPC alone. Put it into storage that TRAC reads, or split it"
        )
