"""Names that Airflow 3.1 or 3.2 keeps in another module than Airflow 3.3."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk._shared.module_loading import import_string
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralTimeout
    from airflow.sdk.lineage import HookLineageCollector
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
    from airflow.sdk.serde import deserialize, serialize
    from airflow.serialization.decoders import smart_decode_trigger_kwargs
    from airflow.serialization.encoders import encode_trigger

__all__ = [
    "AirflowRescheduleException",
    "HookLineageCollector",
    "ProvidersManagerTaskRuntime",
    "TaskDeferralTimeout",
    "deserialize",
    "encode_trigger",
    "import_string",
    "serialize",
    "smart_decode_trigger_kwargs",
]

#: Where Airflow 3.3 and Airflow 3.1 have a name.
_PLACES = {
    "AirflowRescheduleException": ("airflow.sdk.exceptions", "airflow.exceptions"),
    "HookLineageCollector": ("airflow.sdk.lineage", "airflow.lineage.hook"),
    "ProvidersManagerTaskRuntime": ("airflow.sdk.providers_manager_runtime", "airflow.providers_manager"),
    "TaskDeferralTimeout": ("airflow.sdk.exceptions", "airflow.exceptions"),
    "encode_trigger": ("airflow.serialization.encoders", "airflow.serialization.serialized_objects"),
    "smart_decode_trigger_kwargs": (
        "airflow.serialization.decoders",
        "airflow.serialization.serialized_objects",
    ),
    "deserialize": ("airflow.sdk.serde", "airflow.serialization.serde"),
    "import_string": ("airflow.sdk._shared.module_loading", "airflow.utils.module_loading"),
    "serialize": ("airflow.sdk.serde", "airflow.serialization.serde"),
}
#: Names that Airflow 3.1 spells differently.
_OLD = {"ProvidersManagerTaskRuntime": "ProvidersManager", "encode_trigger": "_encode_trigger"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(name)
    new, old = _PLACES[name]
    try:
        return getattr(import_module(new), name)
    except (ImportError, AttributeError):
        return getattr(import_module(old), _OLD.get(name, name))
