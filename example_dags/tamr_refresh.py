"""Refresh a Tamr data product: load its sources in parallel, update it, update the search index, publish it.

The connection ``tamr_default`` contains the tenant and the API key. By default, a tenant runs at most five
jobs at once. If other DAGs create jobs too, put all these tasks into an Airflow pool with five slots.
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

#: The workflow that updates the RealTime search index; None if the data product has no such index.
WORKFLOW: str | None = "flow_sor"

with DAG(
    dag_id="tamr_refresh",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["tamr", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_tamr_load_source]
    loads = [TamrLoadSourceOperator(task_id=f"load_{source}", source_id=source) for source in SOURCES]
    # [END howto_tamr_load_source]
    # [START howto_tamr_update_data_product]
    update = TamrUpdateDataProductOperator(task_id="update_data_product", data_product_id="dp_customers")
    # [END howto_tamr_update_data_product]
    # [START howto_tamr_publish]
    publish = TamrPublishOperator(
        task_id="publish_golden_records", destination_id="dest_golden", data_product_id="dp_customers"
    )
    # [END howto_tamr_publish]
    loads >> update
    if WORKFLOW:
        # [START howto_tamr_run_workflow]
        workflow = TamrRunWorkflowOperator(task_id="run_workflow", workflow_id=WORKFLOW)
        update >> workflow >> publish
        # [END howto_tamr_run_workflow]
    else:
        update >> publish
