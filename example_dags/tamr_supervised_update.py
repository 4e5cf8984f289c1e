"""Update a Tamr data product while no other job works on it, and stop the job if a parallel task fails.

``start_update`` creates the job and does not wait for it, so other tasks work while Tamr updates the
product. If one of these tasks fails, ``stop_update`` stops the job. If the job has ended already, the stop
request changes nothing.

Another DAG loads the source, for example ``tamr_refresh``. The connection ``tamr_default`` contains the
tenant and the API key.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_dataops.operators.tamr import TamrCreateJobOperator, TamrStopJobOperator
from airflow_provider_dataops.sensors.tamr import (
    TamrJobSensor,
    TamrJobSucceededSensor,
    TamrResourceIdleSensor,
)

#: The start of the day of the DAG run, in UTC. Use ``run_after``, because a DAG run that a user triggers may
#: have no logical date.
TODAY = "{{ dag_run.run_after | ds }}T00:00:00+00:00"

with DAG(
    dag_id="tamr_supervised_update",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["tamr", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_tamr_job_succeeded_sensor]
    loaded = TamrJobSucceededSensor(
        task_id="wait_for_load", source_id="src_orders", since=TODAY, poke_interval=15, timeout=6 * 3600
    )
    # [END howto_tamr_job_succeeded_sensor]
    # [START howto_tamr_resource_idle_sensor]
    idle = TamrResourceIdleSensor(
        task_id="wait_until_idle", data_product_id="dp_customers", poke_interval=15, timeout=6 * 3600
    )
    # [END howto_tamr_resource_idle_sensor]
    # [START howto_tamr_create_job]
    start = TamrCreateJobOperator(
        task_id="start_update",
        configuration={"update": {"dataProductId": "dp_customers"}},
        wait_for_completion=False,
    )
    # [END howto_tamr_create_job]

    @task
    def prepare_report(job: Any) -> str:
        """Do work that needs no result of the job; replace this task with your own."""
        return f"Customers, updated by job {job['job_id']}"

    # [START howto_tamr_job_sensor]
    wait = TamrJobSensor(task_id="wait_for_update", job_id=start.output["job_id"], timeout=2 * 3600)
    # [END howto_tamr_job_sensor]
    # [START howto_tamr_stop_job]
    stop = TamrStopJobOperator(task_id="stop_update", job_id=start.output["job_id"])
    stop.as_teardown(setups=start)
    prepare_report(start.output) >> wait >> stop
    # [END howto_tamr_stop_job]
    [loaded, idle] >> start
