"""The TRAC link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class TracJobLink(RunLink):
    """Leads to the job, by the connection's ``link_template``, or to its address in the API.

    TRAC has no pages for people, and its API answers no browser: only a template leads to something to see.
    """

    name = "TRAC job"
