"""Start the simulated platform and a client, and measure the client."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import busy_seconds, process_seconds
from benchmarks.triggers.adapter import Options
from benchmarks.triggers.figures import row
from benchmarks.triggers.registry import load
from benchmarks.triggers.supervisor import LogReader, Supervisor, workload

if TYPE_CHECKING:
    from benchmarks.triggers.certificates import Certificates
    from benchmarks.triggers.figures import Row
    from benchmarks.triggers.settings import Settings

ROOT = Path(__file__).parents[2]
#: The runner must have imported Airflow after this many seconds.
START_LIMIT = 120.0


class PlatformProcess:
    """The process of the simulated platform.

    :param client: the name of the client, which decides what the platform responds.
    """

    def __init__(self, client: str, certificates: Certificates) -> None:
        self._context = ssl.create_default_context(cafile=certificates.authority)
        self.process = subprocess.Popen(
            [
                *_module("server"),
                f"--client={client}",
                f"--certificate={certificates.certificate}",
                f"--key={certificates.key}",
            ],
            env=_environment(certificates),
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RuntimeError(f"the simulated platform of {client} did not start")
        self.port: int = json.loads(line)["port"]

    def call(self, path: str, body: Any = None) -> Any:
        """Send a request of the harness, and return the JSON of the response."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"https://localhost:{self.port}{path}", data=data)
        with urllib.request.urlopen(request, context=self._context) as response:
            return json.load(response)


class ClientProcess:
    """The measured process.

    :param out: the file for its figures.
    :param verbose: whether to show what it prints.
    :param profile: the file for a profile; ``None`` for no profile. A profile makes the client slower.
    """

    def __init__(
        self,
        client: str,
        options: Options,
        certificates: Certificates,
        *,
        limit: float,
        out: Path,
        verbose: bool,
        profile: Path | None,
    ) -> None:
        self._out = out
        self.socket, theirs = socket.socketpair()
        log, log_end = os.pipe()
        output = None if verbose else subprocess.DEVNULL
        self.process = subprocess.Popen(
            [
                *_module("client"),
                f"--client={client}",
                f"--options={json.dumps(asdict(options))}",
                f"--limit={limit}",
                f"--log-descriptor={log_end}",
                f"--out={out}",
                *([f"--profile={profile}"] if profile else []),
            ],
            env=_environment(certificates),
            stdin=theirs.fileno(),
            pass_fds=[log_end],
            stdout=output,
            stderr=output,
        )
        theirs.close()
        os.close(log_end)
        self.log = LogReader(log)
        self.log.start()

    @property
    def is_running(self) -> bool:
        """Whether the process measures."""
        return self.process.poll() is None and not self._out.exists()

    def figures(self) -> dict[str, Any]:
        """Wait for the end of the process, and return its figures.

        :raises RuntimeError: if the process failed.
        """
        code = self.process.wait(30)
        if code or not self._out.exists():
            raise RuntimeError(f"the client ended with exit status {code}; use --verbose to see why")
        figures: dict[str, Any] = json.loads(self._out.read_text(encoding="utf-8"))
        return figures


def measure(
    client: str,
    n: int,
    settings: Settings,
    certificates: Certificates,
    *,
    verbose: bool = False,
    profile: Path | None = None,
) -> Row:
    """Run ``n`` triggers of a client to their end, and return the figures.

    :raises RuntimeError: if a process did not start, or ended early.
    """
    adapter = load(client)
    out = certificates.key.with_name("figures.json")
    out.unlink(missing_ok=True)
    with ExitStack() as stack:
        platform = PlatformProcess(client, certificates)
        stack.callback(_end, platform.process)
        options = Options(
            host="localhost",
            port=platform.port,
            interval=settings.interval,
            conn_id="bench_conn",
            n=n,
            shortest=settings.shortest,
            longest=settings.longest,
        )
        workloads = [workload(adapter, number, options) for number in range(1, n + 1)]
        process = ClientProcess(
            client, options, certificates, limit=settings.limit, out=out, verbose=verbose, profile=profile
        )
        stack.callback(_end, process.process)
        supervisor = Supervisor(process.socket, adapter.connection(options), options.conn_id)
        supervisor.start()
        if not supervisor.ready.wait(START_LIMIT):
            raise RuntimeError(f"the runner of {client} did not start; use --verbose to see why")
        time.sleep(settings.warmup)
        plan = {"t0": time.time(), "n": n, **settings.plan}
        platform.call("/_bench/plan", plan)
        log_lines = process.log.lines
        pids = (process.process.pid, platform.process.pid)
        busy, own, began = busy_seconds(), process_seconds(*pids), time.time()
        supervisor.workloads = workloads
        elapsed, others = 0.0, 0.0
        while process.is_running:
            time.sleep(0.2)
            if process.process.poll() is None:
                elapsed = time.time() - began
                others = busy_seconds() - busy - (process_seconds(*pids) - own)
        stats = platform.call("/_bench/stats")
        measured = process.figures()
    return {
        **row(client, n, plan, measured, stats),
        "lookups": supervisor.lookups,
        "masks": supervisor.masks,
        "log_lines": process.log.lines - log_lines,
        "warnings": process.log.kept,
        # How many processors other processes used meanwhile. Do not trust a run in which this is high.
        "others_cpu": max(0.0, others) / elapsed if elapsed else None,
    }


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.triggers.{name}"]


def _environment(certificates: Certificates) -> dict[str, str]:
    bundle = str(certificates.bundle)
    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    return {
        **os.environ,
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
