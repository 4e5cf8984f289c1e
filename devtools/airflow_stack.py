"""A real Airflow as separate processes on this machine: SQLite, LocalExecutor, no Docker, no account.

    with AirflowStack(home=tmp / "airflow", dags=[Path("example_dags")]) as stack:
        run_id = stack.client.run("some_dag")
        stack.client.wait_for_run("some_dag", run_id)

Processes. Each service leads a session of its own, so that all it ever starts can be found and ended by the
session's id: Airflow moves a task's process to a process group of its own, which a signal to the service's
group would miss. A guard process holds the other end of a pipe; when this Python process goes away, in
whatever way, the guard ends all sessions. Nothing outlives the process that holds the stack.

Worker processes, as seen on Airflow 3.3.2 (`AirflowStack.workers`). The LocalExecutor forks all its workers
when the scheduler starts, `parallelism` of them, and each of them is one slot of the executor. They name
themselves:

    airflow worker -- LocalExecutor: <idle>           a free slot
    airflow worker -- LocalExecutor: <task id>        a busy slot: this process is the task's supervisor now
    airflow worker -- <task id>                       the supervisor's child, which runs `execute()`

where <task id> is the UUID that the REST API gives as the `id` of a task instance (for its first moments the
child still has its supervisor's name). When a task is deferred, its child exits and its supervisor is idle
again; its trigger then runs in the triggerer, in a child of the `triggerer` service that all triggers share.
When the task is resumed, any idle worker takes it, with the same UUID.

Measured: the child is gone when the REST API says `deferred`. So is the supervisor mostly, but it may look
at its child for the last time just before that exits, and then it notices only after `[workers]
min_heartbeat_interval` (5 s). So let a test wait up to 6 s for `workers_of` to be empty and `free_slots` to
be whole, and let its task stay deferred for longer than that.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx
import psutil

from devtools.airflow_client import AirflowClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
_JOB_TYPES = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
_WORKER_TITLE = "airflow worker -- "
_EXECUTOR_TITLE = "airflow worker -- LocalExecutor"
# SIGTERM, then SIGKILL after so many seconds: for all at the end, and for one service that shall go in order.
_STOP_GRACE = 5.0
_KILL_GRACE = 30.0

# Reads session ids from its standard input until the other end is gone, then ends these sessions.
_GUARD = """
import os, signal, sys, psutil
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sessions = {int(line) for line in sys.stdin}
for _ in range(3):
    for pid in psutil.pids():
        try:
            if os.getsid(pid) in sessions:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
"""

# Airflow reads this file from the config folder of its home. Without it each commit waits for the disk, which
# on a busy machine has stalled for longer than a request waits. A power cut may now cost the database; a
# killed process costs nothing.
_LOCAL_SETTINGS = """
from sqlalchemy import Engine, event

__all__ = []

@event.listens_for(Engine, "connect")
def _write_without_waiting_for_the_disk(connection, _):
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()
"""


class StackError(RuntimeError):
    """A service did not start, or went away."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process of the LocalExecutor: a slot (`idle` or `supervisor`), or a task's own process (`runner`)."""

    pid: int
    role: Literal["idle", "supervisor", "runner"]
    task_instance_id: str | None


