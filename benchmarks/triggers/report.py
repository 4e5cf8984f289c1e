"""The part of docs/performance.md with the figures of the triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.machine import described
from benchmarks.triggers.tables import figures_table, ratios_table

if TYPE_CHECKING:
    from collections.abc import Mapping


def section(figures: Mapping[str, Any]) -> str:
    """Return the machine, the settings and the tables, in Markdown."""
    settings, rows = figures["settings"], figures["rows"]
    chosen = (
        f"Each job takes {settings['shortest']:g} to {settings['longest']:g} s. The clients poll each job "
        f"every {settings['interval']:g} s. The platform responds after {settings['latency'] * 1000:g} ms."
    )
    parts = [described(figures["machine"]), chosen]
    for n in sorted({row["n"] for row in rows}):
        same = [row for row in rows if row["n"] == n]
        parts += [f"#### {n:,} triggers", ratios_table(same), figures_table(same)]
    return "\n\n".join(parts)
