"""The figures of deferred tasks as text, for the terminal and for docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.machine import described

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = (
    "| tasks | failed | requests per task | triggerer while all wait | triggerer CPU per task "
    "| end to success, p50 | p99 |"
)


def section(figures: Mapping[str, Any]) -> str:
    """Return the machine, the table, and the requests by name, in Markdown."""
    lines = [
        described(figures["machine"]),
        "",
        f"Database: {figures['database']}. A poll every {figures['interval']:g} s.",
        "",
        HEADER,
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("smallest", "tamr"):
        one = figures[name]
        lines.append(
            f"| {one['tasks']} {name} | {one['failed']} | {one['requests']:.1f} | "
            f"{one['waiting_cpu']:.1%} of a core | {one['cpu_per_task']:.0f} ms | {one['late_p50']:.1f} s | "
            f"{one['late_p99']:.1f} s |"
        )
    for name in ("smallest", "tamr"):
        calls = ", ".join(f"{count:.1f} {call}" for call, count in figures[name]["by_name"].items())
        lines.append(f"\nThe requests of a task of {name}: {calls}.")
    return "\n".join(lines)
