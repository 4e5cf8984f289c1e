"""Download the outputs of a Quantemplate pipeline when an execution has succeeded, whoever started it.

No schedule starts this DAG. An event trigger in the triggerer watches the pipeline. For each execution that
succeeds, it adds an event to the asset, and Airflow runs the DAG. Several events may cause one run. After a
stop of the triggerer, an event may come twice. So the task goes through all events of its run, and skips the
executions whose outputs it has downloaded before.

The connection ``quantemplate_default`` contains the credentials and the organisation.
"""

from __future__ import annotations

import os
from tempfile import gettempdir
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionEventTrigger

DOWNLOADS = os.environ.get("DATAOPS_DOWNLOADS", gettempdir())

# [START howto_quantemplate_event_trigger]
executions = Asset(
    name="claims_executions",
    uri="quantemplate://fabric.prod.quantemplate.com/c-my-small-insuranceco/pipeline/p-claims",
    watchers=[
        AssetWatcher(
            name="claims_succeeded",
            trigger=QuantemplateExecutionEventTrigger(pipeline_id="p-claims", poll_interval=15),
        )
    ],
)
# [END howto_quantemplate_event_trigger]

with DAG(
    dag_id="quantemplate_events",
    schedule=[executions],
    catchup=False,
    # Two runs at the same time could download the same output.
    max_active_runs=1,
    tags=["quantemplate", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_quantemplate_events]
    @task(inlets=[executions])
    def download_outputs(triggering_asset_events: Any = None, asset_state_store: Any = None) -> list[str]:
        """Download the outputs of the new executions, and return their paths."""
        # From 3.3 on, Airflow keeps these values with the asset, for all runs of all DAGs.
        done = asset_state_store.get("downloaded", []) if asset_state_store else []
        paths = []
        for event in triggering_asset_events[executions]:
            run = event.extra["payload"]
            if run["run_id"] in done:
                continue
            for output in run["outputs"]:
                path = f"{DOWNLOADS}/quantemplate_events/{run['run_id']}/{output['id']}.csv"
                QuantemplateHook().download_output(
                    pipeline_id=run["pipeline_id"],
                    execution_id=run["execution_id"],
                    output_id=output["id"],
                    destination=path,
                )
                paths.append(path)
            done = [*done, run["run_id"]][-100:]
            if asset_state_store:
                asset_state_store.set("downloaded", done)
        return paths

    download_outputs()
    # [END howto_quantemplate_events]
