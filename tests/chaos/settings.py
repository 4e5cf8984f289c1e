"""Settings of Airflow and of the connections for the chaos tests.

Any deployment can choose these settings. The tests patch nothing. By default, Airflow waits 300 s for the
heartbeat of a task, and 30 s for that of a scheduler or triggerer. Here it waits less, so that more acts fit
into the time.
"""

from __future__ import annotations

SETTINGS = {
    # A task without a heartbeat for 20 s counts as dead. A task sends one every 5 s, as by default.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    # A triggerer without a heartbeat for 12 s counts as dead, and others take over its triggers.
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "12",
}
#: For tests that kill the scheduler: another scheduler adopts its tasks sooner. A scheduler still counts as
#: dead only after 30 s, Airflow's default. On a busy machine one loop of a scheduler takes up to 20 s.
LOSES_SCHEDULERS = {"SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10"}

#: Seconds after which a request fails if the server sends nothing.
REQUEST_TIMEOUT = 10.0
#: Extra fields of all connections; the README describes them. A frozen task continues after about 30 s, and
#: may send its submission then. The next try begins 15 s after the freeze at the earliest. So a search takes
#: 25 s.
CONNECTION_FIELDS = {"request_timeout": REQUEST_TIMEOUT, "listing_delay": 25.0, "timeout_delay": 50.0}


def environment(**more: str) -> dict[str, str]:
    """Return the settings as environment variables of Airflow."""
    return {f"AIRFLOW__{name}": value for name, value in {**SETTINGS, **more}.items()}
