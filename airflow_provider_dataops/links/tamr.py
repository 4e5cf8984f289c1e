"""The Tamr Cloud link."""

from __future__ import annotations

import attrs

from airflow_provider_dataops.links.base import RunLink


@attrs.define()
class TamrJobLink(RunLink):
    """Leads to the job, by the connection's ``link_template``, or to the tenant."""

    @property
    def name(self) -> str:
        """The link's name in the UI."""
        return "Tamr job"
