"""Store a day's positions in TRAC, import a model, run it on the positions, download and approve the report.

The connection ``trac_default`` contains the gateway's URL and the tenant. The model is in the repository
``acme_models``. Repositories are resources of the tenant, and its administrators create them.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

from airflow.sdk import DAG

from airflow_provider_dataops.operators.trac import (
    TracDownloadDatasetOperator,
    TracImportModelOperator,
    TracRunModelOperator,
    TracUpdateTagOperator,
    TracUploadDatasetOperator,
)

POSITIONS = Path(__file__).parent / "data" / "positions.csv"
DOWNLOADS = os.environ.get("DATAOPS_DOWNLOADS", gettempdir())

# [START howto_trac_schema]
FIELDS = {
    "position_id": "STRING",
    "book": "STRING",
    "instrument": "STRING",
    "quantity": "INTEGER",
    "market_value": "DECIMAL",
    "valued_on": "DATE",
}
SCHEMA = {
    "schemaType": "TABLE_SCHEMA",
    "table": {
        "fields": [
            {"fieldName": name, "fieldOrder": n, "fieldType": kind, "label": name.replace("_", " ")}
            for n, (name, kind) in enumerate(FIELDS.items())
        ]
    },
}
# [END howto_trac_schema]

# [START howto_trac_output]
#: Selector of the dataset that the run made for the model's output "report".
REPORT = "{{ ti.xcom_pull(task_ids='run_model')['outputs']['report'] }}"
# [END howto_trac_output]

with DAG(
    dag_id="trac_model_run",
    schedule=None,
    catchup=False,
    tags=["trac", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_trac_upload_dataset]
    upload = TracUploadDatasetOperator(
        task_id="upload_positions",
        source=str(POSITIONS),
        schema=SCHEMA,
        attrs={"dataset_class": "positions", "airflow_run": "{{ run_id }}"},
    )
    # [END howto_trac_upload_dataset]
    # [START howto_trac_import_model]
    import_model = TracImportModelOperator(
        task_id="import_model",
        repository="acme_models",
        path="src",
        entry_point="risk.var.VarModel",
        version="v1.4.0",
        deferrable=True,
    )
    # [END howto_trac_import_model]
    # [START howto_trac_run_model]
    run_model = TracRunModelOperator(
        task_id="run_model",
        model=import_model.output,
        inputs={"positions": upload.output},
        parameters={"confidence": 0.99, "as_of": "2026-02-27"},
        output_attrs={"airflow_run": "{{ run_id }}"},
        deferrable=True,
        poll_interval=15,
    )
    # [END howto_trac_run_model]
    # [START howto_trac_download_dataset]
    download = TracDownloadDatasetOperator(
        task_id="download_report",
        selector=REPORT,
        destination=DOWNLOADS + "/{{ dag.dag_id }}/{{ run_id }}/report.csv",
    )
    # [END howto_trac_download_dataset]
    # [START howto_trac_update_tag]
    approve = TracUpdateTagOperator(task_id="approve_report", selector=REPORT, attrs={"approved": True})
    # [END howto_trac_update_tag]

    # Set the order here. Airflow derives it if a task uses the ``.output`` of another task, but these tasks
    # use the template REPORT.
    run_model >> download >> approve
