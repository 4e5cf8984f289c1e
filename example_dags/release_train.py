"""One release across all five platforms, as a data team runs it in the night.

The sales files go to Toucan Toco and are prepared there in staging, Tailer builds the tables, Tamr refreshes the
customers: all side by side. Quantemplate cleanses the claims, and TRAC runs the risk model on the day's positions.
The Toucan app shows all of that to people, so it is released last, once everything else has passed.

The connections are the default ones: ``toucan_default``, ``tailer_default``, ``tamr_default``,
``quantemplate_default`` and ``trac_default``.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

from airflow.sdk import DAG, TaskGroup

from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateDownloadOutputOperator,
    QuantemplateExecutePipelineOperator,
    QuantemplateUploadDatasetOperator,
)
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator, TamrUpdateDataProductOperator
from airflow_provider_dataops.operators.toucan import (
    ToucanPopulateOperator,
    ToucanRunOperationsOperator,
    ToucanUploadDataSourceOperator,
)
from airflow_provider_dataops.operators.trac import (
    TracImportModelOperator,
    TracRunModelOperator,
    TracUploadFileOperator,
)

DATA = Path(__file__).parent / "data"
CLEANSED = os.environ.get("DATAOPS_DOWNLOADS", gettempdir()) + "/{{ dag.dag_id }}/{{ run_id }}/claims.csv"

with DAG(
    dag_id="release_train",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["toucan", "tailer", "tamr", "quantemplate", "trac", "example"],
    doc_md=__doc__,
):
    with TaskGroup("sales") as sales:
        upload = ToucanUploadDataSourceOperator(task_id="upload_files", source=str(DATA / "toucan"))
        stage = ToucanPopulateOperator(task_id="stage", input_domains=["sales"])
        upload >> stage

    tables = TailerLaunchJobOperator(
        task_id="build_tables",
        configuration_id="000099_iowa_liquor_prepare_pda",
        append_environment=True,
        logical_date="{{ dag_run.run_after | ds }}",
    )

    with TaskGroup("customers") as customers:
        load = TamrLoadSourceOperator.partial(task_id="load").expand(
            source_id=["src_customers", "src_orders", "src_suppliers"]
        )
        load >> TamrUpdateDataProductOperator(task_id="update", data_product_id="dp_customers")

    with TaskGroup("claims") as claims:
        receive = QuantemplateUploadDatasetOperator(
            task_id="receive", source=str(DATA / "claims.csv"), dataset_id="d-claims"
        )
        cleanse = QuantemplateExecutePipelineOperator(task_id="cleanse", pipeline_id="p-claims")
        fetch = QuantemplateDownloadOutputOperator(
            task_id="download",
            pipeline_id="p-claims",
            execution_id="{{ ti.xcom_pull(task_ids='claims.cleanse')['execution_id'] }}",
            destination=CLEANSED,
        )
        receive >> cleanse >> fetch

    release = ToucanRunOperationsOperator(task_id="release", operations=["release"])
    [sales, tables, customers, claims] >> release
