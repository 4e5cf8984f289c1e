"""Starts the services of a compose file as processes, in the order and with the health checks of the file.

with Cluster(folder, variables) as cluster:
    cluster.start()
    cluster.kill("worker-1")
    cluster.keep_alive()
"""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from devtools.cluster import compose, native
from devtools.cluster.native import LOOPBACK, Place
from devtools.postgres import Postgres
from devtools.processes import Guard, crash_session, end_sessions, reserve_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from devtools.cluster.compose import Service

#: Seconds until all services must be healthy.
START_LIMIT = 240.0
#: Seconds that all services together get to end after a SIGTERM. Then they are killed.
_STOP_GRACE = 3.0
_TICK = 0.2
_CHECKS_AT_ONCE = 2


class ClusterError(RuntimeError):
    """A service has ended, or does not become healthy."""


class Cluster:
    """The services of docker-compose.yaml on loopback; a context manager that stops them all at its end.

    :param folder: an empty folder for homes, volumes and logs.
    :param variables: the variables of the env file.
    :param folders: the folders of volumes, by source, instead of those that the file names.
    :param file: the compose file.
    :ivar restarts: the names of the services that ended and were started again, in this order.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        folders: Mapping[str, Path] | None = None,
        *,
        file: Path = compose.FILE,
    ) -> None:
        self.folder = folder.resolve()
        services = compose.load(variables, file)
        published = {
            (name, port): native_port
            for name, service in services.items()
            for port, native_port in service.ports.items()
        }
        self._reservations = [reserve_port(port) for port in published.values()]
        ports = dict(published)
        for name, port in sorted(native.ports(services) - published.keys()):
            self._reservations.append(reserve_port())
            ports[name, port] = int(self._reservations[-1].getsockname()[1])
        self.place = Place(folder=self.folder, ports=ports, folders=folders or {})
        self.services = {name: self.place.service(service) for name, service in services.items()}
        self.restarts: list[str] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()
        self._guard: Guard | None = None

    def __enter__(self) -> Self:
        """Prepare the folder; :meth:`start` starts the services."""
        self._guard = Guard()
        (self.folder / "services").mkdir(parents=True)
        for service in self.services.values():
            for volume in service.volumes:
                self.place.volume(volume.source).mkdir(parents=True, exist_ok=True)
            home = self.place.home(service)
            home.mkdir(parents=True)
            # Create this file now. Otherwise the processes of a service write it at the same time.
            (home / "airflow.cfg").touch()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop all services."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_GRACE
        while time.monotonic() < deadline and any(p.poll() is None for p in self._processes.values()):
            time.sleep(_TICK)
        end_sessions(process.pid for process in self._processes.values())
        for process in self._processes.values():
            process.wait()
        self._stack.close()
        if self._guard is not None:
            self._guard.close()
        for reservation in self._reservations:
            reservation.close()

    def url(self, name: str, port: int) -> str:
        """Return the URL of a port in a service's container."""
        return f"http://{LOOPBACK}:{self.place.ports[name, port]}"

    # Start

    def start(self) -> None:
        """Start each service when those that it depends on are ready; return when all are healthy.

        :raises ClusterError: a service has ended, or is not healthy in time
        """
        began = time.monotonic()
        waiting, checks = dict(self.services), Checks(self)
        with checks:
            while waiting or checks.pending:
                for service in list(waiting.values()):
                    if all(self._is_ready(name, how, checks) for name, how in service.depends_on.items()):
                        del waiting[service.name]
                        self._spawn(service)
                        checks.add(service)
                checks.run()
                self._raise_if_ended()
                if time.monotonic() - began > START_LIMIT:
                    missing = [*waiting, *checks.pending]
                    raise ClusterError(
                        f"{missing} are not healthy after {START_LIMIT:.0f} s; see {self.folder}"
                    )
                time.sleep(_TICK)

    def _is_ready(self, name: str, condition: str, checks: Checks) -> bool:
        if condition == "service_completed_successfully":
            return name in self._processes and self._processes[name].poll() == 0
        return name in checks.healthy

    def _raise_if_ended(self) -> None:
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None and (code or self.services[name].is_restarted):
                log = self.log_file(name).read_text(errors="replace").splitlines()
                raise ClusterError("\n".join([f"{name} ended with exit status {code}:", *log[-40:]]))

    def _spawn(self, service: Service) -> None:
        if service.image.startswith("postgres:"):
            self._start_database(service)
            return
        command = native.arguments(service) if service.is_built else self._redis(service)
        with self.log_file(service.name).open("ab") as log:
            process = subprocess.Popen(
                command,
                env=native.environment(service),
                cwd=self.place.home(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes[service.name] = process
        if self._guard is not None:
            self._guard.watch(process.pid)

    def _start_database(self, service: Service) -> None:
        fields = service.environment
        database = Postgres(
            user=fields["POSTGRES_USER"],
            password=fields["POSTGRES_PASSWORD"],
            database=fields["POSTGRES_DB"],
            port=self._own_port(service),
        )
        self._stack.enter_context(database)

    def _redis(self, service: Service) -> list[str]:
        (volume,) = service.volumes
        folder = str(self.place.volume(volume.source))
        listening = ["--bind", LOOPBACK, "--port", str(self._own_port(service)), "--dir", folder]
        return [*service.command, *listening]

    def _own_port(self, service: Service) -> int:
        (port,) = [native for (name, _), native in self.place.ports.items() if name == service.name]
        return port

    # Running services

    def check(self, name: str) -> bool:
        """Run the health check of a service now, and return whether the service is healthy."""
        service = self.services[name]
        check = service.healthcheck
        if check is None:
            return self._processes[name].poll() in (None, 0)
        with self.log_file(f"{name}.health").open("ab") as log:
            try:
                done = subprocess.run(
                    check.command,
                    env=native.environment(service),
                    cwd=self.place.home(service),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=check.timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return False
        return done.returncode == 0

    def kill(self, name: str) -> None:
        """Kill all processes of a service at once with SIGKILL, as a crash of its machine does."""
        process = self._processes[name]
        crash_session(process.pid)
        process.wait()

    def keep_alive(self) -> None:
        """Start the services again that have ended, as Docker does with ``restart: unless-stopped``."""
        for name, process in list(self._processes.items()):
            if process.poll() is not None and self.services[name].is_restarted:
                end_sessions([process.pid])
                self.restarts.append(name)
                self._spawn(self.services[name])

    def log_file(self, name: str) -> Path:
        """Return the path of a service's log file. Each restart of the service appends to this file."""
        return self.folder / "services" / f"{name}.log"


class Checks:
    """Runs the health checks of services until each has passed once; a context manager.

    :ivar healthy: the names of the services whose check has passed, or that have none.
    :ivar pending: the number of failed checks of each other service.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.healthy: set[str] = set()
        self.pending: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._began: dict[str, float] = {}
        self._running: dict[str, Future[bool]] = {}
        self._pool = ThreadPoolExecutor(_CHECKS_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, service: Service) -> None:
        """Check a service that was started."""
        if service.healthcheck is None:
            self.healthy.add(service.name)
            return
        self.pending[service.name] = 0
        self._began[service.name] = time.monotonic()
        # As in Docker, the first check is one interval after the start.
        self._due[service.name] = time.monotonic() + service.healthcheck.pause(0.0)

    def run(self) -> None:
        """Start the checks that are due, and note the results of those that have ended.

        :raises ClusterError: as many checks as the file allows have failed, not counting the start period
        """
        now = time.monotonic()
        for name in [name for name in self.pending if name not in self._running and self._due[name] <= now]:
            self._running[name] = self._pool.submit(self._cluster.check, name)
        for name, future in list(self._running.items()):
            if future.done():
                del self._running[name]
                self._note(name, is_healthy=future.result())

    def _note(self, name: str, *, is_healthy: bool) -> None:
        if is_healthy:
            del self.pending[name]
            self.healthy.add(name)
            return
        check = self._cluster.services[name].healthcheck
        if check is None:
            return
        age = time.monotonic() - self._began[name]
        self._due[name] = time.monotonic() + check.pause(age)
        if age > check.start_period:
            self.pending[name] += 1
        if self.pending[name] >= check.retries:
            log = self._cluster.log_file(f"{name}.health").read_text(errors="replace")
            raise ClusterError(f"{name} is not healthy; its health check printed:\n{log[-2000:]}")
