"""Measures uploads and downloads of a large file, and prints the figures and ratios.

python -m benchmarks.files --mebibytes 1024 --json benchmarks/results/files.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.files.clients import KINDS, NAMES
from benchmarks.files.measure import run
from benchmarks.files.report import section


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mebibytes", type=int, default=1024, help="the size of the file")
    parser.add_argument("--rounds", type=int, default=3, help="how often each client does each transfer")
    parser.add_argument("--client", action="append", choices=NAMES, help="only this client; may be repeated")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this transfer; may be repeated")
    parser.add_argument("--tls", action="store_true", help="only with TLS; the default is without and with")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    measured = run(
        mebibytes=arguments.mebibytes,
        clients=arguments.client or NAMES,
        rounds=arguments.rounds,
        tls=(True,) if arguments.tls else (False, True),
        kinds=arguments.kind or KINDS,
    )
    print(section(measured))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
