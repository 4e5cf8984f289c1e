"""The Tailer link."""

from __future__ import annotations

import attrs

from airflow_provider_dataops.links.base import RunLink


@attrs.define()
class TailerRunLink(RunLink):
    """Leads to the run, by the connection's ``link_template``, or to Tailer Studio."""

    @property
    def name(self) -> str:
        """The link's name in the UI."""
        return "Tailer run"
