"""The Tailer triggers."""

from __future__ import annotations

from airflow_provider_dataops.platforms.tailer.runs import TailerLastStatusWatch, TailerRunWatch
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger


class TailerRunTrigger(TailerRunWatch, RunTrigger):
    """Waits for the end of one run. One list request serves all triggers of a configuration."""

    conn_type = "tailer"


class TailerLastStatusTrigger(TailerLastStatusWatch, ConditionTrigger):
    """Waits until a configuration has a run with a given status."""

    conn_type = "tailer"
