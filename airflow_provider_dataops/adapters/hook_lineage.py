"""Report what a hook has read and written to Airflow's collector of lineage."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_dataops.core.lineage import Lineage


def collect(hook: Any, lineage: Lineage) -> None:
    """Report datasets to Airflow if the OpenLineage provider is installed. Only this provider reads them.

    A failure is only logged: the files are transferred already.

    :param hook: the hook, which has a log.
    """
    if find_spec("airflow.providers.openlineage") is None:
        return
    try:
        # Import this here: it loads all plugins of Airflow.
        from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

        collector = get_hook_lineage_collector()
        for dataset in lineage.inputs:
            collector.add_input_asset(hook, uri=dataset.uri)
        for dataset in lineage.outputs:
            collector.add_output_asset(hook, uri=dataset.uri)
    except Exception as error:
        hook.log.warning("Airflow did not accept the lineage of this hook: %r", error)
