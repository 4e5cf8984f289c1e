"""The rules of TRAC's gateway: routes, headers, JSON, and who may call at all."""

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
"""The calls that a release does not have."""

_GRPC_OK = {"grpc-encoding": "identity", "grpc-accept-encoding": "gzip", "grpc-status": "0"}
_NO_METHOD = "REST API METHOD NOT FOUND"

_MOST_BYTES = 1024 * 1024 + 64 * 1024
"""Bytes of a body; the gateway never answers a much longer one, the sandbox says so at once."""


class TracGateway(TracStore):
    """What every call of the gateway has in common."""

    @property
    def base_url(self) -> str:
        """URL of the gateway."""
        return self.root

    def connection(self) -> dict[str, Any]:
        """Return host and tenant as the connection type ``trac`` has them, and the credentials if any."""
        extra = {"tenant": TENANT}
        fields: dict[str, Any] = {"conn_type": self.name, "host": self.base_url, "extra": extra}
        if self.settings.auth == "basic":
            fields.update(login=self.settings.username, password=self.settings.password)
        if self.settings.auth == "bearer":
            extra["api_token"] = self.settings.api_token
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
        operation, params = super().find(method, path.removesuffix("/"))
        if operation is not None and operation.name in _ABSENT[self.settings.generation]:
            return None, {}
        return operation, params

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: Content) -> Answer:
        """Answer a request by the gateway's rules."""
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
            raise GatewayError(413, f"{body.size} bytes are more than the gateway lets pass")
        if method == "GET" and body.size:
            raise GatewayError(400, "a GET has no body")
        call = Call(_check_params(params), parse_query(query, operation.query), headers, body)
        return self.handle(operation, call)

    @changing
    def handle(self, operation: Operation, call: Call) -> Answer:
        """Let the call's handler answer."""
        # What jobs have made by now is seen by every call.
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
            # As it was sent: the gateway does not take another case.
            if headers.get(name, "").partition(";")[0].rstrip() != "application/json":
                message = f"Invalid [{name}] header (expected application/json for REST calls)"
                raise GatewayError(406, message)

    def _make_handler(
        self, handler: Callable[[Check], Answer], name: str, message: str = ""
    ) -> Callable[[Call], Answer]:
        """Return what answers a call: a handler with the request read, from the body or from the path.

        :param message: the message that a body is, without what the path has told
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
        """Finish the check of a request in itself, and give the tenant."""
        check.tenant()
        check.done()
        return self._tenant(check)


def ok(payload: Mapping[str, Any]) -> Answer:
    """Make the reply of a service to a call that has succeeded; what is empty is left out."""
    told = {name: value for name, value in payload.items() if value}
    return Answer(200, json.dumps(told).encode(), JSON, _GRPC_OK)


def _check_params(params: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a path; one that cannot be its field's value makes it no path of the API."""
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
