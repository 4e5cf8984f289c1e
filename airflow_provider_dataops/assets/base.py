"""What Airflow calls for assets whose URIs belong to a platform. The provider info names these methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Asset

    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.lineage import Names


class PlatformAssets:
    """The assets of one platform.

    :param names: the names of the platform's datasets.
    :param uri_of: the function that returns the URI of a dataset.
    """

    def __init__(self, names: Names, uri_of: Callable[..., str]) -> None:
        self._names = names
        self._uri_of = uri_of

    def sanitize_uri(self, uri: SplitResult) -> SplitResult:
        """Return a URI in its only form: the host in lower case, ids in one percent-encoding.

        :raises ValueError: if the URI is not allowed. Airflow shows the message as a DAG import error.
        """
        return urlsplit(self._names.parse(uri).uri)

    def create_asset(self, *, name: str | None = None, extra: JsonObject | None = None, **ids: Any) -> Asset:
        """Return an asset.

        :param name: the asset's name; by default its URI.
        :param ids: the arguments of the function that returns the URI.
        """
        # Import this here: Airflow calls ``sanitize_uri`` in processes that need no other part of its SDK.
        from airflow.sdk import Asset

        uri = self._uri_of(**ids)
        return Asset(name=name or uri, uri=uri, extra=dict(extra or {}))

    def convert_asset_to_openlineage(self, asset: Asset, lineage_context: object) -> Any:
        """Return the dataset of an asset in OpenLineage's class.

        :param lineage_context: the hook that has read or written the asset. It is not used.
        """
        from airflow_provider_dataops.lineage.openlineage import openlineage_dataset

        return openlineage_dataset(self._names.parse(urlsplit(asset.uri)))
