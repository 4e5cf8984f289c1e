"""The TRAC link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class TracJobLink(RunLink):
    """A link to the job if the connection has a ``link_template``, otherwise to its address in the API.

    TRAC has no web pages, and its API does not answer a browser. So only a template gives a useful link.
    """

    name = "TRAC job"
