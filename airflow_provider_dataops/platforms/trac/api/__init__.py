"""The gateway's calls, a noun each."""

from __future__ import annotations

from airflow_provider_dataops.platforms.trac.api.data import DataCalls
from airflow_provider_dataops.platforms.trac.api.jobs import JobCalls


class TracApi(JobCalls, DataCalls):
    """TRAC, reached with one connection."""
