"""The rules of TRAC's gateway: routes, headers, JSON and credentials."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import (
    Answer,
    Call,
    DeniedError,
    Operation,
    parse_query,
    read_object,
)
from dataops_sandbox.platform import changing
from dataops_sandbox.trac import messages
from dataops_sandbox.trac.errors import (
    JSON,
    BareError,
    Code,
    GatewayError,
    ServiceError,
    answer_of,
    not_found,
)
from dataops_sandbox.trac.metadata import GENERATIONS
from dataops_sandbox.trac.store import SERVICES, TENANT, TracStore
from dataops_sandbox.trac.validation import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dataops_sandbox.content import Content


_SERVICES = dict(zip(("meta", "data", "orch", "admin"), SERVICES, strict=True))

_HEALTH = ("healthz", "availablez")
_ABSENT = {
    "0.8": frozenset({"healthz", "availablez", "download_data", "download_latest_data"}),
    "0.10": frozenset({"list_resources", "resource_info"}),
}
"""For each release: the calls that the release does not have."""

_GRPC_OK = {"grpc-encoding": "identity", "grpc-accept-encoding": "gzip", "grpc-status": "0"}
_NO_METHOD = "REST API METHOD NOT FOUND"

_MOST_BYTES = 1024 * 1024 + 64 * 1024
"""Maximum length of a body in bytes.

The sandbox rejects a longer body. The real gateway does not respond to it.
"""


class TracGateway(TracStore):
    """The rules that the gateway applies to every call."""

    @property
    def base_url(self) -> str:
        """URL of the gateway."""
        return self.root

    def connection(self) -> dict[str, Any]:
        """Return the connection fields: host and tenant, and credentials if the setting ``auth`` is set."""
        extra = {"tenant": TENANT}
        fields: dict[str, Any] = {"conn_type": self.name, "host": self.base_url, "extra": extra}
        if self.settings.auth == "basic":
            fields.update(login=self.settings.username, password=self.settings.password)
        if self.settings.auth == "bearer":
            extra["api_token"] = self.settings.api_token
        return fields

    def denial(self, denied: DeniedError) -> Answer:
        """Return an error response in the format of the gateway or of a service."""
        return answer_of(denied)

    def disguise(self, payload: Any, state: str) -> Any:
        """Return the payload with each job status replaced by ``state``, also in attributes."""
        if isinstance(payload, list):
            return [self.disguise(item, state) for item in payload]
        if not isinstance(payload, dict):
            return payload
        members = {name: self.disguise(value, state) for name, value in payload.items()}
        if "jobId" in members and "statusCode" in members:
            members["statusCode"] = state
        if "trac_job_status" in members:
            members["trac_job_status"] = {**members["trac_job_status"], "stringValue": state}
        return members

    # The gateway

    def find(self, method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
        """Return the API call of a request, and the values in the path; ignore a slash at the path's end."""
        operation, params = super().find(method, path.removesuffix("/"))
        if operation is not None and operation.name in _ABSENT[self.settings.generation]:
            return None, {}
        return operation, params

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: Content) -> Answer:
        """Return the response to a request, after the gateway's checks."""
        self._authorise(headers)
        operation, params = self.find(method, path)
        prefix = re.match(r"/trac-(meta|data|orch|admin)/api/v1/", path)
        service = _SERVICES[prefix[1]] if prefix else None
        if operation is None:
            raise GatewayError(404, _NO_METHOD) if service else BareError(404, "no such route")
        if service in self.settings.unavailable:
            raise BareError(503, f"the {service} service is down")
        if operation.name not in _HEALTH:
            self._check_headers(operation, headers)
        if body.size > _MOST_BYTES:
            raise GatewayError(413, f"a body of {body.size} bytes is too long for the gateway")
        if method == "GET" and body.size:
            raise GatewayError(400, "a GET request must not have a body")
        call = Call(_check_params(params), parse_query(query, operation.query), headers, body)
        return self.handle(operation, call)

    @changing
    def handle(self, operation: Operation, call: Call) -> Answer:
        """Bring all jobs up to date, then return the response of the call's handler."""
        # all() ends each job that is due to end, and stores the job's objects. The call must find them.
        self.all()
        return super().handle(operation, call)

    def _authorise(self, headers: Mapping[str, str]) -> None:
        if self.settings.auth == "none":
            return
        settings = self.settings
        login = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
        wanted, asked = {"basic": (login, 'Basic realm="trac"'), "bearer": (settings.api_token, "Bearer")}[
            settings.auth
        ]
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        if (scheme.lower(), credentials) != (settings.auth, wanted):
            message = "Authentication failed"
            raise ServiceError(Code.UNAUTHENTICATED, message, headers={"WWW-Authenticate": asked})

    def _check_headers(self, operation: Operation, headers: Mapping[str, str]) -> None:
        unexpected, wanted = ["content-encoding"], []
        if not operation.name.startswith("download"):
            wanted.append("accept")
        elif self.settings.generation == GENERATIONS[0]:
            unexpected.append("accept")
        (wanted if operation.method == "POST" else unexpected).append("content-type")
        for name in unexpected:
            if name in headers:
                raise GatewayError(406, f"Unexpected HTTP header [{name}]")
        for name in wanted:
            # Like the real gateway, accept this media type only in lower case.
            if headers.get(name, "").partition(";")[0].rstrip() != "application/json":
                message = f"Invalid [{name}] header (expected application/json for REST calls)"
                raise GatewayError(406, message)

    def _make_handler(
        self, handler: Callable[[Check], Answer], name: str, message: str = ""
    ) -> Callable[[Call], Answer]:
        """Return a function that reads the request of a call, then calls ``handler`` with it.

        :param name: name of the call, e.g. ``create_object``
        :param message: the protobuf message of the body; empty if the call has no body. The body does not
            contain the tenant, because the path contains it
        """
        method = re.sub(r"_(\w)", lambda found: found[1].upper(), name)

        def answer(call: Call) -> Answer:
            check = Check(method, {}, call.params, call.query)
            if message:
                what = "Invalid REST API request: Error in JSON payload: the body"
                check.body = messages.read(
                    message, read_object(call.body.head(_MOST_BYTES), what), frozenset({"tenant"})
                )
            elif "objectId" in call.params:
                check.path_selector()
            return handler(check)

        return answer

    def _tenant(self, check: Check) -> str:
        tenant = check.params["tenant"]
        if tenant not in self.tenants:
            raise not_found(f"Unknown tenant [{tenant}]")
        return tenant

    def _finish_check(self, check: Check) -> str:
        """End the checks of a request, and return the tenant.

        :raises ServiceError: if this or an earlier check found a problem, or the tenant does not exist
        """
        check.tenant()
        check.done()
        return self._tenant(check)


def ok(payload: Mapping[str, Any]) -> Answer:
    """Return the response to a successful call; leave out empty members of the payload."""
    members = {name: value for name, value in payload.items() if value}
    return Answer(200, json.dumps(members).encode(), JSON, _GRPC_OK)


def _check_params(params: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that a path contains, with object and resource types in upper case.

    :raises GatewayError: if a field has an invalid value; the gateway responds as for an unknown path
    """
    checked = dict(params)
    for name, enum in (("objectType", "ObjectType"), ("resourceType", "ResourceType")):
        if name in checked:
            checked[name] = checked[name].upper()
            if checked[name] not in messages.ENUMS[enum][1:]:
                raise GatewayError(404, _NO_METHOD)
    for name in ("objectVersion", "tagVersion"):
        if not re.fullmatch("[0-9]+", checked.get(name, "1")):
            raise GatewayError(404, _NO_METHOD)
    return checked