class AirflowStack:
    """Starts, watches and ends api-server, scheduler, dag-processor and triggerer; a context manager.

    `connections` (id to conn_type, host, ... as in the REST API) are handed over in the environment, where
    tasks, triggers and hooks find them and the UI does not; `client.create_connection` makes those that the
    UI shows. `env` comes last and overrides every setting. `home` may be an earlier stack's: its database is
    kept. Triggerers beyond the first are the services `triggerer-2` and so on.
    """

    def __init__(
        self,
        home: Path,
        dags: Path | Sequence[Path] = (),
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        port: int = 0,
        parallelism: int = 8,
        triggerers: int = 1,
        start_timeout: float = 180.0,
    ) -> None:
        self.home = home.resolve()
        self.dags = [dags.resolve()] if isinstance(dags, Path) else [folder.resolve() for folder in dags]
        self.parallelism = parallelism
        self.services = (*SERVICES, *(f"triggerer-{number}" for number in range(2, triggerers + 1)))
        self.start_timeout = start_timeout
        self.started_in: float | None = None
        # Bound but not listening, it keeps the port from being given away before the api-server binds it.
        self._reservations = [_reserve(port)]
        self.port = int(self._reservations[0].getsockname()[1])
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.client = AirflowClient(self.base_url)
        self.env = self._environment(connections or {}, env or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: set[int] = set()
        self._guard: subprocess.Popen[bytes] | None = None

    # Life

    def __enter__(self) -> AirflowStack:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> AirflowStack:
        """Prepare home and database, start all services at once, and return when all of them are healthy."""
        began = time.monotonic()
        try:
            self._prepare_home()
            self._guard = subprocess.Popen(
                [sys.executable, "-c", _GUARD], stdin=subprocess.PIPE, start_new_session=True
            )
            for service in self.services:
                self.spawn(service)
            self._wait_for_service(self._all_healthy, what="all services to be healthy")
        except BaseException:
            self.stop()
            raise
        self.started_in = time.monotonic() - began
        return self

    def stop(self) -> None:
        """End every process that was started; once they are gone, so is the guard. May be called again."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_GRACE
        while time.monotonic() < deadline and any(p.poll() is None for p in self._processes.values()):
            time.sleep(0.05)
        self._end_sessions(self._sessions)
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        self._sessions.clear()
        if self._guard is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.communicate()
            self._guard = None
        for reservation in self._reservations:
            reservation.close()
        self.client.close()

    # Single services

    def pid(self, service: str) -> int:
        """Return the process id of a service, which is its session's id too."""
        return self._processes[service].pid

    def alive(self, service: str) -> bool:
        """Tell whether the service's main process runs."""
        return service in self._processes and self._processes[service].poll() is None

    def kill(self, service: str, sig: signal.Signals = signal.SIGKILL, *, children: bool = True) -> None:
        """Send a signal to a service and wait until it is gone; by default its children get SIGKILL then.

        With `children=False` a killed scheduler leaves its workers behind, and they go on with their tasks.
        """
        process = self._processes[service]
        if process.poll() is None:
            process.send_signal(sig)
        try:
            process.wait(_KILL_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if children:
            self._end_sessions({process.pid})

    def restart(self, service: str, *, sig: signal.Signals = signal.SIGTERM, children: bool = True) -> None:
        """Kill a service if it is alive, start it again, and wait until it works.

        What a triggerer was running when it was killed (SIGKILL) is taken over only when its last heartbeat
        is `[triggerer] triggerer_health_check_threshold` (30 s) old; one that ends on SIGTERM hands over at
        once.
        """
        if self.alive(service) or children:
            self.kill(service, sig, children=children)
        since = datetime.now(tz=UTC)
        self.spawn(service)

        def ready() -> bool:
            if service == "api-server":
                return self._all_healthy()
            return any(
                job["state"] == "running" and datetime.fromisoformat(job["start_date"]) >= since
                for job in self.client.jobs(_JOB_TYPES[_command(service)])
            )

        self._wait_for_service(ready, what=f"the new {service} to work")

    def spawn(self, service: str) -> None:
        """Start a service that does not run, without waiting until it works."""
        command = _command(service)
        # The first one holds the port of the log server; the others' logs are read from their files.
        options = [] if service == command else ["--skip-serve-logs"]
        with self.log_file(service).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", command, *options],
                env=self.env,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes[service] = process
        self._sessions.add(process.pid)
        guard = self._guard
        if guard is None or guard.stdin is None:
            raise StackError("The stack has not been started, or was stopped")
        guard.stdin.write(f"{process.pid}\n".encode())
        guard.stdin.flush()

    def log_file(self, service: str) -> Path:
        """Return the file with all that a service has printed, over all its restarts."""
        return self.home / "logs" / "services" / f"{service}.log"

    def logs(self, service: str) -> str:
        """Return all that a service has printed."""
        return self.log_file(service).read_text(errors="replace")

    def cli(self, *arguments: str, timeout: float = 120.0) -> str:
        """Run `airflow ARGUMENTS` in this Airflow's environment and return its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.env,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise StackError(
                f"airflow {' '.join(arguments)} -> {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    # Worker processes

    def workers(self) -> list[Worker]:
        """Return the LocalExecutor's processes as they are now, left-overs of a killed scheduler included."""
        found: list[Worker] = []
        for pid in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(pid) not in self._sessions:
                    continue
                title = " ".join(psutil.Process(pid).cmdline()).strip()
                if title.startswith(_EXECUTOR_TITLE):
                    name = title.rpartition(": ")[2]
                    idle = name == "<idle>"
                    found.append(
                        Worker(
                            pid=pid,
                            role="idle" if idle else "supervisor",
                            task_instance_id=None if idle else name,
                        )
                    )
                elif title.startswith(_WORKER_TITLE):
                    name = title.removeprefix(_WORKER_TITLE)
                    found.append(Worker(pid=pid, role="runner", task_instance_id=name))
        return found

    def workers_of(self, task_instance_id: str) -> list[Worker]:
        """Return the processes that a task instance (its `id` in the REST API) has on the worker now."""
        return [worker for worker in self.workers() if worker.task_instance_id == task_instance_id]

    def wait_until_off_workers(self, task_instance_id: str, *, timeout: float = 8.0) -> None:
        """Wait until a task instance that has been deferred or has ended has no process on a worker."""
        self.wait_until(lambda: not self.workers_of(task_instance_id), timeout=timeout)

    def free_slots(self) -> int:
        """Return how many tasks the executor could take at once: its idle workers."""
        return sum(worker.role == "idle" for worker in self.workers())

    def wait_until(self, condition: Callable[[], object], *, timeout: float, interval: float = 0.1) -> None:
        """Wait until a condition is true; raise `TimeoutError` when it takes too long."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {timeout:.1f} s in vain")
            time.sleep(interval)

    # Details

    @property
    def _sqlite(self) -> str:
        # By default a process gives up after 5 s without the lock: one stall of the disk, and requests fail.
        return f"sqlite:///{self.home}/airflow.db?timeout=60"

    def _environment(
        self, connections: Mapping[str, Mapping[str, Any]], extra: Mapping[str, str]
    ) -> dict[str, str]:
        # Settings of an Airflow that the developer uses otherwise must not leak in.
        env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        hosts = [name for name in (env.get("NO_PROXY") or env.get("no_proxy") or "").split(",") if name]
        env["NO_PROXY"] = env["no_proxy"] = ",".join([*hosts, "127.0.0.1", "localhost"])
        env["NO_COLOR"] = "1"
        env["PYTHONUNBUFFERED"] = "1"
        env["PYTHONWARNINGS"] = "ignore"
        env["AIRFLOW_HOME"] = str(self.home)
        bundles = [
            {
                # Airflow keeps the name example_dags for its own.
                "name": f"{number}-{folder.name}",
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(folder), "refresh_interval": 2},
            }
            for number, folder in enumerate(self.dags, start=1)
        ]
        settings = {
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": str(self.parallelism),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_FOLDER": str(self.dags[0] if self.dags else self.home / "dags"),
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "CORE__EXECUTION_API_SERVER_URL": f"{self.base_url}/execution/",
            "CORE__TEST_CONNECTION": "Enabled",
            "DATABASE__SQL_ALCHEMY_CONN": self._sqlite,
            "API__BASE_URL": self.base_url,
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__WORKERS": "1",
            "API__SECRET_KEY": secrets.token_hex(32),
            "API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "2",
            "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        if self.dags:
            settings["DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps(bundles)
        for option in ("WORKER_LOG_SERVER_PORT", "TRIGGER_LOG_SERVER_PORT"):
            self._reservations.append(_reserve(0))
            settings[f"LOGGING__{option}"] = str(self._reservations[-1].getsockname()[1])
        env |= {f"AIRFLOW__{name}": value for name, value in settings.items()}
        for conn_id, connection in connections.items():
            env[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
        return env | dict(extra)

    def _prepare_home(self) -> None:
        (self.home / "logs" / "services").mkdir(parents=True, exist_ok=True)
        if not self.dags:
            (self.home / "dags").mkdir(exist_ok=True)
        # Else every process writes its own copy of the defaults there, all at the same time.
        (self.home / "airflow.cfg").touch()
        database = self.home / "airflow.db"
        if self.env.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") == self._sqlite:
            (self.home / "config").mkdir(exist_ok=True)
            (self.home / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS)
        if database.exists() or "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in self.env:
            return
        if self.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] != self._sqlite:
            self.cli("db", "migrate")
            return
        # A fresh database is the same every time: made once per environment, copied afterwards.
        template = Path(sys.prefix) / "var" / f"airflow-{version('apache-airflow-core')}.sqlite"
        if not template.exists():
            self.cli("db", "migrate")
            with contextlib.suppress(OSError):
                template.parent.mkdir(exist_ok=True)
                partial = template.with_name(f"{template.name}.{os.getpid()}")
                source, target = sqlite3.connect(database), sqlite3.connect(partial)
                with contextlib.closing(source), contextlib.closing(target):
                    source.backup(target)
                partial.replace(template)
            return
        shutil.copyfile(template, database)

    def _all_healthy(self) -> bool:
        try:
            health = self.client.health()
        except httpx.HTTPError:
            return False
        needed = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(health.get(name) == "healthy" for name in needed)

    def _wait_for_service(self, condition: Callable[[], bool], *, what: str) -> None:
        deadline = time.monotonic() + self.start_timeout
        while not condition():
            for service, process in self._processes.items():
                if process.poll() is not None:
                    tail = "\n".join(self.logs(service).splitlines()[-40:])
                    raise StackError(f"{service} ended with {process.returncode}; its last lines:\n{tail}")
            if time.monotonic() > deadline:
                raise StackError(f"Waited {self.start_timeout:.0f} s for {what}; see {self.home / 'logs'}")
            time.sleep(0.1)

    @staticmethod
    def _end_sessions(sessions: Iterable[int]) -> None:
        """Kill whatever is left of these sessions, and return when it is gone."""
        wanted = set(sessions)
        while True:
            left = []
            for pid in psutil.pids():
                with contextlib.suppress(OSError, psutil.Error):
                    if os.getsid(pid) in wanted and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                        os.kill(pid, signal.SIGKILL)
                        left.append(pid)
            if not left:
                return
            time.sleep(0.02)


def _command(service: str) -> str:
    """Return the `airflow` command of a service: triggerers beyond the first have a number."""
    return service.rstrip("-0123456789")


def _reserve(port: int) -> socket.socket:
    """Return a socket bound to the port (0: a free one) that does not listen.

    The api-server can bind it as well, since both set SO_REUSEADDR; nobody else is given it meanwhile.
    """
    reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reservation.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        raise
    return reservation
