"""Write the tables and the plots of docs/performance.md from the figures of a benchmark.

python -m benchmarks.triggers.report benchmarks/results/triggers.json
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.triggers.tables import figures_table, ratios_table

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "performance.md"
IMAGES = DOCS / "images" / "performance"
_BEGIN, _END = "<!-- begin: triggers -->", "<!-- end: triggers -->"


def section(figures: Mapping[str, Any]) -> str:
    """Return the part of the page with the machine, the settings and the tables, in Markdown."""
    machine, settings, rows = figures["machine"], figures["settings"], figures["rows"]
    described = (
        f"Machine: {machine['processor']}, {machine['processors']} processors, {machine['memory_gib']} GiB "
        f"of memory, {machine['system']}. Versions: Python {machine['python']}, Airflow "
        f"{machine['airflow']}, aiohttp {machine['aiohttp']}."
    )
    chosen = (
        f"Each job takes {settings['shortest']:g} to {settings['longest']:g} s. The clients poll each job "
        f"every {settings['interval']:g} s. The platform responds after {settings['latency'] * 1000:g} ms."
    )
    parts = [described, chosen]
    for n in sorted({row["n"] for row in rows}):
        same = [row for row in rows if row["n"] == n]
        parts += [f"### {n:,} triggers", ratios_table(same), figures_table(same)]
    return "\n\n".join(parts)


def replaced(page: str, text: str) -> str:
    """Return the page with a new text between the two markers.

    :raises ValueError: if the page does not have the markers.
    """
    pattern = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page must contain {_BEGIN} and {_END}")
    return pattern.sub(lambda _: f"{_BEGIN}\n\n{text}\n\n{_END}", page)


def main() -> None:
    """Write the page and the plots."""
    from benchmarks.triggers.plots import draw

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", type=Path)
    figures = json.loads(parser.parse_args().figures.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replaced(page, section(figures)), encoding="utf-8")
    draw(figures["rows"], IMAGES)


if __name__ == "__main__":
    main()
