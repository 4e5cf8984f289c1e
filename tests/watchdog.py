"""Catches code of the package that holds the event loop.

Every callback of every event loop is timed while :func:`watching` is active. What counts is the processor
time of the loop's own thread, without garbage collections: a machine under load, on which the process waits
for its turn, raises no false alarm. Calls that block without using the processor are seen in two ways: the
usual ones (``time.sleep``, and by Python's audit events blocking sockets, name lookups, files and processes)
whatever their length, all others by the wall clock with a higher limit.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from traceback import FrameSummary
from typing import TYPE_CHECKING, Any

import pytest

import airflow_provider_dataops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: Seconds of processor time for which one callback may hold the loop. A busy host adds to what a machine
#: counts: 23 ms were seen for closing a session, which takes less than one.
CPU_LIMIT = 0.035
#: The same for one call into C, which cannot be told from a machine that its host stops for some 30 ms.
CALL_LIMIT = 0.100
#: Seconds by the clock, less the time for which the system let others run.
WALL_LIMIT = 0.250
#: Seconds between two looks at what a callback is doing.
LOOK_EVERY = 0.004

_PACKAGE = os.path.dirname(airflow_provider_dataops.__file__) + os.sep

_BLOCKING = frozenset({"socket.getaddrinfo", "open", "subprocess.Popen", "os.system"})


def _is_ours(frame: FrameType | None) -> bool:
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False


def _stack(frame: FrameType) -> list[FrameSummary]:
    """Return the innermost frames. Nothing is read from files here: that would let the callback get on."""
    frames = [
        FrameSummary(one.f_code.co_filename, line, one.f_code.co_name, lookup_line=False)
        for one, line in islice(traceback.walk_stack(frame), 15)
    ]
    return frames[::-1]


def _starts_a_thread(stack: list[FrameSummary]) -> bool:
    return any(frame.name == "_adjust_thread_count" for frame in stack)


def _queued() -> float:
    """Return the seconds for which this thread was ready to run and the system ran others."""
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as told:
            return int(told.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


@dataclass
class _Running:
    """The callback that a thread is in."""

    thread: int
    began: float
    #: What it was doing at each look; empty where no frame of the package was in it.
    seen: list[list[FrameSummary]] = field(default_factory=list)


@dataclass
class Watchdog:
    """What was caught."""

    caught: list[str] = field(default_factory=list)
    _running: dict[int, _Running] = field(default_factory=dict)
    _collected: float = 0.0
    _collecting: float = 0.0

    def run(self, handle: asyncio.Handle, original: Any) -> None:
        """Run a callback of a loop, and judge it."""
        thread = threading.get_ident()
        running = _Running(thread, time.perf_counter())
        queued, collected = _queued(), self._collected
        cpu = time.thread_time()
        self._running[thread] = running
        try:
            original(handle)
        finally:
            del self._running[thread]
            cpu = time.thread_time() - cpu - (self._collected - collected)
            if cpu > CPU_LIMIT or time.perf_counter() - running.began > WALL_LIMIT:
                wall = time.perf_counter() - running.began - (_queued() - queued)
                self._judge(running, cpu, wall)

    def _judge(self, running: _Running, cpu: float, wall: float) -> None:
        if cpu <= CPU_LIMIT and (wall <= WALL_LIMIT or len(running.seen) * LOOK_EVERY < wall / 4):
            # Who blocks lets other threads run, the one that looks among them. Where that one did not get on,
            # they waited for each other: that is the machine's load.
            return
        stacks = [stack for stack in running.seen if stack]
        if cpu <= CPU_LIMIT and stacks and all(map(_starts_a_thread, stacks)):
            # A pool starts a thread and waits until the system runs it: that is the machine's load.
            return
        # Python code is looked at again and again. There is one look after a call into C, and one after
        # a stop of the machine, which counts as processor time.
        if len(stacks) >= 2 or (stacks and cpu > CALL_LIMIT):
            where = "".join(traceback.format_list(stacks[-1]))
            self.caught.append(
                f"held the event loop: {cpu * 1e3:.0f} ms busy, {wall * 1e3:.0f} ms in all\n{where}"
            )

    def look(self) -> None:
        """Note what the callbacks that run for long are doing."""
        now = time.perf_counter()
        for running in list(self._running.values()):
            frame = sys._current_frames().get(running.thread)
            if now - running.began >= LOOK_EVERY and frame is not None and len(running.seen) < 1_000:
                running.seen.append(_stack(frame) if _is_ours(frame) else [])

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take a call that may block, made by the caller of this method's caller."""
        if threading.get_ident() not in self._running:
            return
        if event == "socket.connect" and arguments[0].gettimeout() == 0:
            return
        frame = sys._getframe(2)
        if _is_ours(frame) and not _is_import_or_traceback(frame):
            stack = "".join(traceback.StackSummary.extract(traceback.walk_stack(frame), limit=15).format())
            self.caught.append(f"called {event}{arguments!r} on the event loop\n{stack}")

    def collect(self, phase: str, _: dict[str, int]) -> None:
        """Take the time of a garbage collection."""
        if phase == "start":
            self._collecting = time.thread_time()
        elif threading.get_ident() in self._running:
            self._collected += time.thread_time() - self._collecting


def _is_import_or_traceback(frame: FrameType | None) -> bool:
    """Tell whether a file is opened by Python itself, which the processor time accounts for."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or name.endswith("linecache.py"):
            return True
        frame = frame.f_back
    return False


_active: Watchdog | None = None
_hooked = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _active is not None and (event in _BLOCKING or event == "socket.connect"):
        _active.audit(event, arguments)


@contextmanager
def watching() -> Iterator[Watchdog]:
    """Watch all event loops; who uses it decides what to do with what was caught."""
    global _active, _hooked
    if not _hooked:
        # An audit hook cannot be taken away again; without a watchdog it does nothing.
        sys.addaudithook(_audit)
        _hooked = True
    watchdog = Watchdog()
    original = asyncio.Handle._run  # type: ignore[attr-defined]
    over = threading.Event()

    def looking() -> None:
        while not over.wait(LOOK_EVERY):
            watchdog.look()

    def sleep(seconds: float, /) -> None:
        watchdog.audit("time.sleep", (seconds,))
        original_sleep(seconds)

    original_sleep, time.sleep = time.sleep, sleep
    looker = threading.Thread(target=looking, name="watchdog", daemon=True)
    asyncio.Handle._run = lambda handle: watchdog.run(handle, original)  # type: ignore[attr-defined]
    gc.callbacks.append(watchdog.collect)
    _active = watchdog
    looker.start()
    try:
        yield watchdog
    finally:
        over.set()
        looker.join()
        _active = None
        gc.callbacks.remove(watchdog.collect)
        time.sleep = original_sleep
        asyncio.Handle._run = original  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _event_loop_is_left_free() -> Iterator[None]:
    """Fail a test in which our code holds the event loop."""
    with watching() as watchdog:
        yield
    if watchdog.caught:
        pytest.fail("\n\n".join(watchdog.caught))
