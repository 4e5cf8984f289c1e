"""Runs a real Airflow as separate processes on this machine: SQLite, LocalExecutor, no Docker, no account.

    with AirflowStack(home=tmp / "airflow", dags=[Path("example_dags")]) as stack:
        run_id = stack.client.run("some_dag")
        stack.client.wait_for_run("some_dag", run_id)

**How processes are stopped.** Each service has its own session, and the stack kills all processes of that
session. A signal to the service's process group is not enough, because Airflow moves a task's process to
another group. A guard process reads from a pipe of this Python process. If this Python process ends in any
way, the pipe closes, and the guard kills all sessions. So no process of the stack outlives this process.

**Worker processes** (`AirflowStack.workers`), as observed with Airflow 3.3.2. When the scheduler starts, its
LocalExecutor forks `parallelism` workers. Each worker is one slot. The processes have these names:

    airflow worker -- LocalExecutor: <idle>           a free slot
    airflow worker -- LocalExecutor: <task id>        a busy slot: the process supervises this task
    airflow worker -- <task id>                       the child of the supervisor; it runs `execute()`

<task id> is the UUID that the REST API returns as the `id` of a task instance. At first, the child still has
the name of its supervisor. When a task is deferred, its child exits and its supervisor becomes idle. Its
trigger then runs in a child process of the `triggerer` service, together with all other triggers. When the
task is resumed, any idle worker runs it, with the same UUID.

**How long to wait in a test.** When the REST API returns `deferred`, the child has exited, and the supervisor
is usually idle too. But the supervisor may have checked the child just before the exit. Then the supervisor
notices the exit only after `[workers] min_heartbeat_interval` (5 s). So a test should wait up to 6 s until
`workers_of` is empty and `free_slots` is complete. Its task should stay deferred for longer than 6 s.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
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
from devtools.processes import Guard, end_sessions, reserve_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
_JOB_TYPES = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
_WORKER_TITLE = "airflow worker -- "
_EXECUTOR_TITLE = "airflow worker -- LocalExecutor"
# Seconds from SIGTERM to SIGKILL: for the whole stack, and for one service that a test stops.
_STOP_GRACE = 5.0
_KILL_GRACE = 30.0

# Airflow reads this file from the config folder of its home. It changes two things, for SQLite alone.
# - Without `synchronous=OFF`, each commit waits for the disk. On a busy machine this took longer than the
#   timeout of a request. With it, a power cut may damage the database, but a killed process does not.
# - Airflow 3.3.2 writes its audit log on the event loop of the api-server, with a blocking call. A request in
#   another thread may hold SQLite's lock at that time. That request needs the loop to commit, so both wait
#   until SQLite's timeout. With this file, SQLite waits only briefly if the caller is on an event loop. If it
#   does not get the lock, the status code is 500, nothing is written, and the client repeats the request.
_LOCAL_SETTINGS = """
import asyncio

from sqlalchemy import Engine, event

__all__ = []

@event.listens_for(Engine, "connect")
def _write_without_waiting_for_the_disk(connection, _):
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()

@event.listens_for(Engine, "before_cursor_execute")
def _do_not_block_an_event_loop(connection, *_):
    if connection.dialect.is_async:
        return
    try:
        asyncio.get_running_loop()
        milliseconds = 100
    except RuntimeError:
        milliseconds = 60_000
    if connection.info.get("busy_timeout") != milliseconds:
        connection.info["busy_timeout"] = milliseconds
        connection.connection.execute(f"PRAGMA busy_timeout={milliseconds}")
"""


class StackError(RuntimeError):
    """A service did not start, or has ended unexpectedly."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process of the LocalExecutor: a slot (`idle` or `supervisor`), or a task's process (`runner`)."""

    pid: int
    role: Literal["idle", "supervisor", "runner"]
    task_instance_id: str | None


