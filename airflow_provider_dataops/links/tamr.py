"""The Tamr Cloud link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class TamrJobLink(RunLink):
    """A link to the job if the connection has a ``link_template``, otherwise to the tenant."""

    name = "Tamr job"
