"""The URIs of Toucan's domains and data sources, for assets."""

from __future__ import annotations

from airflow_provider_dataops.assets.base import PlatformAssets
from airflow_provider_dataops.core.arguments import require_one_text, require_text
from airflow_provider_dataops.platforms.toucan.lineage import NAMES, data_source_dataset, domain_dataset
from airflow_provider_dataops.platforms.toucan.work import STAGING, check_stage


def toucan_uri(
    *,
    host: str,
    small_app: str,
    domain: str | None = None,
    data_source: str | None = None,
    stage: str | None = STAGING,
) -> str:
    """Return the URI of a domain, or of the file of a data source.

    :param host: the host or the base URL of the API, as in the connection.
    :param domain: the name of the domain.
    :param data_source: the name of the data source's file in the small app, instead of ``domain``.
    :param stage: ``staging``, or ``None`` for production. ``ToucanUploadDataSourceOperator``
        uploads to production by default: its data source has ``stage=None``.
    :raises InvalidArgumentError: with the name of the wrong argument.
    """
    require_text(host=host, small_app=small_app)
    require_one_text(domain=domain, data_source=data_source)
    check_stage(stage)
    namespace = NAMES.namespace(host, small_app)
    if domain:
        return domain_dataset(namespace, domain, stage).uri
    return data_source_dataset(namespace, str(data_source), stage).uri


_ASSETS = PlatformAssets(NAMES, toucan_uri)
sanitize_uri = _ASSETS.sanitize_uri
create_asset = _ASSETS.create_asset
convert_asset_to_openlineage = _ASSETS.convert_asset_to_openlineage
