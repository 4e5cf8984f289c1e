"""The URIs of Tailer's configurations, for assets."""

from __future__ import annotations

from airflow_provider_dataops.assets.base import PlatformAssets
from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.platforms.tailer.lineage import HOST, NAMES


def tailer_uri(*, account: str, environment: str, configuration_id: str, host: str = HOST) -> str:
    """Return the URI of a configuration.

    :param account: a string of six digits, with leading zeros.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``.
    :param configuration_id: the id under which the configuration is deployed.
    :param host: the host or the base URL of the API, as in the connection.
    :raises InvalidArgumentError: with the name of the wrong argument.
    """
    require_text(account=account, environment=environment, configuration_id=configuration_id)
    namespace = NAMES.namespace(host, account, environment)
    return NAMES.dataset(namespace, "configuration", configuration_id).uri


_ASSETS = PlatformAssets(NAMES, tailer_uri)
sanitize_uri = _ASSETS.sanitize_uri
create_asset = _ASSETS.create_asset
convert_asset_to_openlineage = _ASSETS.convert_asset_to_openlineage
