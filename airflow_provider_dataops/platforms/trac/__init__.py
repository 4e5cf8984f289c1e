"""TRAC Data & Analytics Platform over the REST side of its gateway.

Facts: the reference of ``TracMetadataApi``, the platform's own interface definitions, and recorded exchanges
with its services. What users of the API need is exported here; the modules hold a noun each.
"""

from __future__ import annotations

from airflow_provider_dataops.platforms.trac.api import TracApi
from airflow_provider_dataops.platforms.trac.api.data import (
    MAX_CONTENT,
    SmallDataset,
    SmallFile,
    small_content,
)
from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan, import_model, plan
from airflow_provider_dataops.platforms.trac.model.jobs import (
    TOKEN,
    JobStatus,
    PlannedRun,
    job_selector,
    require_job_attrs,
)
from airflow_provider_dataops.platforms.trac.model.objects import (
    SEARCH_LIMIT,
    BatchResult,
    ConfigEntry,
    PlatformInfo,
    Resource,
    SearchResult,
    Tag,
    TagHeader,
    Tenant,
)
from airflow_provider_dataops.platforms.trac.model.results import part_of, result_of
from airflow_provider_dataops.platforms.trac.model.search import search_parameters
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.states import state_of
from airflow_provider_dataops.platforms.trac.model.values import (
    Value,
    ValueType,
    as_plain_json,
    as_wire,
    from_wire,
)
from airflow_provider_dataops.platforms.trac.runs import JobLaunch, JobWatch, watch_key

__all__ = [
    "MAX_CONTENT",
    "SEARCH_LIMIT",
    "TOKEN",
    "BatchResult",
    "ConfigEntry",
    "JobLaunch",
    "JobPlan",
    "JobStatus",
    "JobWatch",
    "PlannedRun",
    "PlatformInfo",
    "Resource",
    "SearchResult",
    "Selector",
    "SmallDataset",
    "SmallFile",
    "Tag",
    "TagHeader",
    "Tenant",
    "TracApi",
    "Value",
    "ValueType",
    "as_plain_json",
    "as_wire",
    "from_wire",
    "import_model",
    "job_selector",
    "part_of",
    "plan",
    "require_job_attrs",
    "result_of",
    "search_parameters",
    "small_content",
    "state_of",
    "watch_key",
]
