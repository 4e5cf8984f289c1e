"""Defer many tasks in a real Airflow, end what they wait for one after the other, and print the figures.

python -m benchmarks.airflow_load [--tasks 500] [--smallest 100] [--json FILE]
python -m benchmarks.airflow_load --small
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.airflow_load.measure import run
from benchmarks.airflow_load.report import section

#: The arguments of the small form.
SMALL = {
    "tasks": 15,
    "smallest": 5,
    "interval": 2.0,
    "pace": 0.2,
    # Airflow may fail a task that resumes within a few seconds after its deferral.
    "watch": 5.0,
    "postgres": False,
}


def main() -> None:
    """Run the DAGs, print the figures, and write the JSON file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.airflow_load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tasks", type=int, default=500, help="tasks of this package")
    parser.add_argument("--smallest", type=int, default=100, help="tasks with the smallest operator")
    parser.add_argument("--pace", type=float, default=1.2, help="seconds between the ends of two runs")
    parser.add_argument("--small", action="store_true", help="20 tasks, on SQLite; takes 45 seconds")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    large = {"tasks": options.tasks, "smallest": options.smallest, "pace": options.pace}
    figures = run(**(SMALL if options.small else large))
    print(section(figures))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
