"""Runs in a new interpreter: imports what Airflow has loaded, then forks a process for each measurement.

Airflow works the same way: the dag-processor and the executor fork a process that parses a DAG file.

    python -m benchmarks.imports.probe KIND < list of [name, module or DAG file] as JSON
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

#: By kind: what Airflow has imported before it imports a module of this kind.
LOADED_BEFORE = {
    "operators": "airflow.sdk.bases.sensor",
    "triggers": "airflow.jobs.triggerer_job_runner",
    "dags": "airflow.dag_processing.manager",
}


def cost(work: Callable[[], object]) -> dict[str, float]:
    """Do some work, and return its time and CPU time in ms, its new modules, and its growth in MiB."""
    modules, memory = set(sys.modules), _memory()
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "ms": (time.perf_counter() - began) * 1000,
        "cpu_ms": (time.process_time() - cpu) * 1000,
        "modules": len(set(sys.modules) - modules),
        "mib": (_memory() - memory) / 2**20,
    }


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def parse(text: str, *, again: bool) -> dict[str, float]:
    """Parse and serialize a DAG file as the dag-processor does.

    :param again: whether the dag-processor has parsed the file before. Before it forks, it imports the
        modules of the file whose names begin with ``airflow.``, so only the first parse pays for them.
    """
    # Import these here: the other kinds must not load them.
    from airflow.dag_processing import processor

    log = structlog.get_logger()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "dag.py")
        file.write_text(text)
        request = processor.DagFileParseRequest(
            file=str(file), bundle_path=Path(folder), bundle_name="b", callback_requests=[]
        )
        if again:
            processor._pre_import_airflow_modules(str(file), log)
        results: list[Any] = []
        figures = cost(lambda: results.append(processor._parse_file(request, log)))
    (result,) = results
    if result.import_errors or len(result.serialized_dags) != 1:
        raise RuntimeError(f"the DAG file was not parsed: {result.import_errors}")
    return figures


def measure(kind: str, subject: str) -> dict[str, float]:
    """Return the figures of one module or DAG file."""
    if kind == "dags":
        # Do this first: here, the modules are not loaded yet.
        again = forked(lambda: parse(subject, again=True))["cpu_ms"]
        return parse(subject, again=False) | {"cpu_ms_again": again}
    return cost(lambda: importlib.import_module(subject))


def forked(work: Callable[[], dict[str, float]]) -> dict[str, Any]:
    """Return what some work returns in a forked process."""
    source, sink = os.pipe()
    if not os.fork():
        try:
            figures: dict[str, Any] = work()
        except BaseException as error:
            figures = {"error": f"{type(error).__name__}: {error}"}
        os.write(sink, json.dumps(figures).encode())
        os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as pipe:
        received = pipe.read()
    os.wait()
    answer: dict[str, Any] = json.loads(received)
    return answer


def main() -> None:
    """Print the figures of all subjects as JSON, by name."""
    kind = sys.argv[1]
    subjects = json.load(sys.stdin)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    importlib.import_module("airflow.sdk")
    importlib.import_module(LOADED_BEFORE[kind])
    from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task  # noqa: F401

    # Airflow's dag-processor and LocalExecutor do this, too. Otherwise, a forked process may spend over
    # 100 ms on the garbage collection of what its parent has loaded.
    gc.freeze()
    print(json.dumps({name: forked(partial(measure, kind, subject)) for name, subject in subjects}))


if __name__ == "__main__":
    main()
