"""The plots of the figures over the number of triggers, as SVG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.triggers.registry import BASELINES, PEERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The figure, the label of its axis, and the name of the file.
PLOTS = (
    ("cpu_s", "CPU of the client, seconds", "cpu.svg"),
    ("late_p99_s", "delay of the event, 99th percentile, seconds", "lateness.svg"),
)
_LINES = {"ours": "-", "baseline": ":", "peer": "--"}


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """Write one plot for each of :data:`PLOTS` to a folder."""
    # Without these settings, each file would differ from the one of the last run with the same figures.
    mpl.rcParams |= {"svg.hashsalt": "triggers", "svg.fonttype": "none"}
    rows = figures["rows"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, label, file in PLOTS:
        plot, axes = plt.subplots(figsize=(8, 5), layout="constrained")
        for number, client in enumerate(dict.fromkeys(row["client"] for row in rows)):
            points = sorted(
                (row["n"], row[name])
                for row in rows
                if row["client"] == client and row[name] is not None and not row["unfinished"]
            )
            if len(points) > 1:
                color = mpl.colormaps["tab20"](number % 20)
                style = {"label": client, "linestyle": _LINES[_kind(client)], "color": color}
                axes.plot(*zip(*points, strict=True), marker="o", markersize=3, **style)
        axes.set(xscale="log", yscale="log", xlabel="triggers that wait", ylabel=label)
        axes.grid(visible=True, alpha=0.3)
        plot.legend(loc="outside right upper", fontsize="small")
        plot.savefig(folder / file, metadata={"Date": None})
        plt.close(plot)


def _kind(client: str) -> str:
    if client in BASELINES:
        return "baseline"
    return "peer" if client in PEERS else "ours"
