"""Starts a temporary PostgreSQL server on this machine and stops it at the end of a block.

    with postgres() as url:
        ...

It needs Debian's package `postgresql`. At the end it deletes all its files. If it is started by root, the
server runs as the user `postgres`, because PostgreSQL does not run as root.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 60.0
_USER = "postgres"
#: The database is temporary, so the server need not wait until data is safe on the disk.
_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


class PostgresError(RuntimeError):
    """PostgreSQL is not installed, or does not start."""


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL, from the newest version on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise PostgresError("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Serve an empty database, and yield its SQLAlchemy URL.

    :raises PostgresError: if PostgreSQL is not installed, or does not start.
    """
    initdb, server, ready = _program("initdb"), _program("postgres"), _program("pg_isready")
    user = _USER if os.geteuid() == 0 else None
    # Use a folder directly below the folder for temporary files: the user postgres cannot enter root's own.
    with tempfile.TemporaryDirectory(prefix="dataops-postgres-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        if user is not None:
            shutil.chown(home, user)
        data, log = home / "data", home / "log"
        made = subprocess.run(
            [initdb, "-D", data, "-A", "trust", "-U", "airflow", "--no-sync"],
            user=user,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise PostgresError(f"initdb failed as user {user or getpass.getuser()}: {made.stderr}")
        port = _free_port()
        options = {**_SETTINGS, "listen_addresses": "127.0.0.1", "unix_socket_directories": name}
        settings = [text for key, value in options.items() for text in ("-c", f"{key}={value}")]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [server, "-D", data, "-p", str(port), *settings],
                user=user,
                cwd=home,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _wait_until_ready([ready, "-q", "-h", "127.0.0.1", "-p", str(port)], process, log)
            yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"
        finally:
            # SIGINT is PostgreSQL's fast shutdown: it closes open connections.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _wait_until_ready(is_ready: list[str], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while subprocess.run(is_ready, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL did not start; its log:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
