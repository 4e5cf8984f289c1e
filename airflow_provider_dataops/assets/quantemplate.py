"""The URIs of Quantemplate's datasets, pipelines and outputs, for assets."""

from __future__ import annotations

from airflow_provider_dataops.assets.base import PlatformAssets
from airflow_provider_dataops.core.arguments import require_one_text, require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.quantemplate.lineage import HOST, NAMES


def quantemplate_uri(
    *,
    organisation_id: str,
    dataset_id: str | None = None,
    pipeline_id: str | None = None,
    output_name: str | None = None,
    host: str = HOST,
) -> str:
    """Return the URI of a dataset, of a pipeline, or of an output of a pipeline.

    The URI of a pipeline stands for its executions, such as for an event trigger.

    :param organisation_id: the organisation, ``c-…``.
    :param dataset_id: the dataset, ``d-…``.
    :param pipeline_id: the pipeline, ``p-…``, instead of ``dataset_id``.
    :param output_name: the name of one of the pipeline's outputs.
    :param host: the host or the base URL of the API, as in the connection.
    :raises InvalidArgumentError: with the name of the wrong argument.
    """
    require_text(organisation_id=organisation_id)
    require_one_text(dataset_id=dataset_id, pipeline_id=pipeline_id)
    namespace = NAMES.namespace(host, organisation_id)
    if dataset_id:
        if output_name is not None:
            raise InvalidArgumentError("output_name needs pipeline_id; given: dataset_id")
        return NAMES.dataset(namespace, "dataset", dataset_id).uri
    if output_name is None:
        return NAMES.dataset(namespace, "pipeline", str(pipeline_id)).uri
    require_text(output_name=output_name)
    return NAMES.dataset(namespace, "pipeline", str(pipeline_id), "output", output_name).uri


_ASSETS = PlatformAssets(NAMES, quantemplate_uri)
sanitize_uri = _ASSETS.sanitize_uri
create_asset = _ASSETS.create_asset
convert_asset_to_openlineage = _ASSETS.convert_asset_to_openlineage
