"""The Mill link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class MillBatchLink(RunLink):
    """Opens the batch: at the URL of the connection's ``link_template``, or on its page at the mill."""

    name = "Mill batch"
