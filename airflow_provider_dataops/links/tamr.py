"""The Tamr Cloud link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class TamrJobLink(RunLink):
    """Leads to the job, by the connection's ``link_template``, or to the tenant."""

    name = "Tamr job"
