"""TRAC's gateway: the URLs of its services, the headers of requests, and its errors."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.http import Exchange, Reply, Request, json_body, segment
from airflow_provider_dataops.core.settings import ConnectionFields, Settings, base_url, read_settings
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    InvalidArgumentError,
    UnroutedError,
)
from airflow_provider_dataops.platforms.trac.api.refusals import NO_METHOD, details_of, is_refusal
from airflow_provider_dataops.platforms.trac.credentials import read_credentials
from airflow_provider_dataops.platforms.trac.form import PLACEHOLDERS
from airflow_provider_dataops.platforms.trac.limits import MAX_BODY
from airflow_provider_dataops.platforms.trac.lineage import NAMES
from airflow_provider_dataops.platforms.trac.model.names import require_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.json import JsonObject


T = TypeVar("T")
#: For each service, the default first part of the path of its URLs. An installation may use other paths.
PREFIXES = {"meta": "trac-meta", "orch": "trac-orch", "data": "trac-data", "admin": "trac-admin"}
_PREFIX = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")


class Gateway(Api):
    """The REST interface of TRAC's gateway. All services are behind this gateway.

    Each call validates its arguments and returns a generator of requests.
    :class:`~airflow_provider_dataops.hooks.trac.TracHook` runs the generator and sends the requests.

    :param credentials: the authentication headers; empty if the installation needs no authentication.
    :param tenant: the connection's tenant, for calls without the argument ``tenant``; it may be empty.
    :param prefixes: for each service, the first part of the path of its URLs.
    """

    platform = "TRAC"
    noun = "job"
    names = NAMES

    def __init__(
        self,
        settings: Settings,
        *,
        credentials: Mapping[str, str],
        tenant: str,
        prefixes: Mapping[str, str],
    ) -> None:
        super().__init__(settings)
        self._credentials = credentials
        self._tenant = tenant
        self._prefixes = prefixes
        #: The clock: a function that returns seconds since the epoch.
        self._clock = time.time
        #: A function that returns a random number from 0 to below 1. With it, several writers pause for
        #: different times.
        self._chance = random.random

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> Self:
        """Return the API for an Airflow connection of type ``trac``.

        :raises ConnectionSettingsError: if the host is missing, or a field has an invalid value.
        """
        headers, secrets = read_credentials(fields)
        tenant = fields.text("tenant")
        if tenant:
            try:
                require_identifier("extra field 'tenant'", tenant)
            except InvalidArgumentError as error:
                raise fields.error(str(error)) from None
        prefixes = {service: _prefix(fields, service) for service in PREFIXES}
        settings = read_settings(
            fields,
            base_url(fields),
            secrets=secrets,
            placeholders=PLACEHOLDERS,
            account=(fields.login or "", *prefixes.values()),
        )
        return cls(settings, credentials=headers, tenant=tenant, prefixes=prefixes)

    def credentials(self) -> Mapping[str, str]:
        """Return the authentication headers. TRAC 0.8 and later need none, but a proxy in front may."""
        return self._credentials

    def tenant(self, tenant: str | None) -> str:
        """Return ``tenant``, or the connection's tenant if ``tenant`` is ``None``.

        :raises InvalidArgumentError: if ``tenant`` is ``None`` and the connection has no tenant, or if the
            tenant is not an identifier.
        """
        return require_identifier("tenant", self.text_or_default("tenant", tenant, self._tenant))

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of the error to raise for a response without a 2xx status code."""
        if reply.status == 412 and "superseded" in f"{reply.reason} {self.error_text(reply)}".lower():
            return ConflictError
        if reply.status >= 500 and is_refusal(reply.headers, request.operation):
            return BadRequestError
        if reply.status == 404 and reply.text() == NO_METHOD:
            # This release of TRAC does not have the call. A retry or another id does not help.
            return BadRequestError
        if reply.status == 404 and "grpc-status" not in reply.headers:
            # This 404 has no header grpc-status, which TRAC's services always send. So a proxy or the gateway
            # sent it.
            return UnroutedError
        return super().error_class(request, reply)

    def error_text(self, reply: Reply) -> str:
        """Return TRAC's error message. The services send it in a header, and the gateway in the body."""
        details = details_of(reply.headers)
        return details.text(reply.reason) if details else reply.text()

    def object_url(self, tenant: str, object_type: str, object_id: str, object_version: int = 1) -> str:
        """Return the link to a version of an object.

        TRAC has no web pages. So without a ``link_template`` the link is the object's URL in the API.
        """
        version = str(object_version)
        return self.link(
            self._url("meta", tenant, object_type, object_id, "versions", version, "tags", "latest"),
            tenant=tenant,
            object_type=object_type,
            object_id=object_id,
            object_version=version,
            run_id=object_id,
            job_id=object_id,
        )

    # --- requests --------------------------------------------------------------------------------------

    def _url(self, service: str, *path: str) -> str:
        parts = (self.settings.base_url, self._prefixes[service], "api/v1", *map(segment, path))
        return "/".join(parts)

    def _read(
        self, operation: str, read: Callable[[Any], T], service: str, tenant: str | None, *path: str
    ) -> Exchange[T]:
        """Send a GET request, and return the result of ``read``.

        The request has no header ``Content-Type``, because TRAC rejects a GET with this header.

        :param read: a function that gets the decoded response and returns the result.
        """
        url = self._url(service, self.tenant(tenant), *path)
        return self.get(operation, url, lambda reply: read(reply.json()))

    def _send(
        self,
        operation: str,
        read: Callable[[Any], T],
        service: str,
        tenant: str | None,
        method: str,
        message: JsonObject,
        **options: Any,
    ) -> Exchange[T]:
        """Call a method of a service with a POST request, and return the result of ``read``.

        :param read: a function that gets the decoded response and returns the result.
        :param options: ``repeatable=True`` if it is safe to send the request twice.
        :raises InvalidArgumentError: if the request is too large. The gateway would never respond to it.
        """
        return self._post(
            operation, lambda reply: read(reply.json()), service, tenant, method, message, **options
        )

    def _post(
        self,
        operation: str,
        parse: Callable[[Reply], T],
        service: str,
        tenant: str | None,
        method: str,
        message: JsonObject,
        **options: Any,
    ) -> Exchange[T]:
        """Call a method of a service, and return the result of ``parse``, which gets the whole response."""
        url, body = self._url(service, self.tenant(tenant), method), json_body(message)
        if len(body.content) > MAX_BODY:
            raise InvalidArgumentError(
                f"{operation}: the request must have at most {MAX_BODY} bytes, the most that TRAC's gateway "
                f"accepts; given: {len(body.content)}. Send less in one request"
            )
        return self.post(operation, url, body, parse, **options)


def _prefix(fields: ConnectionFields, service: str) -> str:
    name = f"{service}_prefix"
    prefix = fields.text(name).strip("/").removesuffix("/api/v1") or PREFIXES[service]
    if not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise fields.error(f"extra field {name!r} must be the first part of a URL's path; given: {prefix!r}")
    return prefix
