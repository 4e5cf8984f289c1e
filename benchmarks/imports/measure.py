"""Measures all targets several times, in an order that changes, and returns the medians."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from benchmarks.imports.targets import FLOOR, PEERS, PLATFORM_TARGETS
from benchmarks.machine import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.imports.targets import Target

KINDS = ("operators", "triggers", "dags")


def subjects_of(kind: str, targets: Iterable[Target]) -> list[tuple[str, str]]:
    """Return the name of each subject, and its module or DAG file."""
    if kind == "dags":
        return [(target.name, target.dag_file) for target in (FLOOR, *targets)]
    if kind == "triggers":
        return [(f"{target.name} triggers", target.triggers) for target in targets]
    operators = [(f"{target.name} operators", target.operators) for target in targets]
    return operators + [(f"{target.name} sensors", target.sensors) for target in targets if target.sensors]


def probe(kind: str, subjects: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Measure all subjects once, each in a process of its own."""
    # Without bytecode, each process would compile the modules of this package again.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.imports.probe", kind],
            input=json.dumps(subjects),
            env={**inherited, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the probe of the {kind} failed:\n{done.stderr}")
    figures: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run(
    *,
    runs: int = 7,
    platforms: Iterable[str] = tuple(PLATFORM_TARGETS),
    kinds: Iterable[str] = KINDS,
    peers: bool = True,
    warm_up: bool = True,
) -> dict[str, Any]:
    """Return the medians of all figures, the ratios, and the packages that were skipped.

    :param runs: how many times each subject is measured.
    :param platforms: the platforms of this package.
    :param peers: whether to measure the packages of others, as far as they are installed.
    :param warm_up: whether to measure everything once before, to compile the bytecode.
    """
    others = PEERS if peers else []
    targets = [PLATFORM_TARGETS[name] for name in platforms]
    targets += [peer for peer in others if peer.is_installed]
    figures: dict[str, Any] = {
        "machine": describe(),
        "runs": runs,
        "skipped": [p.name for p in others if not p.is_installed],
    }
    for kind in kinds:
        subjects = subjects_of(kind, targets)
        if warm_up:
            probe(kind, subjects)
        samples = [probe(kind, random.sample(subjects, len(subjects))) for _ in range(runs)]
        figures[kind] = {name: _median([sample[name] for sample in samples]) for name, _ in subjects}
    figures["ratios"] = {kind: _ratios(figures[kind], set(platforms)) for kind in kinds}
    return figures


def _median(samples: list[dict[str, Any]]) -> dict[str, Any]:
    if "error" in samples[0]:
        return samples[0]
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def _ratios(figures: dict[str, dict[str, Any]], ours: set[str]) -> dict[str, float]:
    """Return the CPU time of each subject of others, divided by the median of this package's subjects."""
    times = {name: values["cpu_ms"] for name, values in figures.items() if "error" not in values}
    own = statistics.median(value for name, value in times.items() if name.split()[0] in ours)
    return {name: value / own for name, value in times.items() if name.split()[0] not in ours}
