"""The calls of TRAC's data service that work over REST: small files, small datasets, downloads."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call
from dataops_sandbox.trac import data
from dataops_sandbox.trac.errors import Code, ServiceError
from dataops_sandbox.trac.gateway import TracGateway, ok, path_selector
from dataops_sandbox.trac.validation import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dataops_sandbox.trac.metadata import Found


class TracFiles(TracGateway):
    """The data service."""

    def _prior(self, check: Check, request: Mapping[str, Any], method: str, object_type: str) -> None:
        if method.startswith("create"):
            if "priorVersion" in request:
                check.add("A value is not allowed for [priorVersion]", "priorVersion")
        elif check.require(request, "priorVersion"):
            check.selector(request["priorVersion"], "priorVersion", object_type)
        check.tag_updates(request, "tagUpdates")

    def _store(
        self, tenant: str, definition: dict[str, Any], content: bytes, request: Mapping[str, Any], attrs: Any
    ) -> Answer:
        prior = request.get("priorVersion")
        with self.metadata.transaction():
            found = self.data.write(
                tenant,
                definition,
                content,
                request.get("tagUpdates", ()),
                self._now(),
                generation=self.generation,
                prior=self.metadata.find(tenant, prior) if prior else None,
                attrs=attrs,
            )
        return ok(found.header())

    def _write_file(self, method: str) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            request = self._request(call, "FileWriteRequest")
            check = Check(method)
            check.require(request, "name")
            check.require(request, "mimeType")
            self._prior(check, request, method, "FILE")
            tenant = self._checked(call, check)
            content = base64.b64decode(request.get("content", ""))
            if int(request.get("size", len(content))) != len(content):
                raise ServiceError(Code.DATA_LOSS, "File size does not match the content")
            definition = data.file_definition(request["name"], request["mimeType"], content)
            return self._store(tenant, definition, content, request, None)

        return handler

    def _write_dataset(self, method: str) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            request = self._request(call, "DataWriteRequest")
            check = Check(method)
            if "schemaId" in request:
                check.selector(request["schemaId"], "schemaId", "SCHEMA")
            elif "schema" in request:
                check.schema(request["schema"], "schema")
            else:
                check.add("A value is required for [schemaSpecifier]", "schemaSpecifier")
            self._csv(check, request)
            self._prior(check, request, method, "DATA")
            tenant = self._checked(call, check)
            told = {name: one for name, one in request.items() if name in ("schema", "schemaId")}
            content = base64.b64decode(request.get("content", ""))
            schema = self.data.schema(tenant, told)
            attrs = data.data_attrs(schema, data.rows_of(content, schema))
            return self._store(tenant, {"objectType": "DATA", "data": told}, content, request, attrs)

        return handler

    def _csv(self, check: Check, request: Mapping[str, Any]) -> None:
        if check.require(request, "format") and request["format"] != data.CSV:
            check.add(f"The sandbox knows the format [{data.CSV}] alone", "format")

    def _read_file(self, call: Call) -> Answer:
        request = self._request(call, "FileReadRequest")
        found = self._selected(call, Check("readSmallFile"), request, "FILE")
        definition = found.version.definition["file"]
        content = data.encode(self.data.content(found))
        return ok({"fileDefinition": definition, **({"content": content} if content else {})})

    def _read_dataset(self, call: Call) -> Answer:
        request = self._request(call, "DataReadRequest")
        check = Check("readSmallDataset")
        self._csv(check, request)
        for name in ("offset", "limit"):
            if int(request.get(name, 0)) < 0:
                check.add(f"Value of [{name}] must not be negative", name)
        found = self._selected(call, check, request, "DATA")
        schema = self.data.schema(call.params["tenant"], found.version.definition["data"])
        content = self.data.content(found)
        offset, limit = int(request.get("offset", 0)), int(request.get("limit", 0))
        if offset or limit:
            content = data.part_of(data.rows_of(content, schema), offset, limit)
        return ok({"schema": schema, "content": data.encode(content)})

    def _selected(self, call: Call, check: Check, request: Mapping[str, Any], object_type: str) -> Found:
        if check.require(request, "selector"):
            check.selector(request["selector"], "selector", object_type)
        return self.metadata.find(self._checked(call, check), request["selector"])

    def _download_file(self, call: Call) -> Answer:
        check = Check("downloadFile")
        selector = path_selector(check, call, "FILE")
        found = self.metadata.find(self._checked(call, check), selector)
        return Answer(200, self.data.content(found), found.version.definition["file"]["mimeType"])

    def _download_data(self, call: Call) -> Answer:
        check = Check("downloadData")
        selector = path_selector(check, call, "DATA")
        if check.require(call.query, "format") and call.query["format"] not in ("csv", data.CSV):
            check.add("The sandbox knows the format [csv] alone", "format")
        found = self.metadata.find(self._checked(call, check), selector)
        return Answer(200, self.data.content(found), data.CSV)
