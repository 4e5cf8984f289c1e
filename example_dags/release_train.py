"""Run one nightly release across all five platforms.

- Toucan Toco gets the sales files, and loads them into staging.
- Tailer builds the tables.
- Tamr refreshes the customers.
- Quantemplate cleanses the positions of the day, and TRAC runs the risk model on them.

The last task releases the Toucan app, in which people see all these data. This task runs only if all other
tasks have succeeded.

The DAG uses the default connections: ``toucan_default``, ``tailer_default``, ``tamr_default``,
``quantemplate_default`` and ``trac_default``.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import DAG, TaskGroup, task

from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
from airflow_provider_dataops.hooks.trac import TracHook
from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateExecutePipelineOperator,
    QuantemplateUploadDatasetOperator,
)
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.toucan import (
    ToucanPopulateOperator,
    ToucanPreprocessOperator,
    ToucanRunOperationsOperator,
    ToucanUploadDataSourceOperator,
)
from airflow_provider_dataops.operators.trac import TracImportModelOperator, TracRunModelOperator
from airflow_provider_dataops.task_groups import tamr_refresh

DATA = Path(__file__).parent / "data"

#: The day of the DAG run. Use ``run_after``, because a DAG run that a user triggers may have no logical date.
DAY = "{{ dag_run.run_after | ds }}"

#: The columns of the pipeline's output, with their TRAC types.
FIELDS = {
    "POSITION_ID": "STRING",
    "BOOK": "STRING",
    "INSTRUMENT": "STRING",
    "QUANTITY": "INTEGER",
    "MARKET_VALUE": "DECIMAL",
    "VALUED_ON": "DATE",
    "ROW_NUMBER": "INTEGER",
}
SCHEMA = {
    "schemaType": "TABLE_SCHEMA",
    "table": {
        "fields": [
            {"fieldName": name, "fieldOrder": order, "fieldType": kind}
            for order, (name, kind) in enumerate(FIELDS.items())
        ]
    },
}


@task
def store_positions(execution_id: str, airflow_run: str) -> dict[str, Any]:
    """Copy the output of Quantemplate to TRAC, and return the header of the new dataset.

    Download and upload in the same task, because another task may run on a worker without the file.
    """
    with TemporaryDirectory() as folder:
        file = f"{folder}/positions.csv"
        QuantemplateHook().download_output(
            pipeline_id="p-positions", execution_id=execution_id, destination=file
        )
        header = TracHook().create_small_dataset(
            source=file, schema=SCHEMA, attrs={"airflow_run": airflow_run}
        )
    return header.as_result()


with DAG(
    dag_id="release_train",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["toucan", "tailer", "tamr", "quantemplate", "trac", "example"],
    doc_md=__doc__,
) as dag:
    with TaskGroup("sales") as sales:
        upload = ToucanUploadDataSourceOperator(task_id="upload_files", source=str(DATA / "toucan"))
        preprocess = ToucanPreprocessOperator(task_id="preprocess", input_domains=["sales"])
        stage = ToucanPopulateOperator(task_id="stage", input_domains=["sales"])
        upload >> preprocess >> stage

    tables = TailerLaunchJobOperator(
        task_id="build_tables",
        configuration_id="000099_iowa_liquor_prepare_pda",
        append_environment=True,
        logical_date=DAY,
    )

    # [START howto_tamr_refresh]
    customers = tamr_refresh(
        group_id="customers",
        source_ids=["src_customers", "src_orders", "src_suppliers"],
        data_product_id="dp_customers",
    )
    # [END howto_tamr_refresh]

    with TaskGroup("positions") as positions:
        receive = QuantemplateUploadDatasetOperator(
            task_id="receive", source=str(DATA / "positions.csv"), dataset_id="d-positions"
        )
        cleanse = QuantemplateExecutePipelineOperator(task_id="cleanse", pipeline_id="p-positions")
        receive >> cleanse

    with TaskGroup("risk") as risk:
        store = store_positions(cleanse.output["execution_id"], "{{ run_id }}")
        model = TracImportModelOperator(
            task_id="import_model",
            repository="acme_models",
            path="src",
            entry_point="risk.var.VarModel",
            version="v1.4.0",
        )
        TracRunModelOperator(
            task_id="run_model",
            model=model.output,
            inputs={"positions": store},
            parameters={"confidence": 0.99, "as_of": DAY},
        )

    release = ToucanRunOperationsOperator(task_id="release", operations=["release"])
    [sales, tables, customers, positions, risk] >> release
