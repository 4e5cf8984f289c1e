"""The TRAC triggers."""

from __future__ import annotations

from airflow_provider_dataops.platforms.trac.runs import JobWatch, ObjectWatch, SearchWatch
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger


class TracJobTrigger(JobWatch, RunTrigger):
    """Waits for the end of one job; one search answers for up to a hundred jobs that we submitted."""

    conn_type = "trac"


class TracSearchTrigger(SearchWatch, ConditionTrigger):
    """Waits until a search finds enough objects."""

    conn_type = "trac"


class TracObjectTrigger(ObjectWatch, ConditionTrigger):
    """Waits until an object has reached a version, or has certain attributes."""

    conn_type = "trac"
