"""The names of TRAC's objects in assets and lineage."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.lineage import Dataset, Lineage, Names, distinct
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms import trac

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_dataops.core.json import JsonObject

#: The types of objects that have a name here. The objects of other types contain no data.
TYPES = ("DATA", "FILE", "MODEL", "FLOW", "SCHEMA", "CUSTOM")

NAMES = Names("trac", "TENANT", tuple(f"{kind.lower()}/{kind}" for kind in TYPES))


def datasets(namespace: str, selectors: Iterable[object], size: int | None = None) -> tuple[Dataset, ...]:
    """Return the datasets for objects.

    :param selectors: selectors of the objects, in each form that an argument accepts.
    :param size: the size of the only object in bytes; ``None`` if it is not known.
    """
    found = []
    for value in selectors:
        # The work is done already, so a value that selects no object must not raise an error here.
        with suppress(InvalidArgumentError):
            # This imports the model of TRAC's objects, which assets and DAG files do not need.
            selector = trac.Selector.of(value)
            if selector.object_type in TYPES:
                path = (selector.object_type.lower(), selector.object_id)
                version = selector.object_version
                found.append(NAMES.dataset(namespace, *path, version=version, size=size))
    return distinct(found)


def lineage_of_job(namespace: str, details: JsonObject, inputs: object) -> Lineage:
    """Return what a job reads and writes.

    :param details: the fields of the job's snapshot.
    :param inputs: the selectors of the job's inputs by name, as the task's argument contains them. A selector
        without a version stands for the version that was the latest when the job was submitted.
    """
    read = inputs.values() if hasattr(inputs, "values") else ()
    return Lineage(
        inputs=datasets(namespace, read), outputs=datasets(namespace, (details.get("outputs") or {}).values())
    )
