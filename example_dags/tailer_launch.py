"""Reset a Tailer workflow, prepare the tables of the day, and export them.

The connection ``tailer_default`` contains the credentials, the account and the environment. In Tailer, set
the ``schedule_interval`` of these configurations to ``"None"``, because Airflow launches them.
"""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator, TailerResetWorkflowOperator

#: The day of the DAG run. Use ``run_after``, because a DAG run that a user triggers may have no logical date.
DAY = "{{ dag_run.run_after | ds }}"

with DAG(
    dag_id="tailer_launch",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True, "append_environment": True},
    tags=["tailer", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_tailer_reset_workflow]
    # No retries: a second reset would also forget the jobs that were triggered after the first reset.
    reset = TailerResetWorkflowOperator(
        task_id="reset_workflow", configuration_id="000099-iowa-liquor-load-pda", retries=0
    )
    # [END howto_tailer_reset_workflow]
    # [START howto_tailer_launch_job]
    prepare = TailerLaunchJobOperator(
        task_id="prepare_tables", configuration_id="000099_iowa_liquor_prepare_pda", logical_date=DAY
    )
    export = TailerLaunchJobOperator(
        task_id="export_tables",
        configuration_type="table-to-storage",
        configuration_id="000099_export_pda",
        logical_date=DAY,
        # If the export is disabled, e.g. for maintenance, skip this task. The DAG run does not fail.
        skip_deactivated=True,
    )
    # [END howto_tailer_launch_job]
    reset >> prepare >> export
