"""The TRAC triggers."""

from __future__ import annotations

from airflow_provider_dataops.platforms.trac.runs import TracJobWatch, TracObjectWatch, TracSearchWatch
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger


class TracJobTrigger(TracJobWatch, RunTrigger):
    """Waits for the end of one job. One search serves up to 100 jobs that this provider submitted."""

    conn_type = "trac"


class TracSearchTrigger(TracSearchWatch, ConditionTrigger):
    """Waits until a search finds enough objects."""

    conn_type = "trac"


class TracObjectTrigger(TracObjectWatch, ConditionTrigger):
    """Waits until an object has reached a version, or has certain attribute values, or both."""

    conn_type = "trac"
