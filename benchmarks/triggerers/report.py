"""The part of docs/performance.md with the figures of several triggerers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.machine import described
from benchmarks.triggerers.figures import table

if TYPE_CHECKING:
    from collections.abc import Mapping


def section(figures: Mapping[str, Any]) -> str:
    """Return the machine and the table, in Markdown."""
    return f"{described(figures['machine'])}\n\n{table(figures['rows'])}"
