"""The metrics that the provider sends, kept in memory in place of Airflow's stats."""

from __future__ import annotations

from typing import Any


class KeptMetrics:
    """The functions of Airflow's stats that the provider calls.

    :ivar sent: the name, the number and the tags of each metric. A duration is in milliseconds.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, float, dict[str, Any]]] = []

    def incr(
        self, stat: str, count: int = 1, rate: float = 1.0, *, tags: dict[str, Any] | None = None
    ) -> None:
        self.sent.append((stat, count, tags or {}))

    def timing(self, stat: str, dt: float, *, tags: dict[str, Any] | None = None) -> None:
        self.sent.append((stat, dt, tags or {}))

    def of(self, name: str) -> list[tuple[float, dict[str, Any]]]:
        """Return the numbers and tags of one metric."""
        return [(number, tags) for stat, number, tags in self.sent if stat == name]

    def names(self) -> list[str]:
        """Return the names of all metrics but the polls, in the order in which they were sent."""
        return [stat for stat, _, _ in self.sent if not stat.startswith("dataops.poll")]
