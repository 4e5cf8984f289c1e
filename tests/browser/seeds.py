"""Stores what the page "Remote runs" reads, for tasks that have not stored it themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.provider_info import FORMS
from airflow_provider_dataops.ui.query import PROGRESS_KEY, WATCH_KEY

if TYPE_CHECKING:
    from devtools.airflow_client import AirflowClient

NOUNS = {"quantemplate": "execution", "tailer": "run", "tamr": "job", "toucan": "operation", "trac": "job"}


def seed(airflow: AirflowClient, dag_id: str, run_id: str) -> None:
    """Store the two values for each task of a DAG run that has a record."""
    for task in airflow.task_instances(dag_id, run_id):
        task_id, index = task["task_id"], task["map_index"]
        stored = airflow.state_store(dag_id, run_id, task_id, map_index=index)
        if WATCH_KEY in stored or "dataops_run" not in stored:
            continue
        (platform,) = [name for name in FORMS if name in task["operator"].lower()]
        record, path = stored["dataops_run"], f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        (url,) = airflow.links(dag_id, run_id, task_id, map_index=index).values()
        now = time.time()
        is_deferred = task["state"] == "deferred"
        watch: dict[str, Any] = {
            "format": 1,
            "platform": platform,
            "title": FORMS[platform]["name"],
            "noun": NOUNS[platform],
            "conn_id": f"{platform}_default",
            "run_id": record["run_id"],
            "condition": None,
            "url": url,
            "started_at": now - 5,
            "attached_at": now - 3,
            "reattached": False,
            "adopted": record["adopted"] or None,
            "deadline": now + 86_400,
            "poll_interval": 30.0,
            "mode": "deferred" if is_deferred else "worker",
        }
        airflow.request(
            "PUT", f"{path}/state-store/{WATCH_KEY}", params={"map_index": index}, body={"value": watch}
        )
        seen = {
            "format": 1,
            "state": "running",
            "raw_state": "RUNNING",
            "seen_at": now - 1,
            "since": now - 2,
            "failing_since": None,
            "error": None,
            "ended": False,
        }
        airflow.post(f"{path}/xcomEntries", {"key": PROGRESS_KEY, "value": seen, "map_index": index})
