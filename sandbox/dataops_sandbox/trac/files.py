"""The calls of TRAC's data service that write or read a small file or dataset in one message."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer
from dataops_sandbox.trac import data, definitions, tables, values
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
"""Maximum length of a file's name in bytes."""
_INT64 = 1 << 63


class TracFiles(TracGateway):
    """The handlers of the calls to TRAC's data service."""

    def _store(
        self, check: Check, definition: dict[str, Any], content: bytes, attrs: values.Attrs | None = None
    ) -> Answer:
        tenant, prior = check.params["tenant"], check.body.get("priorVersion")
        with self.metadata.transaction():
            found = self.metadata.find(tenant, prior) if prior else None
            if found is not None and not found.is_latest:
                message = f"File version [{found.version.number}] has been superseded"
                raise ServiceError(Code.ALREADY_EXISTS, message)
            updates = check.body.get("tagUpdates", ())
            written = self.data.write(tenant, found, definition, content, updates, self._now(), attrs=attrs)
        return ok(written.header())

    def _check_content(self, check: Check, object_type: str) -> bytes:
        """Check the fields that all write requests have, and return the content.

        :raises ServiceError: if the check has found problems; the error contains all of them
        """
        if check.method.startswith("create"):
            check.omit(check.body, "priorVersion")
        elif check.require(check.body, "priorVersion"):
            check.selector(check.body["priorVersion"], "priorVersion", object_type)
        check.tag_updates(check.body, "tagUpdates")
        check.require(check.body, "content")
        self._finish_check(check)
        return base64.b64decode(check.body["content"])

    def _write_file(self, check: Check) -> Answer:
        name, media_type = (check.body.get(field, "") for field in ("name", "mimeType"))
        if check.require(check.body, "name"):
            _check_name(check, name)
        if check.require(check.body, "mimeType"):
            _check_media_type(check, media_type)
        content = self._check_content(check, "FILE")
        expected = int(check.body.get("size", len(content)))
        if expected != len(content):
            raise ServiceError(
                Code.DATA_LOSS,
                "File size received does not match the size expected: "
                f"Received {len(content)} B, expected {expected} B",
            )
        if len(name.encode()) > _LONGEST_NAME:
            raise internal()
        return self._store(check, data.file_definition(name, media_type, content), content)

    def _write_dataset(self, check: Check) -> Answer:
        definition = {name: one for name, one in check.body.items() if name in ("schema", "schemaId")}
        if "schemaId" in definition:
            check.fixed_selector(definition["schemaId"], "schemaId", "SCHEMA")
        elif "schema" in definition:
            definitions.schema(check, definition["schema"], "schema")
        else:
            check.add("A value is required for [schemaSpecifier]", "schemaSpecifier")
        _check_format(check, check.body)
        content = self._check_content(check, "DATA")
        schema = self.data.schema(check.params["tenant"], definition)
        table = tables.decode(content, schema, tables.codec(check.body["format"]))
        content = tables.encode(table, schema, tables.CSV)
        attrs = data.data_attrs(schema, len(table))
        return self._store(check, {"objectType": "DATA", "data": definition}, content, attrs)

    def _read_file(self, check: Check) -> Answer:
        found = self._selected(check, "FILE")
        return ok(
            {"fileDefinition": found.inner, "content": base64.b64encode(self.data.content(found)).decode()}
        )

    def _read_dataset(self, check: Check) -> Answer:
        _check_format(check, check.body)
        window = {name: int(check.body.get(name, 0)) for name in ("offset", "limit")}
        for name, number in window.items():
            if number < 0:
                check.add(f"Value of [{name}] cannot be negative", name)
        found = self._selected(check, "DATA")
        schema, content = self._table(check, found, check.body["format"], **window)
        return ok({"schema": schema, "content": base64.b64encode(content).decode()})

    def _table(
        self, check: Check, found: Found, name: str, offset: int = 0, limit: int = 0
    ) -> tuple[dict[str, Any], bytes]:
        """Return the schema of a dataset, and the selected rows as bytes in the format ``name``."""
        schema = self.data.schema(check.params["tenant"], found.inner)
        table = tables.decode(self.data.content(found), schema, tables.CSV)
        if offset or limit:
            # The platform reads the rows from offset to offset + limit. A missing limit counts as 0, so there
            # are no rows. If the sum needs more than 63 bits, it overflows, and there are no rows either.
            end = offset + limit
            table = table[offset : end if end < _INT64 else 0]
        return schema, tables.encode(table, schema, tables.codec(name))

    def _selected(self, check: Check, object_type: str) -> Found:
        if check.require(check.body, "selector"):
            check.selector(check.body["selector"], "selector", object_type)
        return self.metadata.find(self._finish_check(check), check.body["selector"])

    def _download_file(self, check: Check) -> Answer:
        found = self.metadata.find(self._finish_check(check), {**check.body, "objectType": "FILE"})
        return Answer(200, self.data.content(found), found.inner["mimeType"])

    def _download_data(self, check: Check) -> Answer:
        _check_format(check, check.query)
        found = self.metadata.find(self._finish_check(check), {**check.body, "objectType": "DATA"})
        name = check.query["format"]
        return Answer(200, self._table(check, found, name)[1], tables.codec(name))


def _check_name(check: Check, name: str) -> None:
    problems = [words for pattern, words in _ILLEGAL_NAMES if re.fullmatch(pattern, name, re.DOTALL)]
    if not problems and (values.is_reserved(name) or name.startswith(".")):
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
