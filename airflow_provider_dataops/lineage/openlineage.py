"""What the OpenLineage provider gets from the operators and assets. No other module imports OpenLineage.

Import this module only in functions that OpenLineage calls: this import takes over a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset
from attrs import define
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    RunFacet,
    dataset_version_dataset,
    external_query_run,
    output_statistics_output_dataset,
)

import airflow_provider_dataops

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_dataops.core.lineage import Dataset as NamedDataset
    from airflow_provider_dataops.core.lineage import ExternalRun, Lineage

#: The key of this provider's own facet of a run.
DATAOPS_RUN = "dataops_run"
#: The URI by which events name this provider.
PRODUCER = f"urn:airflow-provider-dataops:{airflow_provider_dataops.__version__}"
#: The URI of the schema of the facet. The package contains the schema in the file of this name.
SCHEMA = "urn:airflow-provider-dataops:DataOpsRunFacet.json#/$defs/DataOpsRunFacet"


@define
class DataOpsRunFacet(RunFacet):
    """The run at the platform that a task has started or found.

    :param platform: the platform's name.
    :param run_id: the platform's id of the run.
    :param state: the state in this provider's words.
    :param url: the link to the run.
    :param reattached: whether an earlier try of the task started the run.
    """

    platform: str
    run_id: str
    state: str
    url: str
    reattached: bool

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA


def operator_lineage(
    lineage: Lineage | None, inlets: Iterable[object] = (), outlets: Iterable[object] = ()
) -> OperatorLineage[Any, Any]:
    """Return what a task has read and written, in OpenLineage's classes; empty if nothing is known.

    OpenLineage ignores the inlets and outlets of a task that names datasets itself, so this adds them.

    :param inlets: what the author of the DAG has declared.
    :param outlets: what the author of the DAG has declared.
    """
    if lineage is None:
        return OperatorLineage()
    inputs = [InputDataset(one.namespace, one.name, facets=_facets(one)) for one in lineage.inputs]
    outputs = [
        OutputDataset(one.namespace, one.name, facets=_facets(one), outputFacets=_output_facets(one))
        for one in lineage.outputs
    ]
    return OperatorLineage(
        inputs=_with_declared(inputs, inlets),
        outputs=_with_declared(outputs, outlets),
        run_facets={} if lineage.run is None else _run_facets(lineage.platform, lineage.run),
    )


def openlineage_dataset(dataset: NamedDataset) -> Dataset:
    """Return a dataset in OpenLineage's class."""
    return Dataset(dataset.namespace, dataset.name)


def _facets(dataset: NamedDataset) -> dict[str, Any]:
    if dataset.version is None:
        return {}
    version = dataset_version_dataset.DatasetVersionDatasetFacet(str(dataset.version), producer=PRODUCER)
    return {"version": version}


def _output_facets(dataset: NamedDataset) -> dict[str, Any]:
    if dataset.size is None:
        return {}
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        size=dataset.size, producer=PRODUCER
    )
    return {"outputStatistics": statistics}


def _run_facets(platform: str, run: ExternalRun) -> dict[str, Any]:
    query = external_query_run.ExternalQueryRunFacet(
        externalQueryId=run.run_id, source=run.namespace, producer=PRODUCER
    )
    own = DataOpsRunFacet(
        platform=platform,
        run_id=run.run_id,
        state=run.state,
        url=run.url,
        reattached=run.reattached,
        producer=PRODUCER,
    )
    return {"externalQuery": query, DATAOPS_RUN: own}


def _with_declared(datasets: list[Any], declared: Iterable[object]) -> list[Any]:
    """Return the datasets, and the declared assets that are not among them."""
    known = {(one.namespace, one.name) for one in datasets}
    assets = [asset for asset in declared if isinstance(asset, Asset)]
    translated = [translate_airflow_asset(asset, None) for asset in assets]
    return datasets + [
        one for one in translated if one is not None and (one.namespace, one.name) not in known
    ]
