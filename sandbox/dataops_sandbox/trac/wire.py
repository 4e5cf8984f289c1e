"""The HTTP interface of the sandbox's TRAC: the REST calls of its gateway.

Paths, headers, bodies and errors come from recorded exchanges with the open-source gateway and its
services. The setting ``generation`` chooses between releases. :data:`.store.REPOSITORY` and the constants
next to it describe the model that a client can import at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Operation
from dataops_sandbox.trac import search as searches
from dataops_sandbox.trac import validation
from dataops_sandbox.trac.errors import JSON, TEXT, BareError, internal, not_found
from dataops_sandbox.trac.files import TracFiles
from dataops_sandbox.trac.gateway import ok
from dataops_sandbox.trac.store import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dataops_sandbox.platform import World
    from dataops_sandbox.trac.validation import Check

_CALLS = """
healthz              healthz             GET  healthz
availablez           availablez          GET  availablez
platform_info        platform_info       GET  trac-meta/api/v1/trac/platform-info
list_tenants         list_tenants        GET  trac-meta/api/v1/trac/list-tenants
list_resources       list_resources      GET  trac-meta/api/v1/{tenant}/list-resources/{resourceType}
resource_info        resource_info       GET  trac-meta/api/v1/{tenant}/resource-info/{resourceType}/{resourceKey}
create_object        write               POST trac-meta/api/v1/{tenant}/create-object        MetadataWriteRequest
update_object        write               POST trac-meta/api/v1/{tenant}/update-object        MetadataWriteRequest
update_tag           write               POST trac-meta/api/v1/{tenant}/update-tag           MetadataWriteRequest
write_batch          write_batch         POST trac-meta/api/v1/{tenant}/write-batch          MetadataWriteBatchRequest
read_object          read_object         POST trac-meta/api/v1/{tenant}/read-object          TagSelector
read_batch           read_batch          POST trac-meta/api/v1/{tenant}/read-batch
search               search              POST trac-meta/api/v1/{tenant}/search               SearchParameters
get_latest_object    get                 GET  trac-meta/api/v1/{tenant}/{objectType}/{objectId}/versions/latest/tags/latest
get_latest_tag       get                 GET  trac-meta/api/v1/{tenant}/{objectType}/{objectId}/versions/{objectVersion}/tags/latest
get_object           get                 GET  trac-meta/api/v1/{tenant}/{objectType}/{objectId}/versions/{objectVersion}/tags/{tagVersion}
validate_job         validate_job        POST trac-orch/api/v1/{tenant}/validate-job         JobRequest
submit_job           submit_job          POST trac-orch/api/v1/{tenant}/submit-job           JobRequest
check_job            check_job           POST trac-orch/api/v1/{tenant}/check-job            TagSelector
list_config_entries  list_config_entries POST trac-admin/api/v1/{tenant}/list-config-entries ConfigListRequest
create_small_file    write_file          POST trac-data/api/v1/{tenant}/create-small-file    FileWriteRequest
update_small_file    write_file          POST trac-data/api/v1/{tenant}/update-small-file    FileWriteRequest
read_small_file      read_file           POST trac-data/api/v1/{tenant}/read-small-file      FileReadRequest
create_small_dataset write_dataset       POST trac-data/api/v1/{tenant}/create-small-dataset DataWriteRequest
update_small_dataset write_dataset       POST trac-data/api/v1/{tenant}/update-small-dataset DataWriteRequest
read_small_dataset   read_dataset        POST trac-data/api/v1/{tenant}/read-small-dataset   DataReadRequest
download_latest_file download_file       GET  trac-data/api/v1/{tenant}/FILE/{objectId}/versions/latest/{name}
download_file        download_file       GET  trac-data/api/v1/{tenant}/FILE/{objectId}/versions/{objectVersion}/{name}
download_latest_data download_data       GET  trac-data/api/v1/{tenant}/DATA/{objectId}/versions/latest/{name}
download_data        download_data       GET  trac-data/api/v1/{tenant}/DATA/{objectId}/versions/{objectVersion}/{name}
"""  # noqa: E501 - a table
"""Columns: name, handler, HTTP method and path of each call, and the protobuf message of its body."""


class Trac(TracFiles):
    """The sandbox's TRAC platform."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = tuple(self._operations())

    def _operations(self) -> Iterator[Operation]:
        for line in _CALLS.strip().splitlines():
            name, handler, method, path, *message = line.split()
            call = self._make_handler(getattr(self, f"_{handler}"), name, *message)
            query = frozenset({"format"} if handler == "download_data" else ())
            yield Operation(name, method, f"/{path}", call, query)

    # Health, platform, tenants, resources

    def _healthz(self, _: Check) -> Answer:
        return Answer(200, b'{"status": "SERVING"}', JSON)

    def _availablez(self, _: Check) -> Answer:
        lines = (f"{name}={'no' if name in self.settings.unavailable else 'yes'}\n" for name in SERVICES)
        return Answer(200, "".join(lines).encode(), TEXT)

    def _platform_info(self, _: Check) -> Answer:
        return ok(
            {
                "tracVersion": f"{self.settings.generation}.0",
                "environment": self.settings.environment,
                "deploymentInfo": {"region": self.settings.region},
            }
        )

    def _list_tenants(self, _: Check) -> Answer:
        tenants = [
            {"tenantCode": code, **({"description": tenant.description} if tenant.description else {})}
            for code, tenant in self.tenants.items()
        ]
        return ok({"tenants": tenants})

    def _list_resources(self, check: Check) -> Answer:
        resources = self.tenants[self._finish_check(check)].resources.values()
        kind = check.params["resourceType"]
        return ok({"resources": [one.as_json() for one in resources if one.resource_type == kind]})

    def _resource_info(self, check: Check) -> Answer:
        resources = self.tenants[self._finish_check(check)].resources
        kind, key = check.params["resourceType"], check.params["resourceKey"]
        resource = resources.get(key)
        if resource is None or resource.resource_type != kind:
            raise not_found(f"Resource not found: [{key}]")
        return ok(resource.as_json())

    def _list_config_entries(self, check: Check) -> Answer:
        check.require(check.body, "configClass")
        resources = self.tenants[self._finish_check(check)].resources.values()
        kind = check.body.get("resourceType")
        entries = [
            one.entry
            for one in resources
            if one.entry is not None
            and one.entry["configClass"] == check.body["configClass"]
            and kind in (None, one.resource_type)
        ]
        return ok({"entries": entries})

    # Metadata

    def _write(self, check: Check) -> Answer:
        validation.write_request(check, check.body, check.method)
        return ok(self._written(check, [(check.method, check.body)])[0])

    def _write_batch(self, check: Check) -> Answer:
        if not check.body:
            check.add("Write batch request does not contain any operations")
        validation.write_batch(check)
        # The body lists the requests under the plural of their method, e.g. createObjects.
        requests = [(name.removesuffix("s"), one) for name, many in check.body.items() for one in many]
        headers = iter(self._written(check, requests))
        return ok({name: [next(headers) for _ in many] for name, many in check.body.items()})

    def _written(self, check: Check, requests: list[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
        check.tenant()
        check.done()
        for method, request in requests:
            validation.writable(request, method)
        return self.metadata.write(self._tenant(check), requests, self._now())

    def _read_object(self, check: Check) -> Answer:
        check.selector(check.body, "selector")
        return self._get(check)

    def _read_batch(self, _: Check) -> Answer:
        # The real gateway cannot read a list of selectors from a body. So this call always fails.
        raise BareError(503, "read-batch does not work over REST")

    def _get(self, check: Check) -> Answer:
        return ok(self.metadata.find(self._finish_check(check), check.body).as_json())

    def _search(self, check: Check) -> Answer:
        searches.validate(check, self._now())
        found = searches.search(self.metadata, self._finish_check(check), check.body)
        return ok({"searchResult": [one.as_json(definition=False) for one in found]})

    # Jobs

    def _validate_job(self, check: Check) -> Answer:
        self.check_job_request(check, self._finish_check(check))
        return ok({"statusCode": "VALIDATED"})

    def _submit_job(self, check: Check) -> Answer:
        self._validate_job(check)
        job = self.submit(check.params["tenant"], check.body)
        return ok({"jobId": job.header, "statusCode": job.code})

    def _check_job(self, check: Check) -> Answer:
        selector = check.body
        check.selector(selector, "selector", "JOB")
        self._finish_check(check)
        job = self.started.get(selector["objectId"])
        # The platform looks up the job's id and version in a cache, and fails if the cache has no entry.
        if job is None or selector.get("objectVersion") != 1 or not job.in_cache(self.world.timeline.now()):
            raise internal()
        return ok({"jobId": job.header, "statusCode": job.code, "statusMessage": job.message})
