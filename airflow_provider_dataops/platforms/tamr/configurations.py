"""What a Tamr job can do: load a source, update a data product or workflow, publish to a destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

#: Which ids a configuration of each kind may hold.
_IDS = {
    "load": {"sourceId"},
    "update": {"dataProductId", "workflowId"},
    "publish": {"destinationId", "dataProductId"},
}
#: What a job on a resource itself looks like, by the name of the resource's id.
_OWN_KIND = {
    "source_id": ("load", "sourceId"),
    "data_product_id": ("update", "dataProductId"),
    "workflow_id": ("update", "workflowId"),
    "destination_id": ("publish", "destinationId"),
}


def load(source_id: str) -> dict[str, Any]:
    """Return the configuration that refreshes a source."""
    return {"load": {"sourceId": source_id}}


def update_data_product(data_product_id: str) -> dict[str, Any]:
    """Return the configuration that runs a data product."""
    return {"update": {"dataProductId": data_product_id}}


def run_workflow(workflow_id: str) -> dict[str, Any]:
    """Return the configuration that runs a workflow."""
    return {"update": {"workflowId": workflow_id}}


def publish(destination_id: str, data_product_id: str | None = None) -> dict[str, Any]:
    """Return the configuration that publishes: of a data product with both ids, of RealTime with one."""
    ids = {"destinationId": destination_id}
    if data_product_id:
        ids["dataProductId"] = data_product_id
    return {"publish": ids}


def check_configuration(configuration: object) -> None:
    """Refuse a job's configuration that the platform would not take.

    :raises InvalidArgumentError: unless it has exactly one of load, update, publish, with its ids.
    """
    if not isinstance(configuration, Mapping) or len(configuration) != 1:
        raise InvalidArgumentError(
            f"configuration must be exactly one of {', '.join(_IDS)}; given: {configuration!r}"
        )
    kind, ids = next(iter(configuration.items()))
    allowed = _IDS.get(kind)
    if allowed is None:
        raise InvalidArgumentError(
            f"configuration must hold exactly one of {', '.join(_IDS)}; given: {kind!r}"
        )
    if not isinstance(ids, Mapping) or not set(ids) <= allowed:
        raise InvalidArgumentError(f"configuration[{kind!r}] may hold {sorted(allowed)}; given: {ids!r}")
    for name, value in ids.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidArgumentError(
                f"configuration[{kind!r}][{name!r}] must be a non-empty text; given: {value!r}"
            )
    if kind == "update" and len(ids) != 1:
        raise InvalidArgumentError(
            "configuration['update'] takes either dataProductId or workflowId; given: " + str(dict(ids))
        )
    required = {"load": "sourceId", "publish": "destinationId"}.get(kind)
    if required and required not in ids:
        raise InvalidArgumentError(f"configuration[{kind!r}] lacks {required!r}")


def describe(configuration: JsonObject) -> str:
    """Return a configuration in a few words: ``load sourceId=src_1``."""
    return " ".join(
        f"{kind} " + " ".join(f"{name}={value}" for name, value in ids.items())
        for kind, ids in configuration.items()
    )


def own_configuration(resource: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the configuration of a job on the resource itself: a publish names its data product, too."""
    (name, value) = next((name, value) for name, value in resource.items() if value)
    kind, member = _OWN_KIND[name]
    return {kind: {member: value}}


def includes(echoed: JsonObject, asked: JsonObject) -> bool:
    """Return whether a job does what was asked; the platform may echo more than it was sent."""
    return all(
        isinstance(echoed.get(kind), Mapping) and ids.items() <= echoed[kind].items()
        for kind, ids in asked.items()
    )
