"""How many objects the garbage collector visits for each waiting trigger."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

from tests.loops import run_virtual
from tests.unit.triggers.fakes import trigger

if TYPE_CHECKING:
    from tests.unit.triggers.bench import Bench

#: The collector stops the event loop while it visits all objects. With ten thousand triggers, that takes half
#: a second. Six of the objects are the asyncio task and what it waits for.
MOST = 20


def test_a_waiting_trigger_consists_of_few_objects(bench: Bench) -> None:
    count = 500

    async def main() -> float:
        waiting: list[asyncio.Task[Any]] = []

        def start(number: int) -> None:
            events = trigger(run_id=f"r-{number}").run()
            waiting.append(asyncio.ensure_future(anext(events)))

        start(-1)
        await asyncio.sleep(100.0)
        gc.collect()
        before = len(gc.get_objects())
        for number in range(count):
            start(number)
        await asyncio.sleep(100.0)
        gc.collect()
        added = len(gc.get_objects()) - before
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        return added / count

    assert run_virtual(main()) <= MOST
