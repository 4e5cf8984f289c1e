"""Reads and controls the sandbox, which is a service of the cluster, over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

#: The operations of the sandbox that start a run, by platform.
SUBMISSIONS = {
    "toucan": ("run_operations", "preprocess", "populate"),
    "tailer": ("launch_job",),
    "quantemplate": ("execute_pipeline",),
    "tamr": ("create_job",),
    "trac": ("submit_job",),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a platform.

    :param finished_at: when it has ended, in Unix seconds.
    """

    platform: str
    run_id: str
    resource: str
    finished_at: float | None


class Platforms:
    """All platforms of the sandbox.

    :param url: the URL of the sandbox.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_sandbox", timeout=30, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def add_model(self, entry_point: str, *, seconds: float) -> None:
        """Add a model to TRAC whose jobs take this many seconds."""
        self._act("add_model", platform="trac", entry_point=entry_point)
        self._act("script", platform="trac", resource=entry_point, duration=seconds)

    def _act(self, action: str, **arguments: Any) -> None:
        self._http.post(f"/{action}", json=arguments).raise_for_status()

    def runs(self) -> list[Run]:
        """Return all runs that were started on any platform.

        An upload to Toucan is an operation, too. It is left out, because a killed task uploads again.
        """
        found = self._http.get("/runs").raise_for_status().json()["runs"]
        runs = [Run(**{name: run[name] for name in Run.__annotations__}) for run in found]
        return [run for run in runs if not (run.platform == "toucan" and "/" in run.resource)]

    def submissions(self) -> int:
        """Return how many requests have started a run. The sandbox counts them in its journal."""
        return sum(
            entry["processed"]
            for platform, operations in SUBMISSIONS.items()
            for operation in operations
            for entry in self.requests(platform, operation)
        )

    def requests(self, platform: str, operation: str) -> list[dict[str, Any]]:
        """Return all requests of an operation that have reached a platform."""
        query: dict[str, str] = {"platform": platform, "operation": operation, "limit": "100000"}
        found = self._http.get("/journal", params=query).raise_for_status().json()
        return list(found["entries"])
