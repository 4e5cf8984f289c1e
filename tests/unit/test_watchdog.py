"""The watchdog, which catches code of the package that blocks the event loop."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import airflow_provider_dataops
from tests.loops import run
from tests.watchdog import CPU_LIMIT, watching

if TYPE_CHECKING:
    from collections.abc import Callable


def planted(source: str) -> Callable[..., Any]:
    """Compile the function ``f`` as if its source was a file of the package, and return it."""
    path = airflow_provider_dataops.__file__.replace("__init__.py", "triggers/planted.py")
    module = ModuleType("planted")
    vars(module).update(asyncio=asyncio, time=time, socket=socket)
    exec(compile(source, path, "exec"), vars(module))  # noqa: S102 - the only way to another file name
    function = vars(module)["f"]
    assert isinstance(function, FunctionType)
    return function


BUSY = "end = time.thread_time() + 0.2\n while time.thread_time() < end: pass"
ONE_CALL = "sum(range(30_000_000))"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("async def f():\n time.sleep(0.05)", "called time.sleep(0.05,)"),
        ("async def f():\n time.sleep(0.001)", "called time.sleep"),
        ("async def f():\n await asyncio.sleep(0)\n time.sleep(0.05)", "called time.sleep"),
        (f"async def f():\n {BUSY}", "ms busy"),
        (f"async def f():\n await asyncio.sleep(0)\n {BUSY}", "ms busy"),
        ("async def f():\n sorted(range(3_000_000), key=lambda n: -n)", "ms busy"),
        (f"async def f():\n {ONE_CALL}", "ms busy"),
        (f"async def f():\n await asyncio.sleep(0)\n {ONE_CALL}\n await asyncio.sleep(0)", "ms busy"),
        ("async def f():\n open(__import__('os').devnull).close()", "called open"),
        ("async def f():\n socket.getaddrinfo('127.0.0.1', 1)", "called socket.getaddrinfo"),
    ],
    ids=[
        "sleep",
        "short sleep",
        "later sleep",
        "busy",
        "busy later",
        "busy in C",
        "one call into C",
        "one call between two waits",
        "file",
        "name lookup",
    ],
)
def test_code_of_the_package_that_blocks_the_loop_is_caught(source: str, words: str) -> None:
    with watching() as watchdog:
        run(planted(source)())
    assert any(words in caught for caught in watchdog.caught), watchdog.caught


def test_a_wait_without_an_audit_event_is_caught_by_the_wall_clock() -> None:
    source = "async def f(lock):\n lock.acquire(timeout=0.4)"
    lock = threading.Lock()
    lock.acquire()
    with watching() as watchdog:
        run(planted(source)(lock))
    assert len(watchdog.caught) == 1
    assert "planted.py" in watchdog.caught[0]


def test_a_callback_of_the_package_is_caught_with_its_file() -> None:
    holder = planted(f"def f():\n {BUSY}")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(holder)
        await asyncio.sleep(0)

    with watching() as watchdog:
        run(main())
    assert len(watchdog.caught) == 1
    assert "planted.py" in watchdog.caught[0]


def test_code_of_others_may_block_the_loop() -> None:
    async def main() -> None:
        time.sleep(0.03)  # noqa: ASYNC251 - planted
        end = time.thread_time() + 3 * CPU_LIMIT
        while time.thread_time() < end:
            pass

    with watching() as watchdog:
        run(main())
    assert watchdog.caught == []


def test_threads_and_asynchronous_waits_are_not_caught() -> None:
    sleeper = planted("def f():\n time.sleep(0.05)")
    waiter = planted("async def f(sleeper):\n await asyncio.to_thread(sleeper)\n await asyncio.sleep(0.05)")
    with watching() as watchdog:
        run(waiter(sleeper))
    assert watchdog.caught == []


def test_a_process_without_cpu_time_is_not_caught() -> None:
    """Busy threads take CPU time from the event loop. The code in the loop is not slow then."""
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            pass

    threads = [threading.Thread(target=spin) for _ in range(3)]
    for thread in threads:
        thread.start()
    steps = planted("async def f():\n for _ in range(20):\n  await asyncio.sleep(0)\n  sum(range(20_000))")
    try:
        with watching() as watchdog:
            run(steps())
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert watchdog.caught == []


def test_the_watchdog_restores_everything_that_it_replaced() -> None:
    before = asyncio.Handle._run, time.sleep, list(gc.callbacks)
    with watching():
        assert asyncio.Handle._run is not before[0]
    assert (asyncio.Handle._run, time.sleep, gc.callbacks) == before
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}
