"""The Toucan Toco link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class ToucanSmallAppLink(RunLink):
    """Leads to the small app, as it is in staging where the task works there."""

    name = "Toucan small app"
