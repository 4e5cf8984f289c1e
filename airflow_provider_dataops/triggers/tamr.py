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
    """Waits until a resource has no active job."""

    conn_type = "tamr"


class TamrJobSucceededTrigger(TamrJobSucceededWatch, ConditionTrigger):
    """Waits until a job on a resource has succeeded. Jobs created before ``since`` do not count."""

    conn_type = "tamr"
