"""The sandbox's TRAC on the wire: the REST calls of its gateway.

Paths, headers, bodies and errors are those of the open-source gateway and of the services behind it, as
recorded; :data:`.trac_store.REPOSITORY` and the names next to it tell which model can be imported from the
start. What differs between releases is the setting ``generation``.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.sandbox import trac_data as data
from airflow_provider_dataops.sandbox import trac_messages as messages
from airflow_provider_dataops.sandbox import trac_search as searches
from airflow_provider_dataops.sandbox import trac_validation as validation
from airflow_provider_dataops.sandbox import trac_writes as writes
from airflow_provider_dataops.sandbox.messages import (
    Answer,
    Call,
    DeniedError,
    Operation,
    parse_query,
    read_object,
)
from airflow_provider_dataops.sandbox.tokens import bearer
from airflow_provider_dataops.sandbox.toucan_auth import read_basic
from airflow_provider_dataops.sandbox.trac_errors import (
    JSON,
    TEXT,
    BareError,
    Code,
    GatewayError,
    ServiceError,
    answer_of,
    internal,
    not_found,
)
from airflow_provider_dataops.sandbox.trac_store import SERVICES, TENANT, TracStore
from airflow_provider_dataops.sandbox.trac_validation import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.sandbox.content import Content
    from airflow_provider_dataops.sandbox.platform import World
    from airflow_provider_dataops.sandbox.trac_metadata import Found

_META, _ORCH, _DATA, _ADMIN = (f"/trac-{name}/api/v1" for name in ("meta", "orch", "data", "admin"))
_PREFIXES = dict(zip((_META, _DATA, _ORCH, _ADMIN), SERVICES, strict=True))
_T = "/{tenant}"
_OBJECT = f"{_META}{_T}/{{objectType}}/{{objectId}}/versions"

_HEALTH = frozenset({"healthz", "availablez"})
_DOWNLOADS = frozenset({"download_file", "download_latest_file", "download_data", "download_latest_data"})
_FORMAT = frozenset({"format"})
_ABSENT = {
    "0.8": frozenset({"healthz", "availablez", "download_data", "download_latest_data"}),
    "0.10": frozenset({"list_resources", "resource_info"}),
}
"""The calls that a release does not have."""

_GRPC_OK = {"grpc-encoding": "identity", "grpc-accept-encoding": "gzip", "grpc-status": "0"}
_NO_METHOD = "REST API METHOD NOT FOUND"
_TENANT = frozenset({"tenant"})

_MOST_BYTES = 1024 * 1024 + 64 * 1024
"""Bytes of a body; the gateway never answers a much longer one, the sandbox says so at once."""


class Trac(TracStore):
    """A TRAC platform on loopback."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Operation("healthz", "GET", "/healthz", self._healthz),
            Operation("availablez", "GET", "/availablez", self._availablez),
            Operation("platform_info", "GET", f"{_META}/trac/platform-info", self._platform_info),
            Operation("list_tenants", "GET", f"{_META}/trac/list-tenants", self._list_tenants),
            Operation(
                "list_resources", "GET", f"{_META}{_T}/list-resources/{{resourceType}}", self._list_resources
            ),
            Operation(
                "resource_info",
                "GET",
                f"{_META}{_T}/resource-info/{{resourceType}}/{{resourceKey}}",
                self._resource_info,
            ),
            Operation("create_object", "POST", f"{_META}{_T}/create-object", self._create_object),
            Operation("update_object", "POST", f"{_META}{_T}/update-object", self._update_object),
            Operation("update_tag", "POST", f"{_META}{_T}/update-tag", self._update_tag),
            Operation("write_batch", "POST", f"{_META}{_T}/write-batch", self._write_batch),
            Operation("read_object", "POST", f"{_META}{_T}/read-object", self._read_object),
            Operation("read_batch", "POST", f"{_META}{_T}/read-batch", self._read_batch),
            Operation("search", "POST", f"{_META}{_T}/search", self._search),
            Operation(
                "get_latest_object", "GET", f"{_OBJECT}/latest/tags/latest", self._get("getLatestObject")
            ),
            Operation(
                "get_latest_tag", "GET", f"{_OBJECT}/{{objectVersion}}/tags/latest", self._get("getLatestTag")
            ),
            Operation(
                "get_object",
                "GET",
                f"{_OBJECT}/{{objectVersion}}/tags/{{tagVersion}}",
                self._get("getObject"),
            ),
            Operation("validate_job", "POST", f"{_ORCH}{_T}/validate-job", self._validate_job),
            Operation("submit_job", "POST", f"{_ORCH}{_T}/submit-job", self._submit_job),
            Operation("check_job", "POST", f"{_ORCH}{_T}/check-job", self._check_job),
            Operation(
                "list_config_entries", "POST", f"{_ADMIN}{_T}/list-config-entries", self._list_config_entries
            ),
            *(
                Operation(f"{verb}_small_{what}", "POST", f"{_DATA}{_T}/{verb}-small-{what}", handler)
                for verb, what, handler in (
                    ("create", "file", self._write_file("createSmallFile")),
                    ("update", "file", self._write_file("updateSmallFile")),
                    ("read", "file", self._read_file),
                    ("create", "dataset", self._write_dataset("createSmallDataset")),
                    ("update", "dataset", self._write_dataset("updateSmallDataset")),
                    ("read", "dataset", self._read_dataset),
                )
            ),
            *(
                Operation(
                    name,
                    "GET",
                    f"{_DATA}{_T}/{kind}/{{objectId}}/versions/{version}/{{name}}",
                    handler,
                    query,
                )
                for name, kind, version, handler, query in (
                    ("download_latest_file", "FILE", "latest", self._download_file, frozenset[str]()),
                    ("download_file", "FILE", "{objectVersion}", self._download_file, frozenset[str]()),
                    ("download_latest_data", "DATA", "latest", self._download_data, _FORMAT),
                    ("download_data", "DATA", "{objectVersion}", self._download_data, _FORMAT),
                )
            ),
        )

    @property
    def base_url(self) -> str:
        """URL of the gateway."""
        return self.root

    def connection(self) -> dict[str, Any]:
        """Give host and tenant as the connection type ``trac`` has them, and the credentials if any."""
        extra = {"tenant": TENANT}
        fields: dict[str, Any] = {"conn_type": self.name, "host": self.base_url, "extra": extra}
        if self.auth == "basic":
            fields.update(login=self.username, password=self.password)
        if self.auth == "bearer":
            extra["api_token"] = self.api_token
        return fields

    def denial(self, denied: DeniedError) -> Answer:
        """Say no in the words of the gateway or of a service behind it."""
        return answer_of(denied)

    def disguise(self, payload: Any, state: str) -> Any:
        """Replace the status of jobs, in what the orchestrator tells and in tags."""
        if isinstance(payload, list):
            return [self.disguise(item, state) for item in payload]
        if not isinstance(payload, dict):
            return payload
        told = {name: self.disguise(value, state) for name, value in payload.items()}
        if "jobId" in told and "statusCode" in told:
            told["statusCode"] = state
        if "trac_job_status" in told:
            told["trac_job_status"] = {**told["trac_job_status"], "stringValue": state}
        return told

    # The gateway

    def find(self, method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
        """Find the call of a request; a slash at the end does not matter."""
        for operation in self.operations:
            params = operation.match(path.removesuffix("/"))
            if (
                params is not None
                and operation.method == method
                and operation.name not in _ABSENT[self.generation]
            ):
                return operation, params
        return None, {}

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: Content) -> Answer:
        """Answer a request by the gateway's rules."""
        self._authorise(headers)
        operation, params = self.find(method, path)
        service = next((name for prefix, name in _PREFIXES.items() if path.startswith(f"{prefix}/")), None)
        if operation is None:
            raise GatewayError(404, _NO_METHOD) if service else BareError(404, "no such route")
        if service in self.unavailable:
            raise BareError(503, f"the {service} service is down")
        if operation.name not in _HEALTH:
            self._check_headers(operation, headers)
        if body.size > _MOST_BYTES:
            raise GatewayError(413, f"{body.size} bytes are more than the gateway lets pass")
        if method == "GET" and body.size:
            raise GatewayError(400, "a GET has no body")
        call = Call(_checked(params), parse_query(query, operation.query), headers, body)
        with self.world.changed:
            try:
                self.orchestrator.advance()
                return operation.handler(call)
            finally:
                self.world.changed.notify_all()

    def _authorise(self, headers: Mapping[str, str]) -> None:
        if self.auth == "none":
            return
        header = headers.get("Authorization", "")
        if self.auth == "basic":
            right = header.startswith("Basic ") and read_basic(header) == (self.username, self.password)
        else:
            right = bool(header) and bearer(headers) == self.api_token
        if not right:
            asked = {"basic": 'Basic realm="trac"', "bearer": "Bearer"}[self.auth]
            raise ServiceError(
                Code.UNAUTHENTICATED, "Authentication failed", headers={"WWW-Authenticate": asked}
            )

    def _check_headers(self, operation: Operation, headers: Mapping[str, str]) -> None:
        accept, content_type = headers.get("Accept"), headers.get("Content-Type")
        download = operation.name in _DOWNLOADS
        if download and self.generation == "0.8" and accept is not None:
            raise GatewayError(406, "Unexpected HTTP header [accept]")
        if not download and _media_type(accept) != "application/json":
            raise GatewayError(406, "Invalid [accept] header (expected application/json for REST calls)")
        if operation.method == "GET" and content_type is not None:
            raise GatewayError(406, "Unexpected HTTP header [content-type]")
        if operation.method == "POST" and _media_type(content_type) != "application/json":
            raise GatewayError(
                406, "Invalid [content-type] header (expected application/json for REST calls)"
            )
        if "Content-Encoding" in headers:
            raise GatewayError(406, "Unexpected HTTP header [content-encoding]")

    def _request(self, call: Call, message: str) -> dict[str, Any]:
        """Read a body; one that is a whole request message lacks what the path has told."""
        what = "Invalid REST API request: Error in JSON payload: the body"
        return messages.read(message, read_object(call.body.head(_MOST_BYTES), what), _TENANT)

    def _tenant(self, call: Call) -> str:
        tenant = call.params["tenant"]
        if tenant not in self.tenants:
            raise not_found(f"Unknown tenant [{tenant}]")
        return tenant

    def _checked(self, call: Call, check: Check) -> str:
        """Finish the check of a request in itself, and give the tenant."""
        check.tenant(call.params["tenant"])
        check.done()
        return self._tenant(call)

    # Health, platform, tenants, resources

    def _healthz(self, _: Call) -> Answer:
        return Answer(200, b'{"status": "SERVING"}', JSON)

    def _availablez(self, _: Call) -> Answer:
        lines = (f"{name}={'no' if name in self.unavailable else 'yes'}\n" for name in SERVICES)
        return Answer(200, "".join(lines).encode(), TEXT)

    def _platform_info(self, _: Call) -> Answer:
        return _ok(
            {
                "tracVersion": f"{self.generation}.0",
                "environment": self.environment,
                "deploymentInfo": {"region": self.region},
            }
        )

    def _list_tenants(self, _: Call) -> Answer:
        tenants = [
            {"tenantCode": code, **({"description": tenant.description} if tenant.description else {})}
            for code, tenant in self.tenants.items()
        ]
        return _ok({"tenants": tenants})

    def _list_resources(self, call: Call) -> Answer:
        resources = self.tenants[self._checked(call, Check("listResources"))].resources.values()
        kind = call.params["resourceType"]
        return _ok_list("resources", [one.as_json() for one in resources if one.resource_type == kind])

    def _resource_info(self, call: Call) -> Answer:
        resources = self.tenants[self._checked(call, Check("resourceInfo"))].resources
        kind, key = call.params["resourceType"], call.params["resourceKey"]
        resource = resources.get(key)
        if resource is None or resource.resource_type != kind:
            raise not_found(f"Resource not found: [{key}]")
        return _ok(resource.as_json())

    def _list_config_entries(self, call: Call) -> Answer:
        request = self._request(call, "ConfigListRequest")
        check = Check("listConfigEntries")
        check.require(request, "configClass")
        resources = self.tenants[self._checked(call, check)].resources.values()
        kind = request.get("resourceType")
        entries = [
            one.entry
            for one in resources
            if one.entry is not None
            and one.entry["configClass"] == request["configClass"]
            and kind in (None, one.resource_type)
        ]
        return _ok_list("entries", entries)

    # Metadata

    def _now(self) -> Any:
        return self.world.timeline.wall(self.world.timeline.now())

    def _create_object(self, call: Call) -> Answer:
        return self._write_one(call, "create")

    def _update_object(self, call: Call) -> Answer:
        return self._write_one(call, "object")

    def _update_tag(self, call: Call) -> Answer:
        return self._write_one(call, "tag")

    def _write_one(self, call: Call, kind: str) -> Answer:
        request = self._request(call, "MetadataWriteRequest")
        check = Check({"create": "createObject", "object": "updateObject", "tag": "updateTag"}[kind])
        validation.write_request(check, request, kind)
        check.tenant(call.params["tenant"])
        check.done()
        _check_writable(request, kind)
        tenant = self._tenant(call)
        with self.metadata.transaction():
            found = self._write(tenant, request, kind, self._now())
        return _ok(found.header())

    def _write(self, tenant: str, request: Mapping[str, Any], kind: str, at: Any) -> Found:
        updates = request.get("tagUpdates", ())
        if kind == "create":
            return writes.create(self.metadata, tenant, request["definition"], updates, at)
        prior = self.metadata.find(tenant, request["priorVersion"])
        if kind == "tag":
            return writes.add_tag(self.metadata, prior, updates, at)
        return writes.add_version(
            self.metadata, prior, request["definition"], updates, at, generation=self.generation
        )

    def _write_batch(self, call: Call) -> Answer:
        request = self._request(call, "MetadataWriteBatchRequest")
        check = Check("writeBatch")
        kinds = {"createObjects": "create", "updateObjects": "object", "updateTags": "tag"}
        if not request:
            check.add("Write batch request does not contain any operations")
        for name, kind in kinds.items():
            seen = set()
            for number, one in enumerate(request.get(name, ())):
                prefix = f"{name}[{number}]."
                validation.write_request(check, one, kind, prefix)
                if one.get("tenant", call.params["tenant"]) != call.params["tenant"]:
                    check.add("Value of [tenant] is not the batch's", f"{prefix}tenant")
                prior = one.get("priorVersion", {})
                key = (prior.get("objectId"), prior.get("objectVersion") if kind == "tag" else None)
                if kind != "create" and key in seen:
                    check.add("The same object is updated twice", f"{prefix}priorVersion")
                seen.add(key)
        check.tenant(call.params["tenant"])
        check.done()
        for name, kind in kinds.items():
            for one in request.get(name, ()):
                _check_writable(one, kind)
        tenant, at = self._tenant(call), self._now()
        with self.metadata.transaction():
            found = {
                name: [self._write(tenant, one, kind, at) for one in request[name]]
                for name, kind in kinds.items()
                if name in request
            }
            return _ok({name: [one.header() for one in many] for name, many in found.items()})

    def _read_object(self, call: Call) -> Answer:
        selector = self._request(call, "TagSelector")
        check = Check("readObject")
        check.selector(selector, "selector")
        return _ok(self.metadata.find(self._checked(call, check), selector).as_json())

    def _read_batch(self, _: Call) -> Answer:
        # The gateway cannot bind the list of selectors to a body: it fails over whatever is sent.
        raise BareError(503, "read-batch does not work over REST")

    def _get(self, method: str) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            check = Check(method)
            selector = _path_selector(check, call, call.params["objectType"])
            return _ok(self.metadata.find(self._checked(call, check), selector).as_json())

        return handler

    def _search(self, call: Call) -> Answer:
        params = self._request(call, "SearchParameters")
        check = Check("search")
        searches.validate(check, params, self._now())
        found = searches.search(self.metadata, self._checked(call, check), params)
        return _ok_list("searchResult", [one.as_json(definition=False) for one in found])

    # Jobs

    def _job_request(self, call: Call, method: str) -> tuple[str, dict[str, Any]]:
        request = self._request(call, "JobRequest")
        tenant = self._checked(call, Check(method))
        self.check_job_request(method, tenant, request)
        return tenant, request

    def _validate_job(self, call: Call) -> Answer:
        self._job_request(call, "validateJob")
        return _ok({"statusCode": "VALIDATED"})

    def _submit_job(self, call: Call) -> Answer:
        job = self.submit(*self._job_request(call, "submitJob"))
        return _ok({"jobId": job.header, "statusCode": job.status})

    def _check_job(self, call: Call) -> Answer:
        selector = self._request(call, "TagSelector")
        check = Check("checkJob")
        check.selector(selector, "selector", "JOB")
        self._checked(call, check)
        job = self.orchestrator.jobs.get(selector["objectId"])
        # A look-up in a cache whose keys have a version: whatever it does not find is an internal error.
        if job is None or selector.get("objectVersion") != 1 or not job.in_cache(self.world.timeline.now()):
            raise internal()
        message = {"statusMessage": job.message} if job.message else {}
        return _ok({"jobId": job.header, "statusCode": job.status, **message})

    # Files and datasets

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
        return _ok(found.header())

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
        return _ok({"fileDefinition": definition, **({"content": content} if content else {})})

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
        return _ok({"schema": schema, "content": data.encode(content)})

    def _selected(self, call: Call, check: Check, request: Mapping[str, Any], object_type: str) -> Found:
        if check.require(request, "selector"):
            check.selector(request["selector"], "selector", object_type)
        return self.metadata.find(self._checked(call, check), request["selector"])

    def _download_file(self, call: Call) -> Answer:
        check = Check("downloadFile")
        selector = _path_selector(check, call, "FILE")
        found = self.metadata.find(self._checked(call, check), selector)
        return Answer(200, self.data.content(found), found.version.definition["file"]["mimeType"])

    def _download_data(self, call: Call) -> Answer:
        check = Check("downloadData")
        selector = _path_selector(check, call, "DATA")
        if check.require(call.query, "format") and call.query["format"] not in ("csv", data.CSV):
            check.add("The sandbox knows the format [csv] alone", "format")
        found = self.metadata.find(self._checked(call, check), selector)
        return Answer(200, self.data.content(found), data.CSV)


