"""Finds code of the package that blocks the event loop.

While :func:`watching` is active, the watchdog times every callback of every event loop. It counts the
processor time of the loop's own thread, without garbage collections. So a busy machine, where the process has
to wait for the processor, causes no false alarm.

Some calls block without using the processor. The watchdog reports the usual ones at any length:
``time.sleep``, and, by Python's audit events, blocking sockets, name lookups, files and processes. It reports
all others by the wall clock, with a higher limit.
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
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

import airflow_provider_dataops

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds of processor time that one callback may use.
CPU_LIMIT = 0.050
#: Python code that uses this many seconds of processor time gives at least one sample.
SAMPLED_EVERY = 0.016
#: The limit for callbacks with fewer samples. Either they called into C, or the host stopped this virtual
#: machine: that counts as processor time too, and a callback of 1 ms was measured with 55 ms.
CALL_LIMIT = 0.150
#: Seconds by the wall clock, minus the time in which the thread was ready but the system ran others.
WALL_LIMIT = 0.250
#: Seconds between two samples of what a callback is doing.
SAMPLE_EVERY = 0.004

_PACKAGE = os.path.dirname(airflow_provider_dataops.__file__) + os.sep

_BLOCKING = frozenset({"socket.getaddrinfo", "open", "subprocess.Popen", "os.system"})


def _is_ours(frame: FrameType | None) -> bool:
    # The thread goes on while its frames are read, so the last of them may be no frame at all.
    while isinstance(frame, FrameType):
        name = frame.f_code.co_filename
        if name.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False


def _stack(frame: FrameType) -> list[FrameSummary]:
    """Return the innermost frames, outermost first.

    Do not read source lines from files here: the callback would continue meanwhile.
    """
    frames = [
        FrameSummary(one.f_code.co_filename, line, one.f_code.co_name, lookup_line=False)
        for one, line in islice(traceback.walk_stack(frame), 15)
    ]
    return frames[::-1]


def _starts_a_thread(stack: list[FrameSummary]) -> bool:
    return any(frame.name == "_adjust_thread_count" for frame in stack)


def _queued() -> float:
    """Return the seconds in which this thread was ready to run but the system ran others."""
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


@dataclass
class _Running:
    """The callback that a thread is running."""

    thread: int
    began: float
    #: The stack at each sample; an empty list if no frame of the package was in it.
    samples: list[list[FrameSummary]] = field(default_factory=list)


@dataclass
class Watchdog:
    """Times callbacks, and collects a text about each one that blocked its loop."""

    caught: list[str] = field(default_factory=list)
    _running: dict[int, _Running] = field(default_factory=dict)
    _collected: float = 0.0
    _collecting: float = 0.0

    def run(self, handle: asyncio.Handle, original: Any) -> None:
        """Run a callback of a loop, and report it if it blocked the loop."""
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
        if cpu <= CPU_LIMIT and (wall <= WALL_LIMIT or len(running.samples) * SAMPLE_EVERY < wall / 4):
            # A call that blocks lets other threads run, so the sampling thread takes many samples. If there
            # are few, that thread had to wait too. Then the cause is the machine's load.
            return
        stacks = [stack for stack in running.samples if stack]
        if cpu <= CPU_LIMIT and stacks and all(map(_starts_a_thread, stacks)):
            # A pool starts a thread and waits until the system runs it. The cause is the machine's load.
            return
        # A call into C gives one sample, after its end. So does a stop of the machine.
        if stacks and (len(stacks) * SAMPLED_EVERY > cpu or cpu > CALL_LIMIT):
            where = "".join(traceback.format_list(stacks[-1]))
            self.caught.append(
                f"held the event loop: {cpu * 1e3:.0f} ms busy, {wall * 1e3:.0f} ms in all\n{where}"
            )

    def sample(self) -> None:
        """Record the stack of each callback that has run for some time."""
        now = time.perf_counter()
        for running in list(self._running.values()):
            frame = sys._current_frames().get(running.thread)
            if now - running.began >= SAMPLE_EVERY and frame is not None and len(running.samples) < 1_000:
                running.samples.append(_stack(frame) if _is_ours(frame) else [])

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Report a call that may block, if the package makes it on an event loop.

        The frame two levels above this method has made the call.
        """
        if threading.get_ident() not in self._running:
            return
        if event == "socket.connect" and arguments[0].gettimeout() == 0:
            return
        frame = sys._getframe(2)
        if _is_ours(frame) and not _is_import_or_traceback(frame):
            stack = "".join(traceback.StackSummary.extract(traceback.walk_stack(frame), limit=15).format())
            self.caught.append(f"called {event}{arguments!r} on the event loop\n{stack}")

    def collect(self, phase: str, _: dict[str, int]) -> None:
        """Measure the time of a garbage collection; Python calls this at its start and its end."""
        if phase == "start":
            self._collecting = time.thread_time()
        elif threading.get_ident() in self._running:
            self._collected += time.thread_time() - self._collecting


def _is_import_or_traceback(frame: FrameType | None) -> bool:
    """Return whether Python itself opens a file. The processor time of the callback includes that."""
    while frame is not None:
        name = frame.f_code.co_filename
        # From Python 3.13 on, a traceback is parsed to mark its lines. A failed parser opens a file.
        if name.startswith("<frozen importlib") or name.endswith(("linecache.py", "/traceback.py")):
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
    """Watch all event loops until the block ends; ``caught`` of the watchdog has what was found."""
    global _active, _hooked
    if not _hooked:
        # Python cannot remove an audit hook. While no watchdog is active, the hook does nothing.
        sys.addaudithook(_audit)
        _hooked = True
    watchdog = Watchdog()
    original, original_sleep = asyncio.Handle._run, time.sleep
    over = threading.Event()

    def take_samples() -> None:
        while not over.wait(SAMPLE_EVERY):
            watchdog.sample()

    def sleep(seconds: float, /) -> None:
        watchdog.audit("time.sleep", (seconds,))
        original_sleep(seconds)

    sampler = threading.Thread(target=take_samples, name="watchdog", daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", sleep)
        patch.setattr(asyncio.Handle, "_run", lambda handle: watchdog.run(handle, original))
        gc.callbacks.append(watchdog.collect)
        _active = watchdog
        sampler.start()
        try:
            yield watchdog
        finally:
            over.set()
            sampler.join()
            _active = None
            gc.callbacks.remove(watchdog.collect)


@pytest.fixture(autouse=True)
def _event_loop_is_left_free() -> Iterator[None]:
    """Fail a test if the package blocks the event loop."""
    with watching() as watchdog:
        yield
    if watchdog.caught:
        pytest.fail("\n\n".join(watchdog.caught))
