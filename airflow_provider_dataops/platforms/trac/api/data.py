"""The calls to TRAC's data service: uploads of small files and datasets, and downloads of any size.

Larger uploads need gRPC, which TRAC's gateway does not forward.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_provider_dataops.core.arguments import require_one, require_text, require_whole
from airflow_provider_dataops.core.http import read_nothing
from airflow_provider_dataops.core.json import present
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.api.gateway import Gateway
from airflow_provider_dataops.platforms.trac.model.files import SmallDataset, SmallFile, check_size
from airflow_provider_dataops.platforms.trac.model.objects import TagHeader
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import fixed_prior, read_updates

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange, Sink
    from airflow_provider_dataops.core.json import JsonObject

CSV = "text/csv"
#: With this limit, TRAC returns all rows: no dataset has so many rows. TRAC rejects some larger limits.
ALL_ROWS = 1_000_000_000


class DataCalls(Gateway):
    """The calls to the data service. All calls except ``download_file`` need TRAC 0.8 or later."""

    def write_small_file(
        self,
        name: str,
        content: bytes,
        *,
        mime_type: str | None = None,
        attrs: JsonObject | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Create a file, or a new version of a file, and return its tag header: its id and version.

        :param mime_type: the file's media type; by default, the name's extension decides.
        :param prior_version: a selector of a file's latest version, to create the next version of this file;
            ``None`` creates a new file.
        :raises InvalidArgumentError: if the content is too large for one request.
        """
        require_text(name=name)
        media_type = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        message = {"name": name, "mimeType": media_type, "size": len(content)}
        return self._write("file", name, message, content, attrs, prior_version, tenant)

    def read_small_file(self, selector: object, *, tenant: str | None = None) -> Exchange[SmallFile]:
        """Return a file with its content."""
        target = Selector.of_type(selector, "FILE")
        return self._send(
            f"read {target}",
            SmallFile.from_json,
            "data",
            tenant,
            "read-small-file",
            {"selector": target.as_json()},
            repeatable=True,
        )

    def write_small_dataset(
        self,
        content: bytes,
        *,
        schema: JsonObject | None = None,
        schema_id: object = None,
        format: str = CSV,
        attrs: JsonObject | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Create a dataset, or a new version of it, and return its tag header: its id and version.

        :param schema: the schema of the dataset in TRAC's JSON.
        :param schema_id: a selector of a version of a SCHEMA object, instead of ``schema``.
        :param format: the media type of the content.
        :param prior_version: a selector of a dataset's latest version, to create the next version of this
            dataset; ``None`` creates a new dataset.
        :raises InvalidArgumentError: if the content is too large for one request.
        """
        require_one(schema=schema, schema_id=schema_id)
        require_text(format=format)
        message: dict[str, Any]
        if schema is None:
            selector = Selector.of_type(schema_id, "SCHEMA", "schema_id")
            if not selector.is_fixed:
                raise InvalidArgumentError(
                    f"schema_id must have an object version, because TRAC requires it; given: {schema_id!r}"
                )
            message = {"schemaId": selector.as_json()}
        elif isinstance(schema, Mapping):
            message = {"schema": dict(schema)}
        else:
            raise InvalidArgumentError(f"schema must be a dict with a schema definition; given: {schema!r}")
        message["format"] = format
        return self._write("dataset", format, message, content, attrs, prior_version, tenant)

    def read_small_dataset(
        self,
        selector: object,
        *,
        format: str = CSV,
        limit: int | None = None,
        offset: int | None = None,
        tenant: str | None = None,
    ) -> Exchange[SmallDataset]:
        """Return a dataset with its content, or with some of its rows.

        :param format: the media type of the returned content.
        :param limit: the maximum number of rows to return, 1 or more. By default, all rows are returned.
        :param offset: the number of rows to skip at the start.
        """
        target = Selector.of_type(selector, "DATA")
        require_text(format=format)
        if limit == 0:
            raise InvalidArgumentError("limit must be above 0, because TRAC returns all rows for 0; given: 0")
        if offset is not None and limit is None:
            # With an offset and without a limit, TRAC returns only the header row.
            limit = ALL_ROWS
        rows = present({"limit": limit, "offset": offset})
        require_whole(**rows)
        return self._send(
            f"read {target}",
            SmallDataset.from_json,
            "data",
            tenant,
            "read-small-dataset",
            {"selector": target.as_json(), "format": format, **rows},
            repeatable=True,
        )

    def download_file(self, selector: object, sink: Sink, *, tenant: str | None = None) -> Exchange[None]:
        """Download a file of any size. The sink receives the content piece by piece."""
        return self._download(Selector.of_type(selector, "FILE"), "file", sink, tenant)

    def download_data(
        self, selector: object, sink: Sink, *, format: str = "csv", tenant: str | None = None
    ) -> Exchange[None]:
        """Download a dataset of any size. The sink receives it piece by piece. Needs TRAC 0.9 or later.

        :param format: the short name of the file's format, ``csv`` for instance.
        """
        require_text(format=format)
        query = "?" + urlencode({"format": format})
        return self._download(Selector.of_type(selector, "DATA"), "data", sink, tenant, query)

    def _download(
        self, target: Selector, part: str, sink: Sink, tenant: str | None, query: str = ""
    ) -> Exchange[None]:
        if target.object_as_of is not None:
            raise InvalidArgumentError(
                "selector must have an object version, or select the latest version, because TRAC cannot "
                f"download a version by its time; given: objectAsOf {target.object_as_of.isoformat()}"
            )
        version = str(target.object_version or "latest")
        path = (self.tenant(tenant), target.object_type, target.object_id, "versions", version, part)
        url = self._url("data", *path) + query
        # Send no header Accept, because the gateway up to TRAC 0.8 rejects downloads with this header.
        return self.get(f"download {target}", url, read_nothing, headers={}, sink=sink)

    def _write(
        self,
        what: str,
        label: str,
        message: dict[str, Any],
        content: bytes,
        attrs: JsonObject | None,
        prior_version: object,
        tenant: str | None,
    ) -> Exchange[TagHeader]:
        check_size(len(content), "content")
        verb, prior = "create", None
        if prior_version is not None:
            verb, kind = "update", "FILE" if what == "file" else "DATA"
            prior = Selector.of_type(fixed_prior(prior_version), kind, "prior_version").as_json()
        message |= {
            "content": base64.b64encode(content).decode(),
            "tagUpdates": read_updates(attrs),
            "priorVersion": prior,
        }
        operation, method = f"{verb} {what} ({label})", f"{verb}-small-{what}"
        return self._send(operation, TagHeader.from_json, "data", tenant, method, present(message))
