"""Starts processes in sessions of their own, and makes sure that none of them outlives this process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

# Reads session ids from standard input until the pipe is closed, then kills all processes of these sessions.
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


class Guard:
    """A process that kills sessions when this Python process ends in any way.

    It reads from a pipe of this process. The pipe closes when this process ends.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _GUARD], stdin=subprocess.PIPE, start_new_session=True
        )

    def watch(self, session: int) -> None:
        """Add a session."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{session}\n".encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """Kill all sessions, and return when the guard has ended."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()


def session_pids(sessions: Iterable[int]) -> list[int]:
    """Return the ids of all living processes of some sessions."""
    wanted, found = set(sessions), []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(pid) in wanted and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def end_sessions(sessions: Iterable[int]) -> None:
    """Kill all processes of these sessions, and return when they have ended."""
    wanted = set(sessions)
    while pids := session_pids(wanted):
        _send(pids, signal.SIGKILL)
        time.sleep(0.02)


def crash_session(session: int) -> None:
    """Kill all processes of a session as if at the same time, as a crash of their machine does.

    They are stopped first. Otherwise a process could report the end of another one that was killed before.
    """
    stopped: set[int] = set()
    while new := set(session_pids([session])) - stopped:
        _send(new, signal.SIGSTOP)
        stopped |= new
    end_sessions([session])


def _send(pids: Iterable[int], sig: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


def reserve_port(port: int = 0) -> socket.socket:
    """Reserve a port on loopback (0: a free port), and return the socket that reserves it.

    The socket is bound but does not listen. A server can bind the same port, because both sockets set
    SO_REUSEADDR. The system does not give the port to other processes.

    :raises OSError: another process uses the port
    """
    reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reservation.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        raise
    return reservation
