"""The Toucan Toco link."""

from __future__ import annotations

from airflow_provider_dataops.links.base import RunLink


class ToucanSmallAppLink(RunLink):
    """A link to the small app: in staging if the task works in staging, otherwise in production."""

    name = "Toucan small app"
