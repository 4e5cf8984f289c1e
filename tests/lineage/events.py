"""Reads OpenLineage's events, and checks them against the specification."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The schema of the provider's own facet, as the package ships it.
OWN = json.loads(files("airflow_provider_dataops.lineage").joinpath("DataOpsRunFacet.json").read_text())
_EVENTS = json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))
_VALIDATOR = Draft202012Validator(
    _EVENTS, registry=Registry().with_resources([(OWN["$id"], Resource.from_contents(OWN))])
)

#: Namespaces and names of datasets.
Named = set[tuple[str, str]]


def faults(event: dict[str, Any]) -> list[str]:
    """Return what is wrong with an event, as far as the schemas describe it."""
    return [f"{list(error.absolute_path)}: {error.message}" for error in _VALIDATOR.iter_errors(event)]


def named(datasets: Iterable[dict[str, Any]]) -> Named:
    """Return the namespaces and names of the datasets in an event."""
    return {(dataset["namespace"], dataset["name"]) for dataset in datasets}


def written_to(path: Path) -> list[dict[str, Any]]:
    """Return the events that the FILE transport has written, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
