"""The calls of TRAC's data service: files and datasets that fit into one message."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call
from dataops_sandbox.trac import data, definitions, tables, tags
from dataops_sandbox.trac.errors import Code, ServiceError, internal
from dataops_sandbox.trac.gateway import TracGateway, ok

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.trac.metadata import Found
    from dataops_sandbox.trac.validation import Check

_MEDIA_TYPE = re.compile(r"\w+/[-.\w]+(?:\+[-.\w]+)?", re.ASCII)
_REGISTERED = frozenset(
    "application audio font example image message model multipart text video".split()  # noqa: SIM905
)
_ILLEGAL_NAMES = (
    (r'.*[<>"|?*].*', "contains illegal characters"),
    (r".*[\x00-\x1f\x7f].*", "contains ASCII control characters"),
    (r".*[:/\\].*", "contains characters not allowed in a filename (:, / or \\)"),
    (r" .*", "starts with a space character"),
    (r".*[. ]", "ends with a space or period character"),
    (r"(?i:(?:COM\d*|LPT\d*|PRN|AUX|NUL)(?:\..*)?)", "is a reserved filename"),
)
_LONGEST_NAME = 255
"""Bytes of a file's name that the storage of the platform takes."""
_INT64 = 1 << 63


class TracFiles(TracGateway):
    """The data service."""

    def _store(
        self,
        call: Call,
        check: Check,
        request: Mapping[str, Any],
        definition: dict[str, Any],
        content: bytes,
        attrs: tags.Attrs | None = None,
    ) -> Answer:
        tenant, prior = call.params["tenant"], request.get("priorVersion")
        with self.metadata.transaction():
            found = self.metadata.find(tenant, prior) if prior else None
            if found is not None and not found.is_latest:
                raise ServiceError(
                    Code.ALREADY_EXISTS, f"File version [{found.version.number}] has been superseded"
                )
            updates = request.get("tagUpdates", ())
            written = self.data.write(tenant, found, definition, content, updates, self._now(), attrs=attrs)
        return ok(written.header())

    def _content(self, call: Call, check: Check, request: Mapping[str, Any], object_type: str) -> bytes:
        """Finish the check of a write, and give the bytes."""
        if check.method.startswith("create"):
            check.omit(request, "priorVersion")
        elif check.require(request, "priorVersion"):
            check.selector(request["priorVersion"], "priorVersion", object_type)
        check.tag_updates(request, "tagUpdates")
        check.require(request, "content")
        self._checked(call, check)
        return base64.b64decode(request["content"])

    def _write_file(self, call: Call, check: Check, request: Mapping[str, Any]) -> Answer:
        if check.require(request, "name"):
            _check_name(check, request["name"])
        if check.require(request, "mimeType"):
            _check_media_type(check, request["mimeType"])
        content = self._content(call, check, request, "FILE")
        expected = int(request.get("size", len(content)))
        if expected != len(content):
            raise ServiceError(
                Code.DATA_LOSS,
                "File size received does not match the size expected: "
                f"Received {len(content)} B, expected {expected} B",
            )
        if len(request["name"].encode()) > _LONGEST_NAME:
            raise internal()
        definition = data.file_definition(request["name"], request["mimeType"], content)
        return self._store(call, check, request, definition, content)

    def _write_dataset(self, call: Call, check: Check, request: Mapping[str, Any]) -> Answer:
        if "schemaId" in request:
            check.fixed_selector(request["schemaId"], "schemaId", "SCHEMA")
        elif "schema" in request:
            definitions.schema(check, request["schema"], "schema")
        else:
            check.add("A value is required for [schemaSpecifier]", "schemaSpecifier")
        _check_format(check, request)
        content = self._content(call, check, request, "DATA")
        told = {name: one for name, one in request.items() if name in ("schema", "schemaId")}
        schema = self.data.schema(call.params["tenant"], told)
        table = tables.decode(content, schema, tables.codec(request["format"]))
        return self._store(
            call,
            check,
            request,
            {"objectType": "DATA", "data": told},
            tables.encode(table, schema, tables.CSV),
            data.data_attrs(schema, len(table)),
        )

    def _read_file(self, call: Call, check: Check, request: Mapping[str, Any]) -> Answer:
        found = self._selected(call, check, request, "FILE")
        return ok({"fileDefinition": found.inner, "content": data.encode(self.data.content(found))})

    def _read_dataset(self, call: Call, check: Check, request: Mapping[str, Any]) -> Answer:
        _check_format(check, request)
        for name in ("offset", "limit"):
            if int(request.get(name, 0)) < 0:
                check.add(f"Value of [{name}] cannot be negative", name)
        found = self._selected(call, check, request, "DATA")
        offset, limit = int(request.get("offset", 0)), int(request.get("limit", 0))
        schema, content = self._table(call, found, request["format"], offset, limit)
        return ok({"schema": schema, "content": data.encode(content)})

    def _table(
        self, call: Call, found: Found, name: str, offset: int = 0, limit: int = 0
    ) -> tuple[dict[str, Any], bytes]:
        """Give the schema of a dataset, and rows of it in the format of that name."""
        schema = self.data.schema(call.params["tenant"], found.inner)
        table = tables.decode(self.data.content(found), schema, tables.CSV)
        if offset or limit:
            # The platform adds the two: without a limit the sum is the offset, and above 64 bits it wraps.
            end = offset + limit
            table = table[offset : end if end < _INT64 else 0]
        return schema, tables.encode(table, schema, tables.codec(name))

    def _selected(self, call: Call, check: Check, request: Mapping[str, Any], object_type: str) -> Found:
        if check.require(request, "selector"):
            check.selector(request["selector"], "selector", object_type)
        return self.metadata.find(self._checked(call, check), request["selector"])

    def _download_file(self, call: Call, check: Check, selector: Mapping[str, Any]) -> Answer:
        found = self.metadata.find(self._checked(call, check), {**selector, "objectType": "FILE"})
        return Answer(200, self.data.content(found), found.inner["mimeType"])

    def _download_data(self, call: Call, check: Check, selector: Mapping[str, Any]) -> Answer:
        _check_format(check, call.query)
        found = self.metadata.find(self._checked(call, check), {**selector, "objectType": "DATA"})
        _, content = self._table(call, found, call.query["format"])
        kind = tables.codec(call.query["format"])
        return Answer(200, content, kind if "/" in kind else f"application/{kind}")


def _check_name(check: Check, name: str) -> None:
    problems = [words for pattern, words in _ILLEGAL_NAMES if re.fullmatch(pattern, name, re.DOTALL)]
    if not problems and (tags.is_reserved(name) or name.startswith(".")):
        problems = ["is a TRAC reserved identifier"]
    for words in problems:
        check.add(f"[name] {words}: [{name}]", "name")


def _check_media_type(check: Check, name: str) -> None:
    if not _MEDIA_TYPE.fullmatch(name):
        check.add(f"[mimeType] is not a valid mime type: [{name}]", "mimeType")
    elif name.partition("/")[0] not in _REGISTERED:
        check.add(f"Value of [mimeType] is not a registered mime type: [{name}]", "mimeType")


def _check_format(check: Check, request: Mapping[str, str]) -> None:
    if check.require(request, "format"):
        kind, slash, _ = request["format"].partition("/")
        if slash and kind not in _REGISTERED:
            check.add(f"Invalid data format [{request['format']}]: Not a registered mime type", "format")
