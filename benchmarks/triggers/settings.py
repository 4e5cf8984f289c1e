"""What all runs of a benchmark have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The times and faults of a benchmark. All times are in seconds.

    :param interval: the time between two polls of a job.
    :param latency: how long the platform takes for each response.
    :param shortest: the length of the shortest job.
    :param longest: the length of the longest job.
    :param limit: how long a run may take.
    :param warmup: the pause between the start of the runner and the creation of the triggers.
    :param error_rate: the share of polls that fail.
    :param error_status: the status code of these polls.
    :param outage: when the platform fails, for how long, and how: ``hang``, ``reset`` or a status code.
    """

    interval: float = 5.0
    latency: float = 0.05
    shortest: float = 15.0
    longest: float = 35.0
    limit: float = 240.0
    warmup: float = 1.5
    error_rate: float = 0.0
    error_status: int = 503
    outage: tuple[float, float, str | int] | None = None

    @property
    def plan(self) -> dict[str, Any]:
        """What the simulated platform must know, except the time of the start."""
        names = ("shortest", "longest", "latency", "error_rate", "error_status", "outage")
        return {name: getattr(self, name) for name in names}
