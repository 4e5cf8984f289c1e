"""The Mill link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class MillBatchLink(RunLink):
    """Leads to the batch, by the connection's ``link_template`` or to its page at the mill."""

    name = "Mill batch"
