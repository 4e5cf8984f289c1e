"""The names of Mill's recipes in assets and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.lineage import Lineage, Names

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

NAMES = Names("mill", "", ("recipe/RECIPE",))


def lineage_of_batch(namespace: str, details: JsonObject) -> Lineage:
    """Return what a batch writes: the product of its recipe."""
    return Lineage(outputs=(NAMES.dataset(namespace, "recipe", details["recipe"]),))
