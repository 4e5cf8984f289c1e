"""Spread 1,000 waits of one connection over 1, 2 and 4 triggerers, and count the requests at the platform.

python -m benchmarks.triggerers [--client quantemplate] [--n 1000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from cryptography.fernet import Fernet

#: The clients, each with one connection for all waits.
CLIENTS = ("quantemplate", "trac", "toucan", "tailer")


def main() -> int:
    """Run all clients and print the table. Return 1 if a wait was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.triggerers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--client", action="append", choices=CLIENTS, help="may be repeated; by default, all")
    parser.add_argument("--n", type=int, default=1000, help="how many triggers wait")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Airflow reads these variables when it is imported, so the next imports are below them.
        os.environ |= {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        }
        return _run(arguments, Path(folder))


def _run(arguments: argparse.Namespace, folder: Path) -> int:
    from benchmarks.machine import describe
    from benchmarks.triggerers.figures import table
    from benchmarks.triggerers.measure import measure
    from benchmarks.triggers.certificates import write_certificates
    from benchmarks.triggers.settings import Settings

    settings = Settings()
    certificates = write_certificates(folder)
    rows = []
    for client in arguments.client or CLIENTS:
        for triggerers, loses_one in ((1, False), (2, False), (4, False), (2, True)):
            rows.append(measure(client, arguments.n, triggerers, settings, certificates, loses_one=loses_one))
            print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
            if arguments.json:
                arguments.json.parent.mkdir(parents=True, exist_ok=True)
                content = {"machine": describe(), "settings": asdict(settings), "rows": rows}
                arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    return 1 if any(row["lost_waits"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
