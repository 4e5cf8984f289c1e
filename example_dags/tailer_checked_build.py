"""Build tables while no new files are loaded, check them, and show the result of the check in Tailer.

``pause_loads`` disables the configuration that loads files into the tables. ``resume_loads`` enables it
again, even if a task between them fails. Another DAG prepares the tables, for example ``tailer_launch``.

The connection ``tailer_default`` contains the credentials, the account and the environment. The
configurations of this example are deployed in the environment DEV, so some of their ids end with ``_DEV``.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_dataops.operators.tailer import (
    TailerLaunchJobOperator,
    TailerSetConfigurationStatusOperator,
    TailerSetRunStatusOperator,
)
from airflow_provider_dataops.sensors.tailer import TailerLastStatusSensor, TailerRunSensor

#: The day of the DAG run. Use ``run_after``, because a DAG run that a user triggers may have no logical date.
DAY = "{{ dag_run.run_after | ds }}"
BUILD = "000099_Load_PDA_f_traffic_ma_DEV"
LOADS: dict[str, Any] = {
    "configuration_id": "000099-jarvis-demo-iowa-liquor-storage-to-storage",
    "configuration_type": "storage-to-storage",
}

with DAG(
    dag_id="tailer_checked_build",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["tailer", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_tailer_last_status_sensor]
    prepared = TailerLastStatusSensor(
        task_id="wait_for_tables",
        configuration_id="000099_iowa_liquor_prepare_pda_DEV",
        started_on=DAY,
        poke_interval=15,
        timeout=6 * 3600,
    )
    # [END howto_tailer_last_status_sensor]
    # [START howto_tailer_set_configuration_status]
    pause = TailerSetConfigurationStatusOperator(task_id="pause_loads", status="disabled", **LOADS)
    resume = TailerSetConfigurationStatusOperator(task_id="resume_loads", status="enabled", **LOADS)
    resume.as_teardown(setups=pause)
    # [END howto_tailer_set_configuration_status]
    build = TailerLaunchJobOperator(
        task_id="build_tables", configuration_id=BUILD, logical_date=DAY, wait_for_completion=False
    )
    # [START howto_tailer_run_sensor]
    built = TailerRunSensor(
        task_id="wait_for_build", configuration_id=BUILD, run_id=build.output["run_id"], timeout=2 * 3600
    )
    # [END howto_tailer_run_sensor]

    @task
    def check_tables(run: Any) -> str:
        """Return the status that Tailer shows for the run; replace this check with queries of the tables."""
        return "SUCCESS" if run["duration"] else "FAILED"

    # [START howto_tailer_set_run_status]
    label = TailerSetRunStatusOperator(
        task_id="label_run",
        configuration_id=BUILD,
        configuration_type="table-to-table",
        run_id=build.output["run_id"],
        status=check_tables(built.output),
    )
    # [END howto_tailer_set_run_status]
    prepared >> pause >> build >> built >> label >> resume
