"""The Quantemplate triggers."""

from __future__ import annotations

from airflow_provider_dataops.lifecycle.marks import NumberMark
from airflow_provider_dataops.platforms.quantemplate.events import QuantemplateExecutionFeed
from airflow_provider_dataops.platforms.quantemplate.runs import (
    QuantemplateExecutionWatch,
    QuantemplateNextExecutionWatch,
)
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger
from airflow_provider_dataops.triggers.events import EventTrigger


class QuantemplateExecutionTrigger(QuantemplateExecutionWatch, RunTrigger):
    """Waits for the end of one execution. One list request serves all triggers of a pipeline."""

    conn_type = "quantemplate"


class QuantemplateNextExecutionTrigger(QuantemplateNextExecutionWatch, ConditionTrigger):
    """Waits for the end of the first execution whose run number is higher than the given number."""

    conn_type = "quantemplate"


class QuantemplateExecutionEventTrigger(QuantemplateExecutionFeed, EventTrigger):
    """Fires an event for each execution of a pipeline that has newly ended."""

    mark_class = NumberMark
