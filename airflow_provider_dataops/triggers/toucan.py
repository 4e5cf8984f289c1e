"""The Toucan Toco trigger."""

from __future__ import annotations

from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationWatch
from airflow_provider_dataops.triggers.base import RunTrigger


class ToucanOperationTrigger(ToucanOperationWatch, RunTrigger):
    """Waits for the end of one operation."""

    conn_type = "toucan"
