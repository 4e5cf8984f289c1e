"""The Tailer triggers."""

from __future__ import annotations

from airflow_provider_dataops.lifecycle.marks import IdMark
from airflow_provider_dataops.platforms.tailer.events import TailerRunFeed
from airflow_provider_dataops.platforms.tailer.runs import TailerLastStatusWatch, TailerRunWatch
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger
from airflow_provider_dataops.triggers.events import EventTrigger


class TailerRunTrigger(TailerRunWatch, RunTrigger):
    """Waits for the end of one run. One list request serves all triggers of a configuration."""

    conn_type = "tailer"


class TailerLastStatusTrigger(TailerLastStatusWatch, ConditionTrigger):
    """Waits until a configuration has a run with a given status."""

    conn_type = "tailer"


class TailerRunEventTrigger(TailerRunFeed, EventTrigger):
    """Fires an event for each run of a configuration that has newly ended."""

    mark_class = IdMark
