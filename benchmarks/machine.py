"""The machine on which a benchmark runs, and the CPU time of its processes. Linux only."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TICKS = os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Return for how many seconds the processors have been busy since the machine started, in total."""
    first, _, _ = Path("/proc/stat").read_text(encoding="ascii").partition("\n")
    user, nice, system, _idle, _waiting, *other = map(int, first.split()[1:])
    return (user + nice + system + sum(other[:3])) / _TICKS


def process_seconds(*pids: int) -> float:
    """Return the CPU seconds of this process and of others, without their children."""
    total = sum(os.times()[:2])
    for pid in pids:
        # The second field is the name of the program, which may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def describe() -> dict[str, Any]:
    """Return what influences the figures: the processors, the memory, and the versions."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(": ")[2] for line in information if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "airflow": version("apache-airflow"),
        "aiohttp": version("aiohttp"),
    }


def described(machine: Mapping[str, Any]) -> str:
    """Return what :func:`describe` found, as text."""
    return (
        f"Machine: {machine['processor']}, {machine['processors']} processors, {machine['memory_gib']} GiB "
        f"of memory, {machine['system']}. Versions: Python {machine['python']}, Airflow "
        f"{machine['airflow']}, aiohttp {machine['aiohttp']}."
    )
