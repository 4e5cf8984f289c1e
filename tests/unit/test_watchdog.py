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
    """Return a function as if it stood in a file of the package."""
    path = airflow_provider_dataops.__file__.replace("__init__.py", "triggers/planted.py")
    module = ModuleType("planted")
    vars(module).update(asyncio=asyncio, time=time, socket=socket)
    exec(compile(source, path, "exec"), vars(module))  # noqa: S102 - the only way to another file name
    function = vars(module)["f"]
    assert isinstance(function, FunctionType)
    return function


BUSY = "end = time.thread_time() + 0.05\n while time.thread_time() < end: pass"
ONE_CALL = "sum(range(20_000_000))"


@pytest.mark.parametrize(
    ("source", "told"),
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
def test_code_of_the_package_that_holds_the_loop_is_caught(source: str, told: str) -> None:
    with watching() as watchdog:
        run(planted(source)())
    assert any(told in caught for caught in watchdog.caught), watchdog.caught


def test_a_wait_that_no_audit_event_tells_of_is_caught_by_the_wall_clock() -> None:
    source = "async def f(lock):\n lock.acquire(timeout=0.4)"
    lock = threading.Lock()
    lock.acquire()
    with watching() as watchdog:
        run(planted(source)(lock))
    assert len(watchdog.caught) == 1
    assert "planted.py" in watchdog.caught[0]


def test_a_callback_of_the_package_is_caught_with_its_place() -> None:
    holder = planted(f"def f():\n {BUSY}")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(holder)
        await asyncio.sleep(0)

    with watching() as watchdog:
        run(main())
    assert len(watchdog.caught) == 1
    assert "planted.py" in watchdog.caught[0]


def test_others_may_hold_the_loop() -> None:
    async def main() -> None:
        time.sleep(0.03)  # noqa: ASYNC251 - planted
        end = time.thread_time() + 3 * CPU_LIMIT
        while time.thread_time() < end:
            pass

    with watching() as watchdog:
        run(main())
    assert watchdog.caught == []


def test_work_in_threads_and_waiting_the_proper_way_are_no_alarm() -> None:
    sleeper = planted("def f():\n time.sleep(0.05)")
    waiter = planted("async def f(sleeper):\n await asyncio.to_thread(sleeper)\n await asyncio.sleep(0.05)")
    with watching() as watchdog:
        run(waiter(sleeper))
    assert watchdog.caught == []


def test_a_starved_process_is_no_alarm() -> None:
    """Threads that keep the interpreter busy take time from the loop; that is nobody's fault."""
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


def test_nothing_is_left_behind() -> None:
    before = asyncio.Handle._run, time.sleep, list(gc.callbacks)
    with watching():
        assert asyncio.Handle._run is not before[0]
    assert (asyncio.Handle._run, time.sleep, gc.callbacks) == before
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}
