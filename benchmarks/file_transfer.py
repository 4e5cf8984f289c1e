"""Moves a large file with the hook, with ``requests`` alone and with curl, side by side in one run.

Each client runs in a process of its own against the sandbox, in turn, three rounds. Printed are the median
rate, its ratio to the hook's, the client's own CPU time, and how far its peak memory is above what it held
before the transfer. All files lie in memory where there is room, else the disk would be measured.

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
#: The file, what the sandbox keeps of it, and what is downloaded, with one of each being replaced.
ROOM = 6


def held() -> float:
    """Return the memory that this process holds now, in MiB."""
    return psutil.Process().memory_info().rss / MIB


def peak(who: int = resource.RUSAGE_SELF) -> float:
    """Return the most memory that a process has held so far, in MiB."""
    return resource.getrusage(who).ru_maxrss / 1024


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    """Return the CPU seconds used so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def as_client(client: str, connection: dict[str, Any], path: str) -> None:
    """Do one transfer in this process and print its seconds, CPU seconds and growth."""
    extra = connection["extra"] if isinstance(connection["extra"], dict) else json.loads(connection["extra"])
    organisation = extra["organisation_id"]
    if client.startswith("hook"):
        os.environ["AIRFLOW_CONN_QUANTEMPLATE_DEFAULT"] = json.dumps(connection)
        from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook

        hook = QuantemplateHook()
        hook.run(hook.api.login())
        before, used, began = held(), cpu(), time.perf_counter()
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
        before, used, began = held(), cpu(), time.perf_counter()
        if client == "requests upload, multipart":
            # The platform refuses multipart: what is measured is how the client builds and sends it.
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
            print(json.dumps([time.perf_counter() - began, cpu(children), peak(children)]))
            return
    print(json.dumps([time.perf_counter() - began, cpu() - used, max(0.0, peak() - before)]))


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
    given = parser.parse_args()
    if given.client:
        as_client(given.client, json.loads(given.connection), given.path)
        return

    from dataops_sandbox import Sandbox

    clients = [c for c in CLIENTS if not c.startswith("curl") or shutil.which("curl")]
    if len(clients) < len(CLIENTS):
        print("curl is not installed: its rows are left out")
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > ROOM * given.mebibytes * MIB:
        tempfile.tempdir = str(memory)
    print(f"files are in {tempfile.gettempdir()}")
    seen: dict[str, list[list[float]]] = {client: [] for client in clients}
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        path = Path(folder) / "data.csv"
        line = b"0123456789abcdef," * 60 + b"\n"
        with path.open("wb") as file:
            block = line * (MIB // len(line))
            for _ in range(given.mebibytes):
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
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                seen[client].append(json.loads(told.splitlines()[-1]))
                sandbox.journal.clear()
    print(f"{size / MIB:.0f} MiB, median of {ROUNDS} rounds; memory: the worst, for curl all that it holds")
    rates = {c: size / MIB / statistics.median(told[0] for told in seen[c]) for c in clients}
    for client in clients:
        hook = rates[f"hook {client.split()[1].rstrip(',')}"]
        used = statistics.median(told[1] for told in seen[client]) * 1024 * MIB / size
        grown = max(told[2] for told in seen[client])
        print(
            f"{client:28} {rates[client] / hook:5.2f} x hook   {rates[client]:6.0f} MiB/s   "
            f"{used:5.2f} s CPU a GiB   {grown:6.0f} MiB"
        )


if __name__ == "__main__":
    main()
