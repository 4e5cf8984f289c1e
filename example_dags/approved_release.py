"""Cleanse positions, load them into the staging of a Toucan app, and release the app if a person approves.

The person sees a link to the app, and answers on the page "Required Actions" of Airflow's UI. While Airflow
waits for the answer, no worker slot is taken. After a rejection, or after eight hours without an answer, the
release is skipped.

The DAG uses the connections ``quantemplate_default`` and ``toucan_default``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from airflow_provider_dataops.operators.toucan import ToucanRunOperationsOperator
from airflow_provider_dataops.task_groups import quantemplate_straight_through, toucan_refresh

POSITIONS = Path(__file__).parent / "data" / "positions.csv"
#: Use the URL of an object store if the tasks run on several machines.
DOWNLOADS = os.environ.get("DATAOPS_DOWNLOADS", gettempdir())
CLEANSED = DOWNLOADS + "/{{ dag.dag_id }}/{{ run_id }}/positions.csv"

with DAG(
    dag_id="approved_release",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["quantemplate", "toucan", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_quantemplate_straight_through]
    cleanse = quantemplate_straight_through(
        group_id="cleanse",
        source=str(POSITIONS),
        dataset_id="d-positions",
        pipeline_id="p-positions",
        destination=CLEANSED,
    )
    # [END howto_quantemplate_straight_through]
    # [START howto_toucan_refresh]
    stage = toucan_refresh(
        group_id="stage",
        source=CLEANSED,
        operations=[
            "preprocess_data_sources",
            "populate_basemaps",
            "populate_reports",
            "populate_dashboards",
        ],
    )
    # [END howto_toucan_refresh]
    # [START howto_approval]
    approve = ApprovalOperator(
        task_id="approve",
        subject="Release the positions?",
        body="Look at the staging of the app: {{ ti.xcom_pull(task_ids='stage.run_operations')['url'] }}",
        response_timeout=timedelta(hours=8),
        defaults="Reject",
    )
    release = ToucanRunOperationsOperator(task_id="release", operations=["release"])
    cleanse >> stage >> approve >> release
    # [END howto_approval]
