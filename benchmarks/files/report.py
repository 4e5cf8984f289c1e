"""The figures of file transfers as text, for the terminal and for docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.machine import described

if TYPE_CHECKING:
    from collections.abc import Mapping


def section(figures: Mapping[str, Any]) -> str:
    """Return the machine and a table for each transfer, in Markdown."""
    parts = [
        described(figures["machine"]),
        f"One file of {figures['mebibytes']} MiB; medians of {figures['rounds']} rounds.",
    ]
    if figures["missing"]:
        parts.append(f"Not installed, so not measured: {', '.join(figures['missing'])}.")
    for transfer in figures["transfers"]:
        lines = [
            f"### {transfer['kind'].capitalize()}, {'with' if transfer['tls'] else 'without'} TLS",
            "",
            "| client | MB/s | CPU per GiB, s | CPU of the server per GiB, s | growth of memory, MiB |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {one['rate']:.0f} | {one['cpu']:.2f} | {one['server_cpu']:.2f} | "
            f"{one['growth']:.0f} |"
            for name, one in transfer["clients"].items()
        ]
        if transfer["ratios"]:
            ratios = "; ".join(f"{name}: {ratio:.2f}" for name, ratio in transfer["ratios"].items())
            lines += ["", f"MB/s, {ratios}."]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
