"""The URIs of TRAC's objects, for assets."""

from __future__ import annotations

from airflow_provider_dataops.assets.base import PlatformAssets
from airflow_provider_dataops.core.arguments import require_choice, require_text
from airflow_provider_dataops.platforms.trac.lineage import NAMES, TYPES


def trac_uri(*, host: str, tenant: str, object_id: str, object_type: str = "DATA") -> str:
    """Return the URI of an object. It has no version: all versions of an object are one asset.

    :param host: the host or the base URL of the gateway, as in the connection.
    :param tenant: the tenant's code.
    :param object_id: the object's id, a UUID.
    :param object_type: the type of the object: ``DATA``, ``FILE``, ``MODEL``, ``FLOW``, ``SCHEMA`` or
        ``CUSTOM``.
    :raises InvalidArgumentError: with the name of the wrong argument.
    """
    require_text(host=host, tenant=tenant, object_id=object_id)
    require_choice("object_type", object_type, TYPES)
    return NAMES.dataset(NAMES.namespace(host, tenant), object_type.lower(), object_id.lower()).uri


_ASSETS = PlatformAssets(NAMES, trac_uri)
sanitize_uri = _ASSETS.sanitize_uri
create_asset = _ASSETS.create_asset
convert_asset_to_openlineage = _ASSETS.convert_asset_to_openlineage
