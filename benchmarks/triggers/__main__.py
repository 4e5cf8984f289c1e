"""Run many triggers of several clients in Airflow's own TriggerRunner, and compare their cost.

python -m benchmarks.triggers --client quantemplate --client floor --client idle --n 1000 --n 3000
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.triggers.registry import CLIENTS, OURS, PEERS, load, missing_distribution
from benchmarks.triggers.settings import Settings


def _client(text: str) -> str:
    if text not in CLIENTS and "." not in text:
        raise argparse.ArgumentTypeError(f"there is no client {text}")
    return text


def _outage(text: str) -> tuple[float, float, str | int]:
    start, length, kind = text.split(":")
    if kind not in {"hang", "reset"} and not kind.isdigit():
        raise argparse.ArgumentTypeError(f"the last part must be hang, reset or a status code: {text}")
    return float(start), float(length), int(kind) if kind.isdigit() else kind


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.triggers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--client",
        action="append",
        type=_client,
        help=f"one of {', '.join(CLIENTS)}; or the path of an adapter class; may be repeated; by default, "
        "all clients of this package, the bare session (floor) and the idle runner (idle)",
    )
    parser.add_argument(
        "--n", action="append", type=int, help="how many triggers wait; may be repeated; by default 100"
    )
    parser.add_argument(
        "--interval", type=float, default=Settings.interval, help="seconds between two polls of a job"
    )
    parser.add_argument(
        "--latency", type=float, default=Settings.latency, help="seconds until the platform responds"
    )
    parser.add_argument(
        "--shortest", type=float, default=Settings.shortest, help="seconds that the shortest job takes"
    )
    parser.add_argument(
        "--longest", type=float, default=Settings.longest, help="seconds that the longest job takes"
    )
    parser.add_argument("--limit", type=float, default=Settings.limit, help="seconds until a run is ended")
    parser.add_argument(
        "--error-rate", type=float, default=Settings.error_rate, help="the share of polls that fail"
    )
    parser.add_argument(
        "--error-status", type=int, default=Settings.error_status, help="the status code of these polls"
    )
    parser.add_argument(
        "--outage",
        type=_outage,
        help="START:SECONDS:KIND: when the platform fails, for how long, and how: hang, reset or a status",
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file, or add them to it")
    parser.add_argument("--profile", type=Path, help="write a profile of each client to this folder")
    parser.add_argument("--verbose", action="store_true", help="show what the clients print")
    return parser.parse_args()


def main() -> int:
    """Run all clients and print the tables. Return 1 if a trigger that is not a peer's did not succeed."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        # Airflow reads these variables when it is imported, so the next imports are below them.
        os.environ |= {
            "AIRFLOW_HOME": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        }
        return _run(arguments, Path(folder))


def _run(arguments: argparse.Namespace, folder: Path) -> int:
    from benchmarks.triggers.certificates import write_certificates
    from benchmarks.triggers.figures import is_complete
    from benchmarks.triggers.measure import measure
    from benchmarks.triggers.results import Results
    from benchmarks.triggers.tables import figures_table, ratios_table

    names = ("interval", "latency", "shortest", "longest", "limit", "error_rate", "error_status", "outage")
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    results = Results(arguments.json, settings)
    certificates = write_certificates(folder)
    if arguments.profile:
        arguments.profile.mkdir(parents=True, exist_ok=True)
    measured = []
    for client in _present(arguments.client or [*OURS, "floor", "idle"]):
        for n in arguments.n or [100]:
            profile = arguments.profile and arguments.profile.absolute() / f"{client}-{n}.prof"
            row = measure(client, n, settings, certificates, verbose=arguments.verbose, profile=profile)
            results.add(row)
            measured.append((client, n))
            print(figures_table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    rows = [row for row in results.rows if (row["client"], row["n"]) in measured]
    print(figures_table(rows), ratios_table(results.rows), sep="\n\n")
    incomplete = [row for row in rows if not is_complete(row)]
    for row in incomplete:
        print(f"{row['client']}, {row['n']} triggers: {row['error'] or 'some did not end in time'}")
    return 0 if all(row["client"] in PEERS for row in incomplete) else 1


def _present(clients: list[str]) -> list[str]:
    """Return the clients whose packages are installed, and print which packages are missing."""
    missing = {client: missing_distribution(load(client)) for client in clients}
    for client, distribution in missing.items():
        if distribution is not None:
            print(f"{client} is left out, because {distribution} is not installed", file=sys.stderr)
    return [client for client, distribution in missing.items() if distribution is None]


if __name__ == "__main__":
    sys.exit(main())
