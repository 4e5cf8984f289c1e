"""Measure what importing costs a DAG file (operators, sensors) and the triggerer's event loop (triggers).

All figures are in excess of what Airflow has loaded before. Each figure is the median of new processes.

    python -m benchmarks.imports [--runs 7] [--platform tamr] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.imports.measure import run
from benchmarks.imports.report import section
from benchmarks.imports.targets import PLATFORM_TARGETS


def main() -> None:
    """Measure everything, print the tables, and write the JSON file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.imports",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=7, help="how many times each module is imported")
    parser.add_argument(
        "--platform", action="append", choices=PLATFORM_TARGETS, help="may be repeated; by default all"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    figures = run(runs=options.runs, platforms=options.platform or tuple(PLATFORM_TARGETS))
    print(section(figures))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
