"""Event loops for tests: a real one, and one with virtual time, which passes when no task has work."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from airflow_provider_dataops.polling import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: Seconds since the epoch at which virtual time begins.
EPOCH = 1_700_000_000.0


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine in real time, and return its result."""
    return asyncio.run(_clean(main))


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine in virtual time, and return its result.

    When all tasks wait, the time jumps to the next timer.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_clean(main))


async def _clean(main: Coroutine[Any, Any, T]) -> T:
    try:
        return await main
    finally:
        # A triggerer has one loop, and its connections live as long as that loop. A test process has many.
        for connection in connections._connections.values():
            for poller in connection.pollers.values():
                poller.stop()
            await connection.driver.close()
        connections._connections.clear()
        connections._opening.clear()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps from timer to timer. While a thread works for the loop, the clock stops."""

    def __init__(self) -> None:
        self.now = 0.0
        self.threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: object) -> None:
        self.threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or (timeout > 0 and self._loop.threads):
            ready = super().select(5.0)
            if not ready and timeout is None:
                raise RuntimeError(
                    "all tasks of this loop wait, and there is no timer: they would wait forever"
                )
            return ready
        ready = super().select(0)
        if not ready and timeout > 0:
            self._loop.now += max(timeout, 1e-6)
        return ready


class LoopClock:
    """A clock for the package that shows the running loop's time; its random numbers are all 0.5."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return EPOCH + self.monotonic()

    def random(self) -> float:
        return 0.5
