"""Settings of Airflow and of the connections under which processes are killed.

They are settings that any deployment may choose; nothing is patched. Airflow's defaults let a task without a
heartbeat run for 300 s and a scheduler or triggerer for 30 s: here a death is noticed sooner, so that more of
them fit into the time.
"""

from __future__ import annotations

SETTINGS = {
    # A task that has sent no heartbeat for 20 s counts as dead; it sends one every 5 s, as ever.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    # What a dead triggerer was running is taken over after 12 s.
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "12",
}
#: Where the scheduler is killed: tasks whose scheduler is lost are looked for every 10 s. It counts as lost
#: after 30 s, Airflow's default: on a busy machine one round of a scheduler that lives takes 20 s.
LOSES_SCHEDULERS = {"SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10"}

#: Seconds of silence after which a request is given up. A search for a lost run takes no less.
REQUEST_TIMEOUT = 10.0


def environment(**more: str) -> dict[str, str]:
    """Return the settings as environment variables of Airflow."""
    return {f"AIRFLOW__{name}": value for name, value in {**SETTINGS, **more}.items()}
