from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.triggers import pace
from tests.loops import run_virtual

if TYPE_CHECKING:
    from tests.loops import LoopClock


async def starts(count: int) -> list[float]:
    """Return when each of some triggers started that Airflow created in the same moment."""
    loop = asyncio.get_running_loop()
    began, times = loop.time(), list[float]()

    async def start() -> None:
        await pace.turn()
        times.append(loop.time() - began)

    await asyncio.gather(*(start() for _ in range(count)))
    return times


@pytest.mark.usefixtures("loop_clock")
class TestTurn:
    def test_triggers_that_were_created_together_start_one_after_the_other(self) -> None:
        assert run_virtual(starts(100)) == pytest.approx([n * pace.PACE for n in range(100)])

    def test_a_trigger_that_is_created_alone_starts_at_once(self) -> None:
        async def main() -> list[float]:
            await starts(100)
            await asyncio.sleep(1.0)
            return await starts(1)

        assert run_virtual(main()) == [0.0]

    def test_a_trigger_that_is_cancelled_while_it_waits_does_not_stop_the_others(self) -> None:
        async def main() -> int:
            tasks = [asyncio.create_task(starts(1)) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            return sum(isinstance(one, list) for one in ended)

        assert run_virtual(main()) == 2


def test_a_trigger_that_comes_just_when_the_last_one_starts_is_started_too(loop_clock: LoopClock) -> None:
    async def main() -> None:
        async def start_and_create_another(more: int) -> None:
            await pace.turn()
            if more:
                await start_and_create_another(more - 1)

        async with asyncio.timeout(60.0):
            await asyncio.gather(*(start_and_create_another(3) for _ in range(2)))

    run_virtual(main())


def test_a_loop_that_ends_while_triggers_wait_is_freed() -> None:
    loops = []

    def loop() -> asyncio.AbstractEventLoop:
        created = asyncio.new_event_loop()
        loops.append(weakref.ref(created))
        return created

    async def main() -> None:
        waiting = [asyncio.ensure_future(starts(1)) for _ in range(5)]
        await asyncio.sleep(0)
        assert not all(one.done() for one in waiting)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    del runner
    gc.collect()
    assert [one() for one in loops] == [None]
