"""Measures uploads and downloads of a large file, and prints the figures and ratios.

python -m benchmarks.files --mebibytes 1024 --json benchmarks/results/files.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.files.clients import KINDS, NAMES
from benchmarks.files.measure import run


def table(measured: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = [
        f"{measured['mebibytes']} MiB, median of {measured['rounds']} rounds, files in {measured['folder']}"
    ]
    if measured["missing"]:
        lines.append(f"not installed, so not measured: {', '.join(measured['missing'])}")
    for transfer in measured["transfers"]:
        lines.append(f"\n{transfer['kind']}, {'with' if transfer['tls'] else 'without'} TLS")
        lines += [
            f"  {name:18} {values['rate']:6.0f} MB/s   CPU per GiB: {values['cpu']:5.2f} s, "
            f"of the server {values['server_cpu']:5.2f} s   memory: +{values['growth']:.0f} MiB"
            for name, values in transfer["clients"].items()
        ]
        lines += [f"  {name}: {ratio:.2f}" for name, ratio in transfer["ratios"].items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mebibytes", type=int, default=1024, help="the size of the file")
    parser.add_argument("--rounds", type=int, default=3, help="how often each client does each transfer")
    parser.add_argument("--client", action="append", choices=NAMES, help="only this client; may be repeated")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this transfer; may be repeated")
    parser.add_argument("--tls", action="store_true", help="only with TLS; the default is without and with")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--plot", type=Path, help="write a plot to this SVG file; needs matplotlib")
    arguments = parser.parse_args()
    measured = run(
        mebibytes=arguments.mebibytes,
        clients=arguments.client or NAMES,
        rounds=arguments.rounds,
        tls=(True,) if arguments.tls else (False, True),
        kinds=arguments.kind or KINDS,
    )
    print(table(measured))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n")
    if arguments.plot:
        from benchmarks.files.plot import draw

        draw(measured, arguments.plot)


if __name__ == "__main__":
    main()
