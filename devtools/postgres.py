"""A PostgreSQL server of its own on loopback, for as long as a block lasts.

    with postgres() as url:
        ...

It needs Debian's package `postgresql`, and leaves nothing behind. Run as root, it becomes the user
`postgres`, since PostgreSQL refuses to run as root.
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
#: Nothing here outlives a power cut, so nothing waits for the disk.
_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


class PostgresError(RuntimeError):
    """PostgreSQL is missing, or does not start."""


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, of the newest version on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise PostgresError("PostgreSQL is missing; on Debian: apt-get install postgresql")
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Serve an empty database, and give its SQLAlchemy URL.

    :raises PostgresError: if PostgreSQL is not installed, or does not start.
    """
    initdb, server, ready = _program("initdb"), _program("postgres"), _program("pg_isready")
    user = _USER if os.geteuid() == 0 else None
    # Directly below the folder for temporary files: the user postgres cannot enter those of root.
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
            raise PostgresError(f"initdb, as {user or getpass.getuser()}: {made.stderr}")
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
            # A fast shutdown: connections that are still open are cut.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _wait_until_ready(question: list[str], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while subprocess.run(question, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL does not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
