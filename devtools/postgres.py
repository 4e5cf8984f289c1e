"""Runs a new PostgreSQL server on loopback until a block ends.

    with Postgres() as server:
        ... server.url ... server.restart()

It needs Debian's package `postgresql`, and removes all its files at the end. PostgreSQL does not run as root,
so if the caller is root, the server runs as the user `postgres`.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_START_SECONDS = 60.0
_USER = "postgres"
#: The server does not wait for the disk, because the data is not needed after a power cut.
#: ``synchronous_commit`` stays on: the server passes each commit to the kernel, and only then confirms it to
#: the client. So a commit survives a crash of the server. The workers of the LocalExecutor inherit the
#: scheduler's connection. If the scheduler is killed in a transaction, its workers keep the connection open,
#: and so the transaction keeps its lock on the DAG run. The timeout ends such a transaction.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "idle_in_transaction_session_timeout": "20s",
}


# Reads the server's process ids from standard input until the pipe is closed, then stops the last server.
_GUARD = """
import os, shutil, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = [int(line) for line in sys.stdin]
try:
    os.kill(pids[-1], signal.SIGQUIT)
except (IndexError, OSError):
    pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class PostgresError(RuntimeError):
    """PostgreSQL is not installed, or does not start."""


def _program(name: str) -> str:
    """Return the path of a program, from the newest PostgreSQL on this machine.

    :raises PostgresError: if there is no such program.
    """
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise PostgresError("PostgreSQL is missing; on Debian: apt-get install postgresql")
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """Runs a server with an empty database; a context manager.

    A guard process stops the server when this Python process ends in any way.

    :param user: the superuser of the server.
    :param password: his password; without one, the server trusts every client on this machine.
    :param database: the database of :attr:`url`.
    :param port: the port on loopback; 0: a free port.
    :raises PostgresError: if PostgreSQL is not installed, or does not start.
    """

    def __init__(
        self, *, user: str = "airflow", password: str = "", database: str = "postgres", port: int = 0
    ) -> None:
        self._name, self._password, self._database = user, password, database
        self._ready = _program("pg_isready")
        self._user = _USER if os.geteuid() == 0 else None
        # Use the system's folder for temporary files, because the user postgres cannot enter root's folders.
        self._folder = tempfile.TemporaryDirectory(prefix="dataops-postgres-", ignore_cleanup_errors=True)
        self._home = Path(self._folder.name)
        self._port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen(
            [sys.executable, "-c", _GUARD, self._home], stdin=subprocess.PIPE, start_new_session=True
        )
        credentials = f"{user}:{password}" if password else user
        self.url = f"postgresql+psycopg2://{credentials}@127.0.0.1:{self._port}/{database}"

    def __enter__(self) -> Postgres:
        """Create the database, and start the server."""
        try:
            self._make()
            self._start()
            self._make_database()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop the server, and remove the database."""
        # SIGINT is PostgreSQL's fast shutdown: the server closes all connections.
        self._stop(signal.SIGINT)
        self._guard.communicate()
        self._folder.cleanup()

    def restart(self) -> None:
        """Crash the server and start it again: open connections break, and open transactions are lost."""
        self._stop(signal.SIGQUIT)
        self._start()

    def _make(self) -> None:
        if self._user is not None:
            shutil.chown(self._home, self._user)
        trust = ["-A", "trust"]
        if self._password:
            file = self._home / "password"
            file.write_text(self._password)
            file.chmod(0o600)
            if self._user is not None:
                shutil.chown(file, self._user)
            trust = ["-A", "scram-sha-256", f"--pwfile={file}"]
        self._run("initdb", "-D", str(self._home / "data"), *trust, "-U", self._name, "--no-sync")

    def _make_database(self) -> None:
        if self._database != "postgres":
            server = ("-h", "127.0.0.1", "-p", str(self._port), "-U", self._name)
            self._run("createdb", *server, self._database)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [_program(program), *arguments],
            user=self._user,
            cwd=self._home,
            env={**os.environ, "PGPASSWORD": self._password},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PostgresError(f"{program}, as {self._user or getpass.getuser()}: {done.stderr}")

    def _start(self) -> None:
        options = {
            **_SETTINGS,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._home),
        }
        settings = [text for key, value in options.items() for text in ("-c", f"{key}={value}")]
        log = self._home / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", self._home / "data", "-p", str(self._port), *settings],
                user=self._user,
                cwd=self._home,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if self._guard.stdin is not None:
            self._guard.stdin.write(f"{self._process.pid}\n".encode())
            self._guard.stdin.flush()
        question = [self._ready, "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        _wait_until_ready(question, self._process, log)

    def _stop(self, sig: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(sig)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()


def _wait_until_ready(question: list[str], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while subprocess.run(question, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL does not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
