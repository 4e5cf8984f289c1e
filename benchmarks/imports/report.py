"""The figures of imports as text, for the terminal and for docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.imports.measure import KINDS
from benchmarks.machine import described

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES = {
    "operators": "Operator and sensor modules, beyond airflow.sdk",
    "triggers": "Trigger modules, beyond the triggerer",
    "dags": "Parsing and serializing a DAG file with one operator, beyond the dag-processor",
}


def table(kind: str, figures: Mapping[str, Any]) -> str:
    """Return the figures of one kind as a table in Markdown."""
    last = " CPU ms of the next parse |" if kind == "dags" else ""
    lines = [
        f"| {kind} | CPU ms | ms | new modules | MiB |{last} CPU relative to this package |",
        "|---" * (7 if last else 6) + "|",
    ]
    for name, values in sorted(figures[kind].items(), key=lambda item: item[1].get("cpu_ms", 0.0)):
        if "error" in values:
            lines.append(f"| {name} | {values['error']} |")
            continue
        again = f" {values['cpu_ms_again']:.1f} |" if last else ""
        ratio = figures["ratios"][kind].get(name)
        lines.append(
            f"| {name} | {values['cpu_ms']:.1f} | {values['ms']:.1f} | {values['modules']:.0f} | "
            f"{values['mib']:.1f} |{again} {'' if ratio is None else f'{ratio:.1f}'} |"
        )
    return "\n".join(lines)


def section(figures: Mapping[str, Any]) -> str:
    """Return the machine and a table for each kind of module, in Markdown."""
    parts = [described(figures["machine"]), f"Medians of {figures['runs']} processes for each row."]
    if figures["skipped"]:
        parts.append(f"Not installed, so not measured: {', '.join(figures['skipped'])}.")
    for kind in KINDS:
        parts += [f"### {TITLES[kind]}", table(kind, figures)]
    return "\n\n".join(parts)
