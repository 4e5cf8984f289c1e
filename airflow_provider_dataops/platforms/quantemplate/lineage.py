"""The names of Quantemplate's datasets in assets and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.lineage import Lineage, Names, distinct

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

#: The host of Quantemplate's own API.
HOST = "fabric.prod.quantemplate.com"

NAMES = Names(
    "quantemplate",
    "ORGANISATION",
    ("dataset/DATASET", "pipeline/PIPELINE", "pipeline/PIPELINE/output/OUTPUT"),
)


def lineage_of_execution(namespace: str, details: JsonObject) -> Lineage:
    """Return the outputs of an execution. The API does not report which datasets the pipeline reads.

    :param details: the fields of the execution's snapshot.
    """
    outputs = [
        NAMES.dataset(namespace, "pipeline", details["pipeline_id"], "output", output["name"])
        for output in details.get("outputs") or ()
        if output["name"].strip()
    ]
    return Lineage(
        outputs=distinct(outputs),
        facts={name: details.get(name) for name in ("run_number", "version")},
    )
