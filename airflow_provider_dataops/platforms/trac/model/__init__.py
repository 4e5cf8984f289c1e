"""The values that TRAC's API accepts and returns. Each module contains one kind of value."""

from __future__ import annotations

from airflow_provider_dataops.platforms.trac.limits import MAX_CONTENT, SEARCH_LIMIT
from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan, import_model, plan
from airflow_provider_dataops.platforms.trac.model.files import SmallDataset, SmallFile
from airflow_provider_dataops.platforms.trac.model.jobs import JobStatus, job_selector, state_of
from airflow_provider_dataops.platforms.trac.model.objects import (
    BatchResult,
    ConfigEntry,
    PlatformInfo,
    Resource,
    SearchResult,
    Tag,
    TagHeader,
    Tenant,
)
from airflow_provider_dataops.platforms.trac.model.primitives import as_plain_json
from airflow_provider_dataops.platforms.trac.model.search import search_parameters
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.values import Value, ValueType, as_wire, from_wire

__all__ = [
    "MAX_CONTENT",
    "SEARCH_LIMIT",
    "BatchResult",
    "ConfigEntry",
    "JobPlan",
    "JobStatus",
    "PlatformInfo",
    "Resource",
    "SearchResult",
    "Selector",
    "SmallDataset",
    "SmallFile",
    "Tag",
    "TagHeader",
    "Tenant",
    "Value",
    "ValueType",
    "as_plain_json",
    "as_wire",
    "from_wire",
    "import_model",
    "job_selector",
    "plan",
    "search_parameters",
    "state_of",
]
