"""The Quantemplate link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class QuantemplateExecutionLink(RunLink):
    """Leads to the execution, by the connection's ``link_template``, or to the app."""

    name = "Quantemplate execution"
