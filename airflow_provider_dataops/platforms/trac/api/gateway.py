"""TRAC's gateway: where its services are, what each request must and must not carry, how it tells errors."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar
from urllib.parse import urlencode

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.arguments import chosen
from airflow_provider_dataops.core.http import (
    Exchange,
    Reply,
    Request,
    Sink,
    call,
    json_body,
    read_nothing,
    segment,
)
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    common_settings,
    fill_template,
)
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    InvalidArgumentError,
    UnroutedError,
)
from airflow_provider_dataops.platforms.trac.api.refusals import NO_METHOD, details_of
from airflow_provider_dataops.platforms.trac.credentials import _credentials
from airflow_provider_dataops.platforms.trac.model.names import require_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.platforms.trac.model.selectors import Selector


T = TypeVar("T")
#: The first part of each service's path, which an installation may rename.
PREFIXES = {"meta": "trac-meta", "orch": "trac-orch", "data": "trac-data", "admin": "trac-admin"}
#: A request of 2 MB was never answered, one of about 1 MiB was: the most that is sent, in bytes.
MAX_BODY = 1_000_000
_PREFIX = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")
#: Exactly this: the gateway answers 406 to lists, ``*/*`` and other spellings.
_JSON = {"Accept": "application/json"}


class Gateway(Api):
    """The REST side of the gateway, in front of all services.

    :param credentials: headers that prove who we are; none where the installation asks for none.
    :param tenant: the connection's own, for calls that name none.
    :param prefixes: the first part of each service's path.
    :param clock: seconds since the epoch.
    :param chance: a number from 0 up to 1, for pauses that are not the same for all.
    """

    platform: ClassVar[str] = "TRAC"

    def __init__(
        self,
        settings: Settings,
        *,
        credentials: Mapping[str, str] | None = None,
        tenant: str = "",
        prefixes: Mapping[str, str] = PREFIXES,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(settings)
        self._credentials = dict(credentials or {})
        self._tenant = tenant
        self._prefixes = dict(prefixes)
        self._clock = clock
        self._chance = chance

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> Self:
        """Read an Airflow connection of type ``trac``.

        :raises ConnectionSettingsError: if the host is missing, or something cannot be used.
        """
        headers, secrets = _credentials(fields)
        tenant = fields.text("tenant")
        if tenant:
            try:
                require_identifier("extra field 'tenant'", tenant)
            except InvalidArgumentError as error:
                raise fields.error(str(error)) from None
        prefixes = {service: _prefix(fields, service) for service in PREFIXES}
        settings = Settings(
            **common_settings(
                fields, base_url(fields), secrets=secrets, account=(fields.login or "", *prefixes.values())
            )
        )
        return cls(settings, credentials=headers, tenant=tenant, prefixes=prefixes)

    def credentials(self) -> Mapping[str, str]:
        """Return the headers of the token, or of login and password; none from 0.8 on without a proxy."""
        return self._credentials

    def tenant(self, tenant: str | None) -> str:
        """Return the tenant to use: the one given, or the connection's.

        :raises InvalidArgumentError: if there is neither, or it cannot be the code of one.
        """
        return require_identifier("tenant", chosen("tenant", tenant, self._tenant))

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of error that an unsuccessful reply stands for."""
        if reply.status == 412 and "superseded" in f"{reply.reason} {self.error_text(reply)}".lower():
            return ConflictError
        if reply.status == 404 and reply.text() == NO_METHOD:
            # Of another generation: no retry and no other id will help.
            return BadRequestError
        if reply.status == 404 and "grpc-status" not in reply.headers:
            # No service of TRAC's said so: a proxy, or the gateway, which has no such route.
            return UnroutedError
        return super().error_class(request, reply)

    def error_text(self, reply: Reply) -> str:
        """Return the platform's words: of its services in a header, of the gateway itself in the body."""
        details = details_of(reply.headers)
        return details.text(reply.reason) if details else reply.text()

    def object_url(self, tenant: str, object_type: str, object_id: str, object_version: int = 1) -> str:
        """Return where a version of an object is.

        TRAC has no pages for people: without a template it is the address in the API.
        """
        template = self.settings.link_template
        if not template:
            path = (tenant, object_type, object_id, "versions", str(object_version), "tags", "latest")
            return self._url("meta", *path)
        values = {
            "tenant": tenant,
            "object_type": object_type,
            "object_id": object_id,
            "object_version": str(object_version),
            "run_id": object_id,
            "job_id": object_id,
        }
        return fill_template(template, self.settings.base_url, values)

    # --- requests --------------------------------------------------------------------------------------

    def _url(self, service: str, *path: str) -> str:
        parts = (self.settings.base_url, self._prefixes[service], "api/v1", *map(segment, path))
        return "/".join(parts)

    def _get(self, service: str, *path: str, operation: str, parse: Callable[[Reply], T]) -> Exchange[T]:
        """Read something. A GET must not have a ``Content-Type``."""
        return call(
            Request(
                operation=operation,
                method="GET",
                url=self._url(service, *path),
                headers=_JSON,
                parse=parse,
                repeatable=True,
            )
        )

    def _post(
        self,
        service: str,
        *path: str,
        body: Mapping[str, Any],
        operation: str,
        parse: Callable[[Reply], T],
        repeatable: bool = False,
    ) -> Exchange[T]:
        """Send a message.

        :raises InvalidArgumentError: if it is too large for the gateway, which would never answer.
        """
        content = json_body(body)
        if len(content.content) > MAX_BODY:
            raise InvalidArgumentError(
                f"{operation}: the request is {len(content.content)} bytes long, the gateway takes about "
                f"{MAX_BODY}; send less at once"
            )
        return call(
            Request(
                operation=operation,
                method="POST",
                url=self._url(service, *path),
                headers=_JSON,
                body=content,
                parse=parse,
                repeatable=repeatable,
            )
        )

    def _download(self, *path: str, query: Mapping[str, str], sink: Sink, operation: str) -> Exchange[None]:
        """Stream a file. Downloads go without ``Accept``: up to 0.8 the gateway refuses any."""
        url = self._url("data", *path)
        return call(
            Request(
                operation=operation,
                method="GET",
                url=f"{url}?{urlencode(query)}" if query else url,
                parse=read_nothing,
                sink=sink,
                repeatable=True,
            )
        )


def version_segment(selector: Selector, what: str) -> str:
    """Return the version of an object as paths have it.

    :raises InvalidArgumentError: for a time, which no path has.
    """
    if selector.object_as_of is not None:
        raise InvalidArgumentError(f"{what} must be a version or the latest; given: a time")
    return "latest" if selector.object_version is None else str(selector.object_version)


def _prefix(fields: ConnectionFields, service: str) -> str:
    name = f"{service}_prefix"
    prefix = fields.text(name).strip("/").removesuffix("/api/v1") or PREFIXES[service]
    if not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise fields.error(f"extra field {name!r} must be the first part of a path; given: {prefix!r}")
    return prefix
