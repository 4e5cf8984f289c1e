"""Refresh a Tamr data product: its sources in parallel, the product, the search index, the export.

The connection ``tamr_default`` holds the tenant and the API key. A tenant runs five jobs at once unless it is
told otherwise: give these tasks a pool of five slots if more than this DAG creates jobs.
"""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_dataops.operators.tamr import (
    TamrLoadSourceOperator,
    TamrPublishOperator,
    TamrRunWorkflowOperator,
    TamrUpdateDataProductOperator,
)

SOURCES = ["src_customers", "src_orders", "src_suppliers"]

#: The workflow that updates the RealTime search index; None where the data product has none.
WORKFLOW: str | None = "flow_sor"

with DAG(
    dag_id="tamr_refresh",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["tamr", "example"],
    doc_md=__doc__,
):
    loads = [TamrLoadSourceOperator(task_id=f"load_{source}", source_id=source) for source in SOURCES]
    update = TamrUpdateDataProductOperator(task_id="update_data_product", data_product_id="dp_customers")
    publish = TamrPublishOperator(
        task_id="publish_golden_records", destination_id="dest_golden", data_product_id="dp_customers"
    )
    loads >> update
    if WORKFLOW:
        update >> TamrRunWorkflowOperator(task_id="run_workflow", workflow_id=WORKFLOW) >> publish
    else:
        update >> publish
