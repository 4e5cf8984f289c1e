"""The Mill triggers."""

from __future__ import annotations

from airflow_provider_dataops.platforms.mill.runs import BatchWatch
from airflow_provider_dataops.triggers.base import RunTrigger


class MillBatchTrigger(BatchWatch, RunTrigger):
    """Waits for the end of one batch."""

    conn_type = "mill"
