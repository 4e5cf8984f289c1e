"""The calls that read an installation's version, tenants, resources and configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.json import present
from airflow_provider_dataops.errors import BadRequestError, ConnectionSettingsError
from airflow_provider_dataops.platforms.trac.api.gateway import Gateway
from airflow_provider_dataops.platforms.trac.model.names import object_type as checked_type
from airflow_provider_dataops.platforms.trac.model.objects import (
    ConfigEntry,
    PlatformInfo,
    Resource,
    Tenant,
    listed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.http import Exchange

T = TypeVar("T")

RESOURCES = "trac_resources"
_UP_TO_0_8 = re.compile(r"0\.[0-8](?![0-9])")


class InstallationCalls(Gateway):
    """The calls about an installation and its tenants."""

    def platform_info(self) -> Exchange[PlatformInfo]:
        """Return the version and environment of the installation."""
        return self._read("get platform info", PlatformInfo.from_json, "meta", "trac", "platform-info")

    def list_tenants(self) -> Exchange[list[Tenant]]:
        """Return the tenants that the connection's account may use."""
        return self._read(
            "list tenants", _listed("tenants", Tenant.from_json), "meta", "trac", "list-tenants"
        )

    def test(self) -> Exchange[str]:
        """Request the list of tenants, and check that it contains the connection's tenant."""
        tenants = yield from self.list_tenants()
        if not self._tenant:
            return "the gateway responds; the connection has no tenant to check"
        if self._tenant not in {tenant.code for tenant in tenants}:
            raise ConnectionSettingsError(
                f"connection {self.settings.conn_id!r}: extra field 'tenant' must be a tenant that the "
                f"gateway lists; given: {self._tenant!r}"
            )
        return f"the gateway responds, and lists the tenant {self._tenant!r}"

    def list_resources(self, resource_type: str, *, tenant: str | None = None) -> Exchange[list[Resource]]:
        """Return the resources of one type that a tenant has.

        :param resource_type: ``MODEL_REPOSITORY`` or ``INTERNAL_STORAGE``, for instance.
        :raises BadRequestError: with TRAC 0.9 or later. Use :meth:`list_config_entries` instead.
        """
        kind = checked_type(resource_type, "resource_type")
        read = _listed("resources", Resource.from_json)
        return self._up_to_0_8(
            self._read(f"list resources of type {kind}", read, "meta", tenant, "list-resources", kind), kind
        )

    def resource_info(
        self, resource_type: str, resource_key: str, *, tenant: str | None = None
    ) -> Exchange[Resource]:
        """Return one resource of a tenant.

        :raises BadRequestError: with TRAC 0.9 or later. Use :meth:`list_config_entries` instead.
        """
        require_text(resource_key=resource_key)
        kind = checked_type(resource_type, "resource_type")
        operation, path = f"get resource {resource_key}", ("resource-info", kind, resource_key)
        return self._up_to_0_8(self._read(operation, Resource.from_json, "meta", tenant, *path), kind)

    def list_config_entries(
        self,
        config_class: str = RESOURCES,
        *,
        resource_type: str | None = None,
        include_deleted: bool = False,
        tenant: str | None = None,
    ) -> Exchange[list[ConfigEntry]]:
        """Return entries of a tenant's configuration, by default its resources. Needs TRAC 0.8 or later.

        TRAC does not list a resource that is only in the tenant's configuration file.
        """
        require_text(config_class=config_class)
        kind = None if resource_type is None else checked_type(resource_type, "resource_type")
        return self._send(
            f"list {config_class} entries",
            _listed("entries", ConfigEntry.from_json),
            "admin",
            tenant,
            "list-config-entries",
            present(
                {
                    "configClass": config_class,
                    "resourceType": kind,
                    "includeDeleted": include_deleted or None,
                }
            ),
            repeatable=True,
        )

    def _up_to_0_8(self, exchange: Exchange[T], resource_type: str) -> Exchange[T]:
        """Send the request. Explain a 404: TRAC is too new for this request, or does not know the type."""
        try:
            return (yield from exchange)
        except BadRequestError as error:
            if error.status != 404:
                raise
            version = (yield from self.platform_info()).version
            if _UP_TO_0_8.match(version):
                message = f"TRAC {version} has no resource_type {resource_type}"
            else:
                message = (
                    "TRAC 0.9 and later do not have this call. Use list_config_entries. That call does not "
                    "list the resources in the tenant's configuration file"
                )
            raise error.again_as(BadRequestError, message) from error


def _listed(name: str, read: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    """Return a function that reads the list ``name`` from a decoded response."""
    return lambda payload: [read(item) for item in listed(payload, name)]
