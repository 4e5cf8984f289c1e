"""Measures how long a DAG file takes to import all operators and sensors after ``airflow.sdk``.

Each run starts a new interpreter. The bytecode was compiled before. The figure is the median of the runs.

    python -m benchmarks.import_time
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from airflow_provider_dataops.provider_info import get_provider_info

RUNS = 9
SCRIPT = """
import time, importlib
import airflow.sdk
began = time.perf_counter()
for module in {modules!r}:
    importlib.import_module(module)
print(time.perf_counter() - began)
"""


def measure(modules: list[str]) -> float:
    """Return how many milliseconds a new interpreter takes to import the modules."""
    script = SCRIPT.format(modules=modules)
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return float(output.splitlines()[-1]) * 1000


def main() -> None:
    """Measure all runs, and print median, minimum and maximum."""
    info = get_provider_info()
    modules = [m for kind in ("operators", "sensors") for e in info[kind] for m in e["python-modules"]]
    measure(modules)  # Compiles the bytecode.
    times = sorted(measure(modules) for _ in range(RUNS))
    print(f"{len(modules)} modules after airflow.sdk, {RUNS} runs:")
    print(f"median {statistics.median(times):.1f} ms, from {times[0]:.1f} to {times[-1]:.1f} ms")


if __name__ == "__main__":
    main()
