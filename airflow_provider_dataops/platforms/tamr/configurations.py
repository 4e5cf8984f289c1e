"""Build and validate the configuration of a Tamr job: load, update or publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

#: The ids that each kind of configuration may contain.
_IDS = {
    "load": {"sourceId"},
    "update": {"dataProductId", "workflowId"},
    "publish": {"destinationId", "dataProductId"},
}
#: For each argument with an id: the kind of job, and the name of the id in the job's configuration.
_OWN_KIND = {
    "source_id": ("load", "sourceId"),
    "data_product_id": ("update", "dataProductId"),
    "workflow_id": ("update", "workflowId"),
    "destination_id": ("publish", "destinationId"),
}


def load(source_id: str) -> dict[str, Any]:
    """Return the configuration of a job that loads a source again.

    :raises InvalidArgumentError: if the id is not a text or is blank.
    """
    require_text(source_id=source_id)
    return {"load": {"sourceId": source_id}}


def update_data_product(data_product_id: str) -> dict[str, Any]:
    """Return the configuration of a job that updates a data product.

    :raises InvalidArgumentError: if the id is not a text or is blank.
    """
    require_text(data_product_id=data_product_id)
    return {"update": {"dataProductId": data_product_id}}


def run_workflow(workflow_id: str) -> dict[str, Any]:
    """Return the configuration of a job that runs a workflow.

    :raises InvalidArgumentError: if the id is not a text or is blank.
    """
    require_text(workflow_id=workflow_id)
    return {"update": {"workflowId": workflow_id}}


def publish(destination_id: str, data_product_id: str | None = None) -> dict[str, Any]:
    """Return the configuration of a job that publishes to a destination.

    :param data_product_id: the data product; ``None`` for a RealTime destination.
    :raises InvalidArgumentError: if an id is not a text or is blank.
    """
    require_text(destination_id=destination_id)
    ids = {"destinationId": destination_id}
    if data_product_id is not None:
        require_text(data_product_id=data_product_id)
        ids["dataProductId"] = data_product_id
    return {"publish": ids}


def check_configuration(configuration: object) -> None:
    """Check that the platform can accept the configuration of a job.

    :raises InvalidArgumentError: if the configuration does not contain exactly one of load, update and
        publish, or if an id is missing or wrong.
    """
    if not isinstance(configuration, Mapping) or len(configuration) != 1:
        raise InvalidArgumentError(
            f"configuration must be an object with exactly one of {', '.join(_IDS)}; given: {configuration!r}"
        )
    kind, ids = next(iter(configuration.items()))
    allowed = _IDS.get(kind)
    if allowed is None:
        raise InvalidArgumentError(
            f"configuration must contain exactly one of {', '.join(_IDS)}; given: {kind!r}"
        )
    if not isinstance(ids, Mapping) or not set(ids) <= allowed:
        raise InvalidArgumentError(
            f"configuration[{kind!r}] may only contain {', '.join(sorted(allowed))}; given: {ids!r}"
        )
    for name, value in ids.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidArgumentError(
                f"configuration[{kind!r}][{name!r}] must be a non-empty text; given: {value!r}"
            )
    if kind == "update" and len(ids) != 1:
        raise InvalidArgumentError(
            f"configuration['update'] must contain either dataProductId or workflowId; given: {dict(ids)}"
        )
    required = {"load": "sourceId", "publish": "destinationId"}.get(kind)
    if required and required not in ids:
        raise InvalidArgumentError(f"configuration[{kind!r}] must contain {required!r}; given: {dict(ids)}")


def describe(configuration: JsonObject) -> str:
    """Return a configuration as a short text, such as ``load sourceId=src_1``."""
    return " ".join(
        f"{kind} " + " ".join(f"{name}={value}" for name, value in ids.items())
        for kind, ids in configuration.items()
    )


class OfResource:
    """Base class of what has the ids of a source, data product, workflow and destination as its fields."""

    @property
    def resource(self) -> dict[str, str | None]:
        """The four ids by argument name. At most one of them is not ``None``."""
        names = ("source_id", "data_product_id", "workflow_id", "destination_id")
        return {name: getattr(self, name) for name in names}


def own_configuration(resource: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the configuration of a job on one resource. For a data product, this job is an update.

    :param resource: ids by argument name. The id of the resource is set; the others are ``None``.
    """
    (name, value) = next((name, value) for name, value in resource.items() if value)
    kind, member = _OWN_KIND[name]
    return {kind: {member: value}}


def includes(echoed: JsonObject, asked: JsonObject) -> bool:
    """Return whether a job's configuration contains all that was requested. Tamr may add other members."""
    return all(
        isinstance(echoed.get(kind), Mapping) and ids.items() <= echoed[kind].items()
        for kind, ids in asked.items()
    )
