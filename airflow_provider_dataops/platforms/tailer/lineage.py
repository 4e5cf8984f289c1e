"""The names of Tailer's configurations in assets and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.lineage import Lineage, Names

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

#: The host of Tailer's own API.
HOST = "tailer-api-nqonovswsq-ew.a.run.app"

NAMES = Names("tailer", "ACCOUNT/ENVIRONMENT", ("configuration/CONFIGURATION",))


def lineage_of_run(namespace: str, details: JsonObject) -> Lineage:
    """Return the configuration of a run as its output. The API does not report tables or files.

    :param details: the fields of the run's snapshot.
    """
    configuration_id = details.get("configuration_id")
    if not configuration_id:
        return Lineage()
    return Lineage(outputs=(NAMES.dataset(namespace, "configuration", configuration_id),))
