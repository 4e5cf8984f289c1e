"""A day at Tailer: reset the workflow, prepare the tables for that day, export them.

The connection ``tailer_default`` holds the credentials, the account and the environment. Airflow launches
these configurations, so their own ``schedule_interval`` is ``"None"`` at Tailer.
"""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator, TailerResetWorkflowOperator

#: The day that the jobs work for. A run that is started by hand has no logical date, this one every run has.
DAY = "{{ dag_run.run_after | ds }}"

with DAG(
    dag_id="tailer_launch",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True, "append_environment": True},
    tags=["tailer", "example"],
    doc_md=__doc__,
):
    # Sent once and with no retries: a second reset would delete what the jobs have triggered meanwhile.
    reset = TailerResetWorkflowOperator(
        task_id="reset_workflow", configuration_id="000099-iowa-liquor-load-pda", retries=0
    )
    prepare = TailerLaunchJobOperator(
        task_id="prepare_tables", configuration_id="000099_iowa_liquor_prepare_pda", logical_date=DAY
    )
    export = TailerLaunchJobOperator(
        task_id="export_tables",
        configuration_type="table-to-storage",
        configuration_id="000099_export_pda",
        logical_date=DAY,
        # A disabled export, during maintenance for instance, is no failure of the day.
        skip_deactivated=True,
    )
    reset >> prepare >> export
