"""The names of Tamr's sources, data products and destinations in assets and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.lineage import Dataset, Lineage, Names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.json import JsonObject

#: The domain of all tenants.
DOMAIN = "tamr.cloud"

NAMES = Names("tamr", "", ("source/SOURCE", "data-product/DATA_PRODUCT", "destination/DESTINATION"))

#: The first part of a dataset's name, by the name of the id in the configuration of a job.
_KINDS = {"sourceId": "source", "dataProductId": "data-product", "destinationId": "destination"}


def tenant_host(tenant: str) -> str:
    """Return the host of a tenant. A host name or a URL is returned unchanged."""
    return tenant if set(tenant) & set("./:") else f"{tenant}.{DOMAIN}"


def lineage_of_job(namespace: str, configuration: Mapping[str, JsonObject]) -> Lineage:
    """Return what a job reads and writes.

    Tamr does not report the sources of a data product, or what a workflow changes.

    :param configuration: the configuration of the job.
    """

    def datasets(ids: JsonObject, *members: str) -> tuple[Dataset, ...]:
        return tuple(
            NAMES.dataset(namespace, _KINDS[member], ids[member]) for member in members if ids.get(member)
        )

    for kind, ids in configuration.items():
        if kind == "publish":
            return Lineage(inputs=datasets(ids, "dataProductId"), outputs=datasets(ids, "destinationId"))
        return Lineage(outputs=datasets(ids, "sourceId", "dataProductId"))
    return Lineage()