def _ok(payload: Mapping[str, Any]) -> Answer:
    return Answer(200, json.dumps(payload).encode(), JSON, _GRPC_OK)


def _ok_list(name: str, found: list[Any]) -> Answer:
    return _ok({name: found} if found else {})


def _media_type(header: str | None) -> str | None:
    return header.partition(";")[0].rstrip() if header is not None else None


def _checked(params: Mapping[str, str]) -> dict[str, str]:
    """Give the fields of a path; one that cannot be its field's value makes it no path of the API."""
    checked = dict(params)
    for name, enum in (("objectType", "ObjectType"), ("resourceType", "ResourceType")):
        if name in checked:
            checked[name] = checked[name].upper()
            if checked[name] not in messages.ENUMS[enum][1:]:
                raise GatewayError(404, _NO_METHOD)
    for name in ("objectVersion", "tagVersion"):
        if name in checked and not (checked[name].isascii() and checked[name].isdecimal()):
            raise GatewayError(404, _NO_METHOD)
    return checked


def _path_selector(check: Check, call: Call, object_type: str) -> dict[str, Any]:
    """Give the selector that a path means; check its id and versions."""
    check.object_id(call.params["objectId"], "objectId")
    selector: dict[str, Any] = {"objectType": object_type, "objectId": call.params["objectId"]}
    for what in ("object", "tag"):
        name = f"{what}Version"
        if name not in call.params:
            selector[f"latest{what.title()}"] = True
            continue
        selector[name] = int(call.params[name])
        if selector[name] < 1:
            check.add(f"Value of [{name}] must be at least 1", name)
    return selector


def _check_writable(request: Mapping[str, Any], kind: str) -> None:
    if kind != "tag":
        validation.writable(request, "created" if kind == "create" else "updated")
