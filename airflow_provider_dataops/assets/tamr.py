"""The URIs of Tamr's sources, data products and destinations, for assets."""

from __future__ import annotations

from airflow_provider_dataops.assets.base import PlatformAssets
from airflow_provider_dataops.core.arguments import require_one_text, require_text
from airflow_provider_dataops.platforms.tamr.lineage import NAMES, tenant_host


def tamr_uri(
    *,
    tenant: str,
    source_id: str | None = None,
    data_product_id: str | None = None,
    destination_id: str | None = None,
) -> str:
    """Return the URI of a source, a data product or a destination.

    :param tenant: the name of the tenant, its host or its URL, as in the connection.
    :raises InvalidArgumentError: with the name of the wrong argument.
    """
    require_text(tenant=tenant)
    require_one_text(source_id=source_id, data_product_id=data_product_id, destination_id=destination_id)
    ids = {"source": source_id, "data-product": data_product_id, "destination": destination_id}
    path = next((kind, value) for kind, value in ids.items() if value)
    return NAMES.dataset(NAMES.namespace(tenant_host(tenant)), *path).uri


_ASSETS = PlatformAssets(NAMES, tamr_uri)
sanitize_uri = _ASSETS.sanitize_uri
create_asset = _ASSETS.create_asset
convert_asset_to_openlineage = _ASSETS.convert_asset_to_openlineage
