"""The data service: small files and datasets in one message each, and downloads of any size.

Uploads of any size exist on gRPC alone, which does not pass the gateway.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_one, require_text, require_whole
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.api.gateway import MAX_BODY, Gateway, version_segment
from airflow_provider_dataops.platforms.trac.api.metadata import read_header
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import fixed_prior, tag_updates, with_updates

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange, FileSource, Reply, Sink
    from airflow_provider_dataops.platforms.trac.model.objects import TagHeader

#: What fits into one message as base64, with room for everything else in it, in bytes.
MAX_CONTENT = (MAX_BODY - 20_000) // 4 * 3
CSV = "text/csv"


@dataclass(frozen=True, kw_only=True)
class SmallFile:
    """A file as TRAC keeps it.

    :param definition: its definition in the platform's JSON.
    """

    name: str
    mime_type: str
    content: bytes = field(repr=False)
    definition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SmallDataset:
    """A dataset in the format that was asked for.

    :param data_schema: its schema in the platform's JSON.
    """

    content: bytes = field(repr=False)
    data_schema: Mapping[str, Any] = field(default_factory=dict)


class DataCalls(Gateway):
    """What the data service can do over REST, from 0.8 on; downloads of files are older."""

    def write_small_file(
        self,
        name: str,
        content: bytes,
        *,
        mime_type: str | None = None,
        attrs: Mapping[str, Any] | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Create a file, or a new version of one.

        :param mime_type: by default told by the name's end.
        :param prior_version: the version that this one follows.
        :raises InvalidArgumentError: if the content does not fit into one message.
        """
        require_text(name=name)
        _check_size(len(content), "content")
        guessed = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        body: dict[str, Any] = {"name": name, "mimeType": guessed, "size": len(content)}
        return self._write("file", name, body, content, attrs, prior_version, tenant)

    def read_small_file(self, selector: object, *, tenant: str | None = None) -> Exchange[SmallFile]:
        """Return a file."""
        target = _of_type(selector, "FILE")
        return self._post(
            "data",
            self.tenant(tenant),
            "read-small-file",
            body={"selector": target.as_json()},
            operation=f"read {target}",
            parse=_read_file,
            repeatable=True,
        )

    def write_small_dataset(
        self,
        content: bytes,
        *,
        schema: Mapping[str, Any] | None = None,
        schema_id: object = None,
        format: str = CSV,
        attrs: Mapping[str, Any] | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Create a dataset, or a new version of one.

        :param schema: its schema in the platform's JSON.
        :param schema_id: a selector of a SCHEMA object instead.
        :param format: the media type of the content.
        :param prior_version: the version that this one follows.
        :raises InvalidArgumentError: if the content does not fit into one message.
        """
        require_one(schema=schema, schema_id=schema_id)
        require_text(format=format)
        _check_size(len(content), "content")
        body: dict[str, Any] = {}
        if schema is not None:
            if not isinstance(schema, Mapping):
                raise InvalidArgumentError(f"schema must be a schema definition; given: {schema!r}")
            body["schema"] = dict(schema)
        else:
            body["schemaId"] = _of_type(schema_id, "SCHEMA", "schema_id").as_json()
        body["format"] = format
        return self._write("dataset", format, body, content, attrs, prior_version, tenant)

    def read_small_dataset(
        self,
        selector: object,
        *,
        format: str = CSV,
        limit: int | None = None,
        offset: int | None = None,
        tenant: str | None = None,
    ) -> Exchange[SmallDataset]:
        """Return a dataset, or some rows of it.

        :param format: the media type to have it in.
        :param limit: at most this many rows, from 1.
        :param offset: leave out this many rows at the start.
        """
        target = _of_type(selector, "DATA")
        require_text(format=format)
        if limit == 0:
            raise InvalidArgumentError("limit must be above 0, which TRAC takes for no limit; given: 0")
        body: dict[str, Any] = {"selector": target.as_json(), "format": format}
        for name, rows in (("limit", limit), ("offset", offset)):
            if rows is not None:
                require_whole(**{name: rows})
                body[name] = rows
        return self._post(
            "data",
            self.tenant(tenant),
            "read-small-dataset",
            body=body,
            operation=f"read {target}",
            parse=_read_dataset,
            repeatable=True,
        )

    def download_file(self, selector: object, sink: Sink, *, tenant: str | None = None) -> Exchange[None]:
        """Stream a file."""
        target = _of_type(selector, "FILE")
        return self._download(
            *self._path(target, tenant), "file", query={}, sink=sink, operation=f"download {target}"
        )

    def download_data(
        self, selector: object, sink: Sink, *, format: str = "csv", tenant: str | None = None
    ) -> Exchange[None]:
        """Stream a dataset; platforms from 0.9 on.

        :param format: the short name of the format to have it in.
        """
        target = _of_type(selector, "DATA")
        require_text(format=format)
        path = self._path(target, tenant)
        return self._download(
            *path, "data", query={"format": format}, sink=sink, operation=f"download {target}"
        )

    def _path(self, target: Selector, tenant: str | None) -> tuple[str, ...]:
        version = version_segment(target, "the version to download")
        return self.tenant(tenant), target.object_type, target.object_id, "versions", version

    def _write(
        self,
        what: str,
        named: str,
        body: dict[str, Any],
        content: bytes,
        attrs: Mapping[str, Any] | None,
        prior_version: object,
        tenant: str | None,
    ) -> Exchange[TagHeader]:
        body["content"] = base64.b64encode(content).decode()
        body = with_updates(body, tag_updates(attrs))
        verb = "create"
        if prior_version is not None:
            verb = "update"
            prior = fixed_prior(prior_version)
            body["priorVersion"] = _of_type(
                prior, "FILE" if what == "file" else "DATA", "prior_version"
            ).as_json()
        return self._post(
            "data",
            self.tenant(tenant),
            f"{verb}-small-{what}",
            body=body,
            operation=f"{verb} {what} ({named})",
            parse=read_header,
        )


def small_content(source: FileSource) -> bytes:
    """Return a file's content, for one message.

    :raises InvalidArgumentError: if it does not fit into one; nothing is read then.
    """
    _check_size(source.size, source.name)
    with source.open() as file:
        return file.read()


def _check_size(size: int, what: str) -> None:
    if size > MAX_CONTENT:
        raise InvalidArgumentError(
            f"{what} is {size} bytes long; one message to TRAC's gateway holds {MAX_CONTENT}, and larger "
            "uploads exist on gRPC alone. Put it into storage that TRAC reads, or split it"
        )


def _of_type(told: object, kind: str, what: str = "selector") -> Selector:
    selector = Selector.of(told, what)
    if selector.object_type != kind:
        raise InvalidArgumentError(f"{what} must point at a {kind}; given: {selector}")
    return selector


def _read_file(reply: Reply) -> SmallFile:
    told = reply.json()
    definition = told.get("fileDefinition") or {}
    return SmallFile(
        name=str(definition.get("name") or ""),
        mime_type=str(definition.get("mimeType") or ""),
        content=_content(told),
        definition=definition,
    )


def _read_dataset(reply: Reply) -> SmallDataset:
    told = reply.json()
    return SmallDataset(content=_content(told), data_schema=told.get("schema") or {})


def _content(told: Mapping[str, Any]) -> bytes:
    """Return the content of an answer; an empty one is left out of it."""
    try:
        return base64.b64decode(told.get("content") or "", validate=True)
    except binascii.Error as error:
        raise ValueError("content that is no base64") from error
