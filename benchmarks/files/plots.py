"""The plot of the rates of files, as an SVG file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.files.clients import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """Write a bar for each client and transfer to ``files.svg`` in a folder."""
    # Without these settings, each file would differ from the one of the last run with the same figures.
    mpl.rcParams |= {"svg.hashsalt": "files", "svg.fonttype": "none"}
    transfers = figures["transfers"]
    names = [c.name for c in CLIENTS if any(c.name in transfer["clients"] for transfer in transfers)]
    width = 0.8 / len(names)
    plot, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for number, name in enumerate(names):
        bars = [
            (place + number * width, transfer["clients"][name]["rate"])
            for place, transfer in enumerate(transfers)
            if name in transfer["clients"]
        ]
        axes.bar(*zip(*bars, strict=True), width, label=name, color=mpl.colormaps["tab10"](number))
    labels = [f"{transfer['kind']}\n{'TLS' if transfer['tls'] else 'no TLS'}" for transfer in transfers]
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(transfers))], labels)
    axes.set_ylabel(f"MB/s, {figures['mebibytes']} MiB")
    axes.grid(visible=True, axis="y", alpha=0.3)
    plot.legend(loc="outside right upper", fontsize="small")
    folder.mkdir(parents=True, exist_ok=True)
    plot.savefig(folder / "files.svg", metadata={"Date": None})
    plt.close(plot)
