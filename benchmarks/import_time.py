"""What a DAG file pays for importing the operators and sensors: milliseconds above ``airflow.sdk`` alone.

Each run is a fresh interpreter with warm bytecode; the median of the runs counts.

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


def measured(modules: list[str]) -> float:
    """Return the milliseconds that the imports took in one fresh interpreter."""
    script = SCRIPT.format(modules=modules)
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return float(told.splitlines()[-1]) * 1000


def main() -> None:
    """Print the figures."""
    info = get_provider_info()
    modules = [m for kind in ("operators", "sensors") for e in info[kind] for m in e["python-modules"]]
    measured(modules)  # writes the bytecode
    times = sorted(measured(modules) for _ in range(RUNS))
    print(f"{len(modules)} modules above airflow.sdk, {RUNS} runs:")
    print(f"median {statistics.median(times):.1f} ms, from {times[0]:.1f} to {times[-1]:.1f} ms")


if __name__ == "__main__":
    main()
