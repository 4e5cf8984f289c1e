"""Compares the speed of file transfers with the hook, with ``requests`` and with curl.

Each client runs in its own process against the sandbox, one after the other, for three rounds. The benchmark
prints four figures: the median rate, its ratio to the hook's rate, the CPU time of the client, and the growth
of its memory during the transfer. All files are in memory if there is space; otherwise the benchmark would
measure the disk.

    python -m benchmarks.file_transfer [--mebibytes 1024]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

MIB = 1024 * 1024
ROUNDS = 3
#: How many copies of the file can exist at once: file, sandbox's copy, download, and a replacement of each.
COPIES = 6


def current_memory() -> float:
    """Return the memory that this process uses now, in MiB."""
    return psutil.Process().memory_info().rss / MIB


def peak_memory(who: int = resource.RUSAGE_SELF) -> float:
    """Return the most memory that a process has used so far, in MiB."""
    return resource.getrusage(who).ru_maxrss / 1024


def cpu_seconds(who: int = resource.RUSAGE_SELF) -> float:
    """Return the CPU time that a process has used so far, in seconds."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def run_client(client: str, connection: dict[str, Any], path: str) -> None:
    """Do one transfer in this process; print its seconds, CPU seconds and growth of memory in MiB."""
    extra = connection["extra"] if isinstance(connection["extra"], dict) else json.loads(connection["extra"])
    organisation = extra["organisation_id"]
    if client.startswith("hook"):
        os.environ["AIRFLOW_CONN_QUANTEMPLATE_DEFAULT"] = json.dumps(connection)
        from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook

        hook = QuantemplateHook()
        hook.run(hook.api.login())
        before, used, began = current_memory(), cpu_seconds(), time.perf_counter()
        if client == "hook upload":
            hook.upload_dataset(source=path, dataset_id="d-1")
        else:
            hook.download_dataset(dataset_id="d-1", destination=f"{path}.down")
    else:
        import requests

        form = {
            "grant_type": "client_credentials",
            "client_id": connection["login"],
            "client_secret": connection["password"],
        }
        token = requests.post(extra["auth_url"], data=form, timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{connection['host']}/organisations/{organisation}/datasets/d-1"
        before, used, began = current_memory(), cpu_seconds(), time.perf_counter()
        if client == "requests upload, multipart":
            # Quantemplate rejects multipart. But this shows what it costs to build and send a multipart form.
            with Path(path).open("rb") as file:
                requests.post(url, files={"file": file}, headers=headers, timeout=600)
        elif client == "requests download, content":
            Path(f"{path}.down").write_bytes(requests.get(url, headers=headers, timeout=600).content)
        else:
            flags = ["-T", path, "-X", "POST", "-o", os.devnull]
            if client == "curl download":
                flags = ["-o", f"{path}.down"]
            subprocess.run(
                ["curl", "-sS", "-f", *flags, "-H", f"Authorization: Bearer {token}", url], check=True
            )
            children = resource.RUSAGE_CHILDREN
            print(json.dumps([time.perf_counter() - began, cpu_seconds(children), peak_memory(children)]))
            return
    growth = max(0.0, peak_memory() - before)
    print(json.dumps([time.perf_counter() - began, cpu_seconds() - used, growth]))


CLIENTS = (
    "hook upload",
    "requests upload, multipart",
    "curl upload",
    "hook download",
    "requests download, content",
    "curl download",
)


def main() -> None:
    """Run all clients in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--client")
    parser.add_argument("--connection")
    parser.add_argument("--path")
    arguments = parser.parse_args()
    if arguments.client:
        run_client(arguments.client, json.loads(arguments.connection), arguments.path)
        return

    from dataops_sandbox import Sandbox

    clients = [c for c in CLIENTS if not c.startswith("curl") or shutil.which("curl")]
    if len(clients) < len(CLIENTS):
        print("curl is not installed: the table has no rows for it")
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > COPIES * arguments.mebibytes * MIB:
        tempfile.tempdir = str(memory)
    print(f"files are in {tempfile.gettempdir()}")
    measured: dict[str, list[list[float]]] = {client: [] for client in clients}
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        path = Path(folder) / "data.csv"
        line = b"0123456789abcdef," * 60 + b"\n"
        with path.open("wb") as file:
            block = line * (MIB // len(line))
            for _ in range(arguments.mebibytes):
                file.write(block)
        size = path.stat().st_size
        for _ in range(ROUNDS):
            for client in clients:
                command = [sys.executable, "-m", "benchmarks.file_transfer", "--client", client]
                command += [
                    "--connection",
                    json.dumps(sandbox.connection("quantemplate")),
                    "--path",
                    str(path),
                ]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                measured[client].append(json.loads(output.splitlines()[-1]))
                sandbox.journal.clear()
    print(
        f"{size / MIB:.0f} MiB, median of {ROUNDS} rounds; MiB: most growth of memory (curl: all its memory)"
    )
    rates = {c: size / MIB / statistics.median(figures[0] for figures in measured[c]) for c in clients}
    for client in clients:
        hook = rates[f"hook {client.split()[1].rstrip(',')}"]
        used = statistics.median(figures[1] for figures in measured[client]) * 1024 * MIB / size
        growth = max(figures[2] for figures in measured[client])
        print(
            f"{client:28} {rates[client] / hook:5.2f} x hook   {rates[client]:6.0f} MiB/s   "
            f"{used:5.2f} s CPU per GiB   {growth:6.0f} MiB"
        )


if __name__ == "__main__":
    main()
