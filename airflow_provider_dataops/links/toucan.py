"""The Toucan Toco link."""

from __future__ import annotations

import attrs

from airflow_provider_dataops.links.base import RunLink


@attrs.define()
class ToucanSmallAppLink(RunLink):
    """Leads to the small app, as it is in staging where the task works there."""

    @property
    def name(self) -> str:
        """The link's name in the UI."""
        return "Toucan small app"
