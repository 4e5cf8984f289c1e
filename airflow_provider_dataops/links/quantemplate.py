"""The Quantemplate link."""

from __future__ import annotations

import attrs

from airflow_provider_dataops.links.base import RunLink


@attrs.define()
class QuantemplateExecutionLink(RunLink):
    """Leads to the execution, by the connection's ``link_template``, or to the app."""

    @property
    def name(self) -> str:
        """The link's name in the UI."""
        return "Quantemplate execution"
