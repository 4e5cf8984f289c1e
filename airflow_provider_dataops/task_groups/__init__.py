"""Whole refreshes as task groups: each function adds a group of tasks to a DAG and returns the group."""

from __future__ import annotations

from airflow_provider_dataops.task_groups.quantemplate import quantemplate_straight_through
from airflow_provider_dataops.task_groups.tamr import tamr_refresh
from airflow_provider_dataops.task_groups.toucan import toucan_refresh

__all__ = ["quantemplate_straight_through", "tamr_refresh", "toucan_refresh"]
