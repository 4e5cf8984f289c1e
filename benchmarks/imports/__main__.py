"""Measure what importing costs a DAG file (operators, sensors) and the triggerer's event loop (triggers).

All figures are in excess of what Airflow has loaded before. Each figure is the median of new processes.

    python -m benchmarks.imports [--runs 7] [--platform tamr] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.imports.measure import KINDS, run
from benchmarks.imports.targets import PLATFORM_TARGETS

TITLES = {
    "operators": "Operator and sensor modules, beyond airflow.sdk",
    "triggers": "Trigger modules, beyond the triggerer",
    "dags": "Parsing and serializing a DAG file with one operator, beyond the dag-processor",
}


def table(kind: str, figures: dict[str, Any]) -> str:
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
    for name in figures["skipped"]:
        print(f"{name} is not installed, so it is not measured.")
    for kind in KINDS:
        print(f"\n{TITLES[kind]}:\n\n{table(kind, figures)}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
