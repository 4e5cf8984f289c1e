"""Keep values of an event trigger in Airflow's asset state store, which is new in Airflow 3.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject


class AssetStateStore:
    """The store of all assets whose watchers use one trigger.

    Two assets with equal triggers share one trigger. Then Airflow's own methods ``aget`` and ``aset`` raise a
    ValueError, because they do not know which asset is meant.

    :param accessors: ``asset_state_store`` of the trigger; ``None`` if Airflow has no store.
    """

    def __init__(self, accessors: Any) -> None:
        # _by_name and _by_uri are private names of Airflow. It has no public way to list the assets.
        names = ("_by_name", "_by_uri")
        self._assets = [asset for name in names for asset in getattr(accessors, name, {}).values()]
        if accessors is not None and not self._assets:
            self._assets = [accessors]

    def __bool__(self) -> bool:
        """Return whether Airflow can store a value."""
        return bool(self._assets)

    async def get(self, key: str) -> list[JsonObject]:
        """Return the value of each asset that has one.

        :raises Exception: if Airflow does not respond.
        """
        values = [await asset.aget(key) for asset in self._assets]
        return [value for value in values if value is not None]

    async def set(self, key: str, value: JsonObject) -> None:
        """Store a value for each asset.

        :raises Exception: if Airflow does not respond.
        """
        for asset in self._assets:
            await asset.aset(key, dict(value))
