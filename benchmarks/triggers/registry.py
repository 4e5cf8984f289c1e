"""The names of all clients."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.triggers.adapter import Adapter

_PACKAGE = "benchmarks.triggers"
#: The clients of this package, by name.
OURS = {
    "quantemplate": "platforms.quantemplate.Quantemplate",
    "toucan": "platforms.toucan.Toucan",
    "toucan-basic": "platforms.toucan.ToucanBasic",
    "tamr": "platforms.tamr.Tamr",
    "tailer": "platforms.tailer.Tailer",
    "tailer-each": "platforms.tailer.TailerEach",
    "trac": "platforms.trac.Trac",
}
#: The clients of other packages.
PEERS = {
    "dbt-cloud": "peers.DbtCloud",
    "airbyte": "peers.Airbyte",
    "fivetran": "peers.Fivetran",
    "databricks": "peers.Databricks",
    "http-sensor": "peers.HttpSensor",
    "http-event": "peers.HttpEvent",
}
#: The clients with which all others are compared.
BASELINES = {
    "idle": "baselines.Idle",
    "floor": "baselines.Floor",
    "floor-httpx": "baselines.FloorHttpx",
}
CLIENTS = OURS | PEERS | BASELINES


def load(name: str) -> Adapter:
    """Return the adapter of a client.

    :param name: one of :data:`CLIENTS`, or the path of a class: ``package.module.Class``.
    """
    path = f"{_PACKAGE}.{CLIENTS[name]}" if name in CLIENTS else name
    module, _, attribute = path.rpartition(".")
    adapter: Adapter = getattr(import_module(module), attribute)()
    return adapter


def missing_distribution(adapter: Adapter) -> str | None:
    """Return the distribution that must be installed for a client; ``None`` if nothing is missing."""
    try:
        found = find_spec(adapter.trigger.rpartition(".")[0])
    except ModuleNotFoundError:
        found = None
    return None if found else adapter.distribution
