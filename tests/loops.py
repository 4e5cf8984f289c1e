"""Event loops for tests: a real one, and one on which time passes by itself as soon as nobody has work."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.polling import connections

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

#: Seconds since the epoch at which virtual time begins.
EPOCH = 1_700_000_000.0


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on the machine's own time."""
    return asyncio.run(_clean(main))


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on virtual time, which jumps to the next timer once nothing is left to do."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_clean(main))


async def _clean(main: Coroutine[Any, Any, T]) -> T:
    try:
        return await main
    finally:
        # In a triggerer they live as long as its one loop does.
        for connection in connections._connections.values():
            for poller in connection.pollers.values():
                poller.stop()
            await connection.driver.close()
        connections._connections.clear()
        connections._opening.clear()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose clock goes on by jumps; while a thread works for it, the clock stands still."""

    def __init__(self) -> None:
        self.now = 0.0
        self.threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, function: Any, *arguments: Any) -> Any:
        self.threads += 1
        future = super().run_in_executor(executor, function, *arguments)
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
                raise RuntimeError("nothing will ever happen on this loop")
            return ready
        ready = super().select(0)
        if not ready and timeout > 0:
            self._loop.now += max(timeout, 1e-6)
        return ready


class LoopClock:
    """The package's clock on the running loop's time, without chance."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return EPOCH + self.monotonic()

    def random(self) -> float:
        return 0.5
