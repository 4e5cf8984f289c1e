"""The Quantemplate link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class QuantemplateExecutionLink(RunLink):
    """A link to the execution if the connection has a ``link_template``, otherwise to the app."""

    name = "Quantemplate execution"
