"""One transfer in a process of its own: seconds, CPU seconds, and growth of memory.

python -m benchmarks.files.transfer CLIENT KIND URL PATH
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.files.clients import MAKERS


def _memory(name: str) -> float:
    """Return a value of this process in MiB: ``VmRSS`` is its memory now, and ``VmHWM`` the peak."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def python_transfer(client: str, kind: str, url: str, path: Path) -> dict[str, float]:
    """Do the transfer in this process. Its imports are not measured."""
    transfer = MAKERS[client](kind, url, path)
    # This sets the peak to the memory of now.
    Path("/proc/self/clear_refs").write_text("5")
    before, used, began = _memory("VmRSS"), _cpu(resource.RUSAGE_SELF), time.perf_counter()
    transfer()
    seconds = time.perf_counter() - began
    growth = max(0.0, _memory("VmHWM") - before)
    return {"seconds": seconds, "cpu": _cpu(resource.RUSAGE_SELF) - used, "growth": growth}


def curl_transfer(kind: str, url: str, path: Path) -> dict[str, float]:
    """Do the transfer with curl. The growth is all its memory."""
    flags = {
        "raw": ["-T", str(path), "-X", "POST"],
        "form": ["-F", 'data={"filename": "data.csv"}', "-F", f"file=@{path}"],
        "download": ["-o", str(path)],
    }[kind]
    if bundle := os.environ.get("SSL_CERT_FILE"):
        flags += ["--cacert", bundle]
    began = time.perf_counter()
    subprocess.run(["curl", "-sS", "-f", *flags, url], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    children = resource.RUSAGE_CHILDREN
    return {
        "seconds": seconds,
        "cpu": _cpu(children),
        "growth": resource.getrusage(children).ru_maxrss / 1024,
    }


def main() -> None:
    client, kind, url, path = sys.argv[1:]
    if client == "curl":
        measured = curl_transfer(kind, url, Path(path))
    else:
        measured = python_transfer(client, kind, url, Path(path))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
