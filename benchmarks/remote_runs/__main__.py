"""Measure the data of the page "Remote runs", and print the figures.

python -m benchmarks.remote_runs [--waiting 2000] [--old 60000] [--json FILE]
python -m benchmarks.remote_runs --small
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.remote_runs.measure import run

#: The arguments of the small form.
SMALL = {"waiting": 200, "old": 2000, "rounds": 1, "postgres": False}


def report(figures: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = [
        f"{figures['waiting']} tasks wait, {figures['old']} have ended; {figures['cores']} cores",
        f"import of the plugin: {figures['plugin_import'] * 1000:.1f} ms",
        "",
        "| database | request | rows | median | CPU of the API server | size, with gzip |",
        "|---|---|---|---|---|---|",
    ]
    for database, requests in figures["databases"].items():
        lines += [
            f"| {database} | {name} | {one['rows']} of {one['total']} | {one['seconds'] * 1000:.0f} ms | "
            f"{one['cpu_seconds'] * 1000:.0f} ms | {one['bytes'] / 1024:.0f} KiB, "
            f"{one['gzip_bytes'] / 1024:.0f} KiB |"
            for name, one in requests.items()
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print the figures, and write the JSON file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.remote_runs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--waiting", type=int, default=2000, help="tasks that wait")
    parser.add_argument("--old", type=int, default=60_000, help="tasks that have ended in the last 30 days")
    parser.add_argument("--small", action="store_true", help="2,200 tasks, on SQLite; takes 6 seconds")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    figures = run(**(SMALL if options.small else {"waiting": options.waiting, "old": options.old}))
    print(report(figures))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
