"""The Tamr Cloud triggers."""

from __future__ import annotations

from airflow_provider_dataops.platforms.tamr.runs import (
    TamrJobSucceededWatch,
    TamrJobWatch,
    TamrResourceIdleWatch,
)
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger


class TamrJobTrigger(TamrJobWatch, RunTrigger):
    """Waits for the end of one job."""

    conn_type = "tamr"


class TamrResourceIdleTrigger(TamrResourceIdleWatch, ConditionTrigger):
    """Waits until no job on a resource is active."""

    conn_type = "tamr"


class TamrJobSucceededTrigger(TamrJobSucceededWatch, ConditionTrigger):
    """Waits for a job on a resource that was created at or after a time and succeeded."""

    conn_type = "tamr"