class AirflowStack:
    """A context manager that starts and stops api-server, scheduler, dag-processor and triggerer.

    :param home: Airflow's home. If an earlier stack used this home, the stack uses its database again.
    :param dags: folders with DAG files.
    :param connections: fields of each connection (`conn_type`, `host`, ... as in the REST API), by id. The
        connections are environment variables: tasks, triggers and hooks find them, but the UI does not show
        them. Use `client.create_connection` for connections that the UI shows.
    :param env: environment variables that override those that the stack sets.
    :param port: port of the api-server; 0: a free port.
    :param parallelism: number of worker slots.
    :param triggerers: number of triggerers; their services are `triggerer`, `triggerer-2` and so on.
    :param services: the services to start. Another stack with the same home may run the others.
    :param path: the path at which the api-server serves everything, for instance `/airflow`.
    :param start_timeout: seconds that a service may take to start.
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
        services: Sequence[str] = SERVICES,
        path: str = "",
        start_timeout: float = 180.0,
    ) -> None:
        self.home = home.resolve()
        self.dags = [dags.resolve()] if isinstance(dags, Path) else [folder.resolve() for folder in dags]
        self.parallelism = parallelism
        self.services = (*services, *(f"triggerer-{number}" for number in range(2, triggerers + 1)))
        self.start_timeout = start_timeout
        self.started_in: float | None = None
        # A socket that is bound but does not listen reserves the port until the api-server binds it.
        self._reservations = [reserve_port(port)]
        self.port = int(self._reservations[0].getsockname()[1])
        self.base_url = f"http://127.0.0.1:{self.port}{path}"
        self.client = AirflowClient(self.base_url)
        self.env = self._environment(connections or {}, env or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: set[int] = set()
        self._guard: Guard | None = None

    # Start and stop

    def __enter__(self) -> AirflowStack:
        """Start all services."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all services."""
        self.stop()

    def start(self) -> AirflowStack:
        """Prepare home and database, start all services, and return when all are healthy.

        :raises StackError: a service has ended, or is not healthy after `start_timeout` seconds
        """
        began = time.monotonic()
        try:
            self._prepare_home()
            self._guard = Guard()
            for service in self.services:
                self.spawn(service)
            self._wait_for_service(self._all_healthy, what="all services to be healthy")
        except BaseException:
            self.stop()
            raise
        self.started_in = time.monotonic() - began
        return self

    def stop(self) -> None:
        """Stop all processes of the stack, then the guard. A second call does nothing."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_GRACE
        while time.monotonic() < deadline and any(p.poll() is None for p in self._processes.values()):
            time.sleep(0.05)
        end_sessions(self._sessions)
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        self._sessions.clear()
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        for reservation in self._reservations:
            reservation.close()
        self.client.close()

    # Single services

    def pid(self, service: str) -> int:
        """Return the process id of a service; it is also the id of the service's session."""
        return self._processes[service].pid

    def alive(self, service: str) -> bool:
        """Return whether the service's main process runs."""
        return service in self._processes and self._processes[service].poll() is None

    def kill(self, service: str, sig: signal.Signals = signal.SIGKILL, *, children: bool = True) -> None:
        """Send a signal to a service, wait until it has ended, then kill its children.

        :param children: whether to kill the children. If false, the workers of a killed scheduler keep
            running their tasks.
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
            end_sessions({process.pid})

    def restart(self, service: str, *, sig: signal.Signals = signal.SIGTERM, children: bool = True) -> None:
        """Stop a service if it runs, start it again, and wait until it works.

        A triggerer that ends on SIGTERM releases its triggers at once. After a SIGKILL, the new triggerer
        gets the triggers only when the last heartbeat of the old triggerer is older than
        `[triggerer] triggerer_health_check_threshold` (30 s).
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
        # All triggerers would use the same port for their log server. So only the first one serves its logs;
        # Airflow reads the logs of the others from files.
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
        if self._guard is None:
            raise StackError("The stack has not been started, or was stopped")
        self._guard.watch(process.pid)

    def log_file(self, service: str) -> Path:
        """Return the path of a service's log file. Each restart of the service appends to this file."""
        return self.home / "logs" / "services" / f"{service}.log"

    def logs(self, service: str) -> str:
        """Return the log of a service, over all its restarts."""
        return self.log_file(service).read_text(errors="replace")

    def cli(self, *arguments: str, timeout: float = 120.0) -> str:
        """Run `airflow ARGUMENTS` in this Airflow's environment, and return its standard output.

        :raises StackError: the command has failed
        """
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
                f"airflow {' '.join(arguments)} failed with exit status {done.returncode}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    # Worker processes

    def workers(self) -> list[Worker]:
        """Return the current processes of the LocalExecutor, including those of a killed scheduler."""
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
        """Return the current worker processes of a task instance, by its `id` in the REST API."""
        return [worker for worker in self.workers() if worker.task_instance_id == task_instance_id]

    def wait_until_off_workers(self, task_instance_id: str, *, timeout: float = 8.0) -> None:
        """Wait until a deferred or ended task instance has no worker process any more."""
        self.wait_until(lambda: not self.workers_of(task_instance_id), timeout=timeout)

    def free_slots(self) -> int:
        """Return how many workers are idle."""
        return sum(worker.role == "idle" for worker in self.workers())

    def wait_until(self, condition: Callable[[], object], *, timeout: float, interval: float = 0.1) -> None:
        """Wait until a condition is true.

        :raises TimeoutError: the condition is not true after `timeout` seconds
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"The condition was not met within {timeout:.1f} s")
            time.sleep(interval)

    # Private helpers

    @property
    def _sqlite(self) -> str:
        # Wait up to 60 s for SQLite's lock. With the default of 5 s, requests fail if the disk stalls.
        return f"sqlite:///{self.home}/airflow.db?timeout=60"

    def _environment(
        self, connections: Mapping[str, Mapping[str, Any]], extra: Mapping[str, str]
    ) -> dict[str, str]:
        # Ignore the settings of another Airflow in the developer's environment.
        env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        hosts = [name for name in (env.get("NO_PROXY") or env.get("no_proxy") or "").split(",") if name]
        env["NO_PROXY"] = env["no_proxy"] = ",".join([*hosts, "127.0.0.1", "localhost"])
        env["NO_COLOR"] = "1"
        env["PYTHONUNBUFFERED"] = "1"
        env["PYTHONWARNINGS"] = "ignore"
        env["AIRFLOW_HOME"] = str(self.home)
        bundles = [
            {
                # Airflow reserves the bundle name example_dags.
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
            # Otherwise each task's process would load OpenLineage, which takes two seconds.
            "OPENLINEAGE__DISABLED": "True",
        }
        if self.dags:
            settings["DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps(bundles)
        for option in ("WORKER_LOG_SERVER_PORT", "TRIGGER_LOG_SERVER_PORT"):
            self._reservations.append(reserve_port())
            settings[f"LOGGING__{option}"] = str(self._reservations[-1].getsockname()[1])
        env |= {f"AIRFLOW__{name}": value for name, value in settings.items()}
        for conn_id, connection in connections.items():
            env[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
        return env | dict(extra)

    def _prepare_home(self) -> None:
        (self.home / "logs" / "services").mkdir(parents=True, exist_ok=True)
        if not self.dags:
            (self.home / "dags").mkdir(exist_ok=True)
        # Create this file now. Otherwise all processes write the defaults to it at the same time.
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
        # A migration takes long, and all new databases have the same content. So migrate once for each
        # virtual environment, then copy the file.
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
                    raise StackError(
                        f"{service} ended with exit status {process.returncode}; its log ends:\n{tail}"
                    )
            if time.monotonic() > deadline:
                raise StackError(f"Waited {self.start_timeout:.0f} s for {what}; see {self.home / 'logs'}")
            time.sleep(0.1)


def _command(service: str) -> str:
    """Return the `airflow` command of a service. `triggerer` and `triggerer-2` have the same command."""
    return service.rstrip("-0123456789")
