"""DAGs that run when something has happened at a platform. Their tasks do nothing."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionEventTrigger
from airflow_provider_dataops.triggers.tailer import TailerRunEventTrigger
from airflow_provider_dataops.triggers.tamr import TamrJobEventTrigger
from airflow_provider_dataops.triggers.trac import TracObjectEventTrigger

SECONDS = 1.0

#: The assets, and the triggers that fire their events. The first two share a poll; the first and the last
#: Quantemplate asset of the DAG ``pausable`` share a trigger.
TRIGGERS = {
    "quantemplate": QuantemplateExecutionEventTrigger(pipeline_id="p-1", poll_interval=SECONDS),
    "quantemplate_any_end": QuantemplateExecutionEventTrigger(
        pipeline_id="p-1", poll_interval=SECONDS, states=["succeeded", "failed", "cancelled"]
    ),
    "tamr": TamrJobEventTrigger(source_id="src_orders", poll_interval=SECONDS),
    "tailer": TailerRunEventTrigger(
        configuration_id="000099_iowa_liquor_prepare_pda_DEV", poll_interval=SECONDS
    ),
    "trac": TracObjectEventTrigger(
        object_type="JOB", search=["trac_job_status", "=", "SUCCEEDED"], poll_interval=SECONDS
    ),
}
PAUSABLE = QuantemplateExecutionEventTrigger(pipeline_id="p-2", poll_interval=SECONDS)

assets = [Asset(name, watchers=[AssetWatcher(name=name, trigger=t)]) for name, t in TRIGGERS.items()]
first, *others = assets
schedule = first
for asset in others:
    schedule |= asset

with DAG("watching", schedule=schedule, catchup=False, max_active_runs=1):
    EmptyOperator(task_id="nothing")

twins = [
    Asset(name, watchers=[AssetWatcher(name=name, trigger=PAUSABLE)]) for name in ("paused_1", "paused_2")
]
with DAG("pausable", schedule=twins[0] | twins[1], catchup=False, max_active_runs=1):
    EmptyOperator(task_id="nothing")
