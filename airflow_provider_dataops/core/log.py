"""One type for the loggers of Airflow's tasks and triggers. It has the methods that this package calls."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """The logger of one task or trigger."""

    def info(self, msg: str, /, *args: Any) -> Any:
        """Log what happened."""

    def error(self, msg: str, /, *args: Any) -> Any:
        """Log what failed."""

    def warning(self, msg: str, /, *args: Any) -> Any:
        """Log what a person should check."""
