"""The Tailer link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class TailerRunLink(RunLink):
    """Leads to the run, by the connection's ``link_template``, or to Tailer Studio."""

    name = "Tailer run"
