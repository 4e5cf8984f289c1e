"""Tasks of all platforms that wait in different ways: deferred, mapped, and on a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.toucan import ToucanRunOperationsOperator
from airflow_provider_dataops.operators.trac import TracImportModelOperator

# A busy machine may end more than one try.
args: dict[str, Any] = {"deferrable": True, "retries": 20, "retry_delay": timedelta(seconds=1)}

with DAG("remote_runs", schedule=None, default_args=args):
    QuantemplateExecutePipelineOperator(task_id="build_portfolio", pipeline_id="pipeline_portfolio")
    TailerLaunchJobOperator(task_id="load_sales", configuration_id="000099_sales_DEV")
    TamrLoadSourceOperator.partial(task_id="load_sources").expand(source_id=["source_north", "source_south"])
    ToucanRunOperationsOperator(
        task_id="publish_reports",
        small_app="app-reports",
        operations=["populate_reports"],
        deferrable=False,
    )
    TracImportModelOperator(
        task_id="import_model",
        repository="acme_models",
        entry_point="chaos.risk.Model",
        version="v1.0.0",
    )
