"""Write the figures of a benchmark to its part of docs/performance.md, and its plots beside the page.

python -m benchmarks.report triggers
"""

from __future__ import annotations

import argparse
import json
import re
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images" / "performance"
#: The benchmarks with a part of the page. Each has a function ``section`` in its module ``report``.
NAMES = ("triggers", "triggerers", "files", "imports", "airflow_load")
#: Those with plots. Each has a function ``draw`` in its module ``plots``, which needs matplotlib.
PLOTTED = ("triggers", "files")


def replaced(page: str, name: str, text: str) -> str:
    """Return the page with a new text between the two markers of a benchmark.

    :raises ValueError: if the page does not have the markers.
    """
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page must contain {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page)


def main() -> None:
    """Write the part of one benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES)
    name = parser.parse_args().name
    figures = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    text = import_module(f"benchmarks.{name}.report").section(figures)
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), name, text), encoding="utf-8")
    if name in PLOTTED:
        import_module(f"benchmarks.{name}.plots").draw(figures, IMAGES)


if __name__ == "__main__":
    main()
