"""The Tamr Cloud triggers."""

from __future__ import annotations

from airflow_provider_dataops.lifecycle.marks import IdMark
from airflow_provider_dataops.platforms.tamr.events import TamrJobFeed
from airflow_provider_dataops.platforms.tamr.runs import (
    TamrJobSucceededWatch,
    TamrJobWatch,
    TamrResourceIdleWatch,
)
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger
from airflow_provider_dataops.triggers.events import EventTrigger


class TamrJobTrigger(TamrJobWatch, RunTrigger):
    """Waits for the end of one job."""

    conn_type = "tamr"


class TamrResourceIdleTrigger(TamrResourceIdleWatch, ConditionTrigger):
    """Waits until a resource has no active job."""

    conn_type = "tamr"


class TamrJobSucceededTrigger(TamrJobSucceededWatch, ConditionTrigger):
    """Waits until a job on a resource has succeeded. Jobs created before ``since`` do not count."""

    conn_type = "tamr"


class TamrJobEventTrigger(TamrJobFeed, EventTrigger):
    """Fires an event for each job that has newly ended, of the tenant or of one resource."""

    mark_class = IdMark
