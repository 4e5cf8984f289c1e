"""Tasks with outlets, which the tests let succeed, fail and crash."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset, AssetAlias

from airflow_provider_dataops.assets.quantemplate import quantemplate_uri
from airflow_provider_dataops.assets.tamr import tamr_uri
from airflow_provider_dataops.operators.quantemplate import QuantemplateUploadDatasetOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

HOST = os.environ["DATAOPS_SANDBOX"]
CLAIMS = Path(os.environ["DATAOPS_CLAIMS"])


def source(name: str) -> Asset:
    return Asset(name, uri=tamr_uri(tenant=HOST, source_id=f"src_{name}"))


class CrashingOperator(TamrLoadSourceOperator):
    """Crashes in the first try, after the job has ended."""

    def push_outputs(self, context: Context, result: Any) -> Any:
        """Crash, or store the result."""
        if context["ti"].try_number == 1:
            raise RuntimeError("the worker crashed")
        return super().push_outputs(context, result)


class ExtraOperator(TamrLoadSourceOperator):
    """Sets the extra of its outlet itself."""

    def push_outputs(self, context: Context, result: Any) -> Any:
        """Set the extra."""
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {"mine": True}
        return super().push_outputs(context, result)


with DAG("lineage_deferred", schedule=None):
    TamrLoadSourceOperator(
        task_id="load", source_id="src_customers", deferrable=True, outlets=[source("customers")]
    )

with DAG("lineage_failed", schedule=None):
    TamrLoadSourceOperator(
        task_id="load",
        source_id="src_broken",
        deferrable=True,
        inlets=[Asset("claims", uri=quantemplate_uri(organisation_id="c-sandbox", dataset_id="d-claims"))],
        outlets=[Asset("broken", uri=tamr_uri(tenant=HOST, source_id="src_broken"))],
    )

with DAG("lineage_reattached", schedule=None):
    CrashingOperator(
        task_id="load",
        source_id="src_crashing",
        retries=1,
        retry_delay=timedelta(seconds=1),
        poll_interval=1,
        outlets=[source("crashing")],
    )

with DAG("lineage_mapped", schedule=None):
    mapped: dict[str, Any] = {"source_id": ["src_orders", "src_suppliers"]}
    TamrLoadSourceOperator.partial(
        task_id="to_alias", poll_interval=1, deferrable=True, outlets=[AssetAlias("loaded_sources")]
    ).expand(**mapped)
    TamrLoadSourceOperator.partial(
        task_id="to_asset", poll_interval=1, outlets=[Asset("all_sources")]
    ).expand(**mapped)

with DAG("lineage_own_extra", schedule=None):
    ExtraOperator(task_id="load", source_id="src_orders", poll_interval=1, outlets=[Asset("own_extra")])

with DAG("lineage_upload", schedule=None):
    QuantemplateUploadDatasetOperator(
        task_id="upload",
        source=str(CLAIMS),
        dataset_id="d-claims",
        outlets=[
            Asset(
                "claims_at_quantemplate",
                uri=quantemplate_uri(host=HOST, organisation_id="c-sandbox", dataset_id="d-claims"),
            )
        ],
    )

# The alias must start this DAG, although the DAG knows the asset under a name of its own.
with DAG("lineage_consumer", schedule=[source("orders")]):
    TamrLoadSourceOperator(task_id="load", source_id="src_orders", poll_interval=1)
