"""The Toucan Toco trigger."""

from __future__ import annotations

from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationWatch
from airflow_provider_dataops.triggers.base import RunTrigger


class ToucanOperationTrigger(ToucanOperationWatch, RunTrigger):
    """Waits until one Toucan Toco operation has ended."""

    conn_type = "toucan"
