"""The sandbox's TRAC on the wire: the REST calls of its gateway.

Paths, headers, bodies and errors are those of the open-source gateway and of the services behind it, as
recorded; :data:`.trac_store.REPOSITORY` and the names next to it tell which model can be imported from the
start. What differs between releases is the setting ``generation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call, Operation
from dataops_sandbox.trac import search as searches
from dataops_sandbox.trac import validation, writes
from dataops_sandbox.trac.errors import JSON, TEXT, BareError, internal, not_found
from dataops_sandbox.trac.files import TracFiles
from dataops_sandbox.trac.gateway import ADMIN, DATA, META, ORCH, ok, ok_list, path_selector
from dataops_sandbox.trac.store import SERVICES
from dataops_sandbox.trac.validation import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from dataops_sandbox.platform import World
    from dataops_sandbox.trac.metadata import Found

_T = "/{tenant}"
_OBJECT = f"{META}{_T}/{{objectType}}/{{objectId}}/versions"
_FORMAT = frozenset({"format"})


class Trac(TracFiles):
    """A TRAC platform on loopback."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Operation("healthz", "GET", "/healthz", self._healthz),
            Operation("availablez", "GET", "/availablez", self._availablez),
            Operation("platform_info", "GET", f"{META}/trac/platform-info", self._platform_info),
            Operation("list_tenants", "GET", f"{META}/trac/list-tenants", self._list_tenants),
            Operation(
                "list_resources", "GET", f"{META}{_T}/list-resources/{{resourceType}}", self._list_resources
            ),
            Operation(
                "resource_info",
                "GET",
                f"{META}{_T}/resource-info/{{resourceType}}/{{resourceKey}}",
                self._resource_info,
            ),
            Operation("create_object", "POST", f"{META}{_T}/create-object", self._create_object),
            Operation("update_object", "POST", f"{META}{_T}/update-object", self._update_object),
            Operation("update_tag", "POST", f"{META}{_T}/update-tag", self._update_tag),
            Operation("write_batch", "POST", f"{META}{_T}/write-batch", self._write_batch),
            Operation("read_object", "POST", f"{META}{_T}/read-object", self._read_object),
            Operation("read_batch", "POST", f"{META}{_T}/read-batch", self._read_batch),
            Operation("search", "POST", f"{META}{_T}/search", self._search),
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
            Operation("validate_job", "POST", f"{ORCH}{_T}/validate-job", self._validate_job),
            Operation("submit_job", "POST", f"{ORCH}{_T}/submit-job", self._submit_job),
            Operation("check_job", "POST", f"{ORCH}{_T}/check-job", self._check_job),
            Operation(
                "list_config_entries", "POST", f"{ADMIN}{_T}/list-config-entries", self._list_config_entries
            ),
            *(
                Operation(f"{verb}_small_{what}", "POST", f"{DATA}{_T}/{verb}-small-{what}", handler)
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
                    f"{DATA}{_T}/{kind}/{{objectId}}/versions/{version}/{{name}}",
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

    # Health, platform, tenants, resources

    def _healthz(self, _: Call) -> Answer:
        return Answer(200, b'{"status": "SERVING"}', JSON)

    def _availablez(self, _: Call) -> Answer:
        lines = (f"{name}={'no' if name in self.unavailable else 'yes'}\n" for name in SERVICES)
        return Answer(200, "".join(lines).encode(), TEXT)

    def _platform_info(self, _: Call) -> Answer:
        return ok(
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
        return ok({"tenants": tenants})

    def _list_resources(self, call: Call) -> Answer:
        resources = self.tenants[self._checked(call, Check("listResources"))].resources.values()
        kind = call.params["resourceType"]
        return ok_list("resources", [one.as_json() for one in resources if one.resource_type == kind])

    def _resource_info(self, call: Call) -> Answer:
        resources = self.tenants[self._checked(call, Check("resourceInfo"))].resources
        kind, key = call.params["resourceType"], call.params["resourceKey"]
        resource = resources.get(key)
        if resource is None or resource.resource_type != kind:
            raise not_found(f"Resource not found: [{key}]")
        return ok(resource.as_json())

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
        return ok_list("entries", entries)

    # Metadata

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
        return ok(found.header())

    def _write(self, tenant: str, request: Mapping[str, Any], kind: str, at: datetime) -> Found:
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
            return ok({name: [one.header() for one in many] for name, many in found.items()})

    def _read_object(self, call: Call) -> Answer:
        selector = self._request(call, "TagSelector")
        check = Check("readObject")
        check.selector(selector, "selector")
        return ok(self.metadata.find(self._checked(call, check), selector).as_json())

    def _read_batch(self, _: Call) -> Answer:
        # The gateway cannot bind the list of selectors to a body: it fails over whatever is sent.
        raise BareError(503, "read-batch does not work over REST")

    def _get(self, method: str) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            check = Check(method)
            selector = path_selector(check, call, call.params["objectType"])
            return ok(self.metadata.find(self._checked(call, check), selector).as_json())

        return handler

    def _search(self, call: Call) -> Answer:
        params = self._request(call, "SearchParameters")
        check = Check("search")
        searches.validate(check, params, self._now())
        found = searches.search(self.metadata, self._checked(call, check), params)
        return ok_list("searchResult", [one.as_json(definition=False) for one in found])

    # Jobs

    def _job_request(self, call: Call, method: str) -> tuple[str, dict[str, Any]]:
        request = self._request(call, "JobRequest")
        tenant = self._checked(call, Check(method))
        self.check_job_request(method, tenant, request)
        return tenant, request

    def _validate_job(self, call: Call) -> Answer:
        self._job_request(call, "validateJob")
        return ok({"statusCode": "VALIDATED"})

    def _submit_job(self, call: Call) -> Answer:
        job = self.submit(*self._job_request(call, "submitJob"))
        return ok({"jobId": job.header, "statusCode": job.status})

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
        return ok({"jobId": job.header, "statusCode": job.status, **message})


def _check_writable(request: Mapping[str, Any], kind: str) -> None:
    if kind != "tag":
        validation.writable(request, "created" if kind == "create" else "updated")
