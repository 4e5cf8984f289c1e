"""What this package asks of a log: Airflow's tasks and triggers bring their own kind."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """A log of one task."""

    def info(self, msg: str, /, *args: Any) -> Any:
        """Tell what happened."""

    def error(self, msg: str, /, *args: Any) -> Any:
        """Tell what failed."""

    def warning(self, msg: str, /, *args: Any) -> Any:
        """Tell what a person should know."""
