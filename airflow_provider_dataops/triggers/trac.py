"""The TRAC triggers."""

from __future__ import annotations

from airflow_provider_dataops.platforms.trac.runs import TracJobWatch, TracObjectWatch, TracSearchWatch
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger


class TracJobTrigger(TracJobWatch, RunTrigger):
    """Waits for the end of one job; one search answers for up to a hundred jobs that we submitted."""

    conn_type = "trac"


class TracSearchTrigger(TracSearchWatch, ConditionTrigger):
    """Waits until a search finds enough objects."""

    conn_type = "trac"


class TracObjectTrigger(TracObjectWatch, ConditionTrigger):
    """Waits until an object has reached a version, or has certain attributes."""

    conn_type = "trac"
