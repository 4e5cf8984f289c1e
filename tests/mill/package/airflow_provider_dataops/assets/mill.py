"""The URIs of Mill's recipes, for assets."""

from __future__ import annotations

from airflow_provider_dataops.assets.base import PlatformAssets
from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.platforms.mill.lineage import NAMES


def mill_uri(*, host: str, recipe: str) -> str:
    """Return the URI of a recipe.

    :param host: the host or the base URL of the API, as in the connection.
    :param recipe: the recipe.
    """
    require_text(host=host, recipe=recipe)
    return NAMES.dataset(NAMES.namespace(host), "recipe", recipe).uri


_ASSETS = PlatformAssets(NAMES, mill_uri)
sanitize_uri = _ASSETS.sanitize_uri
create_asset = _ASSETS.create_asset
convert_asset_to_openlineage = _ASSETS.convert_asset_to_openlineage
