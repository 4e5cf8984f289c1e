"""The TRAC triggers."""

from __future__ import annotations

from airflow_provider_dataops.lifecycle.marks import IdMark
from airflow_provider_dataops.platforms.trac.events import TracObjectFeed
from airflow_provider_dataops.platforms.trac.runs import TracJobWatch, TracObjectWatch, TracSearchWatch
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger
from airflow_provider_dataops.triggers.events import EventTrigger


class TracJobTrigger(TracJobWatch, RunTrigger):
    """Waits for the end of one job. One search serves up to 100 jobs that this provider submitted."""

    conn_type = "trac"


class TracSearchTrigger(TracSearchWatch, ConditionTrigger):
    """Waits until a search finds enough objects."""

    conn_type = "trac"


class TracObjectTrigger(TracObjectWatch, ConditionTrigger):
    """Waits until an object has reached a version, or has certain attribute values, or both."""

    conn_type = "trac"


class TracObjectEventTrigger(TracObjectFeed, EventTrigger):
    """Fires an event for each version of an object that newly meets a condition."""

    mark_class = IdMark
