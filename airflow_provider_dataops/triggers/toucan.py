"""The Toucan Toco trigger."""

from __future__ import annotations

from airflow_provider_dataops.platforms.toucan.runs import OperationWatch
from airflow_provider_dataops.triggers.base import RunTrigger


class ToucanOperationTrigger(OperationWatch, RunTrigger):
    """Waits for the end of one operation."""

    conn_type = "toucan"
