"""Store facts about a task's run and datasets in the asset events of its outlets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias

# This is a private name of Airflow: what ``Asset.ref`` returns. It can be an outlet, too.
from airflow.sdk.definitions.asset import AssetRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.sdk import Context

    from airflow_provider_dataops.core.lineage import Dataset, Lineage
    from airflow_provider_dataops.core.log import Log


def fill_outlets(outlets: Iterable[object], context: Context, lineage: Lineage, log: Log) -> None:
    """Store the facts about the outputs in the outlets that the author of the DAG has declared.

    An :class:`Asset` gets the facts if its event has no ``extra`` yet. An :class:`AssetAlias` gets an event
    for each output, unless code of the user has added events. A failure is only logged: the work is done.
    """
    for outlet in outlets:
        with _logged(outlet, log):
            events: Any = context["outlet_events"]
            if isinstance(outlet, Asset | AssetRef):
                event = events[outlet]
                if not event.extra:
                    event.extra = lineage.facts_about(lineage.output_for(event.key.uri))
            elif isinstance(outlet, AssetAlias) and not events[outlet].asset_alias_events:
                for output in lineage.outputs:
                    with _logged(outlet, log):
                        _add(events[outlet], output, lineage.facts_about(output))


@contextmanager
def _logged(outlet: object, log: Log) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Do not log the outlet: its name may be a URI with a password.
        log.warning("An outlet (%s) gets no facts about the run: %r", type(outlet).__name__, error)


def _add(event: Any, output: Dataset, facts: dict[str, Any]) -> None:
    try:
        # A reference finds the asset whatever its name is. An asset that is made of the URI has the URI as
        # its name. If the DAGs use another name, it is a second asset, and Airflow starts none of these DAGs.
        event.add(Asset.ref(uri=output.uri), extra=facts)
    except Exception:
        # No DAG uses an asset with this URI.
        event.add(Asset(uri=output.uri), extra=facts)
