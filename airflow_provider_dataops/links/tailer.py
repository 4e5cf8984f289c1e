"""The Tailer link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class TailerRunLink(RunLink):
    """A link to the run if the connection has a ``link_template``, otherwise to Tailer Studio."""

    name = "Tailer run"
