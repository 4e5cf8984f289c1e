"""The store of the assets that watch with one trigger."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.execution_time.context import AssetStateStoreAccessors

from airflow_provider_dataops.adapters.asset_state import AssetStateStore
from tests.loops import run

ASSETS = [Asset("claims", "x://claims"), Asset("claims again", "x://claims")]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    """Keep the values of Airflow's accessors in memory, by asset and key."""
    from airflow.sdk.execution_time.context import AssetStateStoreAccessor

    rows: dict[tuple[str, str], Any] = {}

    async def aget(self: Any, key: str, default: Any = None) -> Any:
        return rows.get((self._name, key), default)

    async def aset(self: Any, key: str, value: Any) -> None:
        rows[self._name, key] = value

    monkeypatch.setattr(AssetStateStoreAccessor, "aget", aget)
    monkeypatch.setattr(AssetStateStoreAccessor, "aset", aset)
    return rows


@pytest.mark.parametrize("count", [1, 2])
def test_a_value_is_stored_for_each_asset(rows: dict[tuple[str, str], Any], count: int) -> None:
    store = AssetStateStore(AssetStateStoreAccessors(inlets=ASSETS[:count]))
    assert store
    run(store.set("key", {"a": 1}))
    assert rows == {(asset.name, "key"): {"a": 1} for asset in ASSETS[:count]}
    assert run(store.get("key")) == [{"a": 1}] * count


def test_an_asset_without_a_value_is_left_out(rows: dict[tuple[str, str], Any]) -> None:
    rows["claims again", "key"] = {"a": 1}
    store = AssetStateStore(AssetStateStoreAccessors(inlets=ASSETS))
    assert run(store.get("key")) == [{"a": 1}]
    assert run(store.get("other key")) == []


def test_without_a_store_nothing_is_stored() -> None:
    store = AssetStateStore(None)
    assert not store
    run(store.set("key", {"a": 1}))
    assert run(store.get("key")) == []


def test_if_airflow_renames_its_private_names_one_asset_still_works() -> None:
    class Renamed:
        value: Any = None

        async def aget(self, key: str) -> Any:
            return self.value

        async def aset(self, key: str, value: Any) -> None:
            self.value = value

    store = AssetStateStore(Renamed())
    run(store.set("key", {"a": 1}))
    assert run(store.get("key")) == [{"a": 1}]
