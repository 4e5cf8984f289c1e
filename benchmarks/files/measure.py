"""Runs the clients in turn, and compares their rates."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.files.clients import CLIENTS, CURL, KINDS, NAMES, OURS, Client, is_installed
from benchmarks.files.server import MIB
from benchmarks.machine import describe
from tests.certificates import LOOPBACK, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: How many copies of the file exist at once, with what a client writes.
COPIES = 2


@dataclass
class Server:
    """The server's URL, and its CPU time."""

    url: str
    process: psutil.Popen

    def cpu(self) -> float:
        """Return the CPU time that the server has used so far, in seconds."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


@dataclass
class Place:
    """Where the files are, and what the clients need to know.

    :param environment: the variables for all processes, with the certificate to trust.
    """

    folder: Path
    mebibytes: int
    environment: dict[str, str]
    certificate: Path = field(init=False)

    def __post_init__(self) -> None:
        identity = Identity(self.folder, LOOPBACK)
        self.certificate = self.folder / "both.pem"
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(identity.certificate))
        self.environment |= {**trust, "NO_PROXY": "127.0.0.1"}
        block = os.urandom(MIB)
        with self.source.open("wb") as file:
            for _ in range(self.mebibytes):
                file.write(block)

    @property
    def source(self) -> Path:
        """The file to upload."""
        return self.folder / "data.csv"

    @contextmanager
    def serving(self, *, tls: bool) -> Iterator[Server]:
        """Run the server in a process of its own."""
        command = [sys.executable, "-m", "benchmarks.files.server", "--mebibytes", str(self.mebibytes)]
        command += ["--certificate", str(self.certificate)] if tls else []
        process = psutil.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            port = process.stdout.readline().strip()
            yield Server(f"http{'s' if tls else ''}://127.0.0.1:{port}", process)
        finally:
            process.kill()
            process.wait()

    def transfer(self, client: Client, kind: str, server: Server) -> dict[str, float]:
        """Do one transfer in a new process, and return what it measured."""
        path = self.folder / "download.csv" if kind == "download" else self.source
        url = server.url if client == OURS else f"{server.url}/file"
        command = [sys.executable, "-m", "benchmarks.files.transfer", client.name, kind, url, str(path)]
        used = server.cpu()
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        if done.returncode:
            raise RuntimeError(f"{client.name}, {kind}: {done.stderr}")
        if kind == "download":
            if path.stat().st_size != self.mebibytes * MIB:
                raise RuntimeError(f"{client.name} did not write the whole file")
            path.unlink()
        measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return {**measured, "server_cpu": server.cpu() - used}


@contextmanager
def prepared(mebibytes: int) -> Iterator[Place]:
    """Create the file: in memory if there is space, because a disk would be measured otherwise."""
    memory = Path("/dev/shm")
    is_large = memory.is_dir() and shutil.disk_usage(memory).free > COPIES * mebibytes * MIB
    with tempfile.TemporaryDirectory(dir=memory if is_large else None) as folder:
        yield Place(Path(folder), mebibytes, dict(os.environ))


def run(
    *,
    mebibytes: int = 1024,
    clients: Sequence[str] = NAMES,
    rounds: int = 3,
    tls: Sequence[bool] = (False, True),
    kinds: Sequence[str] = KINDS,
) -> dict[str, Any]:
    """Measure the transfers, and return their figures and ratios.

    :param clients: the names of the clients. Those that are not installed are left out.
    :param rounds: how often each client does each transfer. The clients take turns.
    :param tls: whether to use TLS: ``False``, ``True``, or both in turn.
    """
    wanted = [client for client in CLIENTS if client.name in clients]
    installed = [client for client in wanted if is_installed(client)]
    transfers = []
    with prepared(mebibytes) as place:
        for is_encrypted in tls:
            with place.serving(tls=is_encrypted) as server:
                for kind in kinds:
                    able = [client for client in installed if kind in client.kinds]
                    samples: dict[str, list[dict[str, float]]] = {client.name: [] for client in able}
                    for _ in range(rounds):
                        for client in able:
                            samples[client.name].append(place.transfer(client, kind, server))
                    transfers.append({"kind": kind, "tls": is_encrypted, **compared(samples, mebibytes)})
    return {
        "machine": describe(),
        "mebibytes": mebibytes,
        "rounds": rounds,
        "missing": [client.package for client in wanted if client not in installed],
        "folder": str(place.folder.parent),
        "transfers": transfers,
    }


def compared(samples: dict[str, list[dict[str, float]]], mebibytes: int) -> dict[str, Any]:
    """Return the figures of each client, and the ratios of the rates.

    A rate is in MB/s. The CPU times are in seconds per GiB. The growth of memory is in MiB.
    """
    figures = {}
    for name, measured in samples.items():
        middle = {key: statistics.median(sample[key] for sample in measured) for key in measured[0]}
        figures[name] = {
            "rate": mebibytes * MIB / 1e6 / middle["seconds"],
            "cpu": middle["cpu"] * 1024 / mebibytes,
            "server_cpu": middle["server_cpu"] * 1024 / mebibytes,
            "growth": max(sample["growth"] for sample in measured),
        }
    rates = {name: values["rate"] for name, values in figures.items()}
    python = [rate for name, rate in rates.items() if name not in {OURS.name, CURL.name}]
    ratios: dict[str, float] = {}
    if OURS.name in rates and python:
        ratios["ours / fastest other Python"] = rates[OURS.name] / max(python)
    if OURS.name in rates and CURL.name in rates:
        ratios["ours / curl"] = rates[OURS.name] / rates[CURL.name]
    return {"clients": figures, "ratios": ratios}
