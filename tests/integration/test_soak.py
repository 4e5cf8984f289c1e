"""Ten thousand polls leave no objects, sockets or asyncio tasks behind. `make bench-soak` sends more."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest

from airflow_provider_dataops.polling import connections
from tests.loops import run

if TYPE_CHECKING:
    from tests.integration.bench.quantemplate import QuantemplateBench
    from tests.integration.bench.toucan import ToucanBench

pytestmark = pytest.mark.usefixtures("quick")

WAITS = 40
WARM_UP, POLLS = 1_000, int(os.environ.get("DATAOPS_SOAK_POLLS", "10000"))


class Usage(NamedTuple):
    """What this process uses."""

    objects: int
    files: int
    tasks: int


def usage() -> Usage:
    gc.collect()
    return Usage(len(gc.get_objects()), psutil.Process().num_fds(), len(asyncio.all_tasks()))


def test_thousands_of_polls_leave_nothing_behind(
    toucan: ToucanBench, quantemplate: QuantemplateBench
) -> None:
    """Toucan's operations are read one by one, and Quantemplate's executions from a list."""
    journal = toucan.sandbox.journal
    toucan.connections.set("toucan", toucan.sandbox.connection("toucan"), auth_type="login")
    runs = [(bench, bench.start()) for bench in (toucan, quantemplate) for _ in range(WAITS)]
    polls = 0

    async def polled(count: int) -> None:
        """Wait for this many requests for a state. Remove them from the journal of the sandbox."""
        nonlocal polls
        target = polls + count
        while polls < target:
            await asyncio.sleep(0.2)
            polls += journal.count("toucan") + journal.count("quantemplate")
            journal.clear()

    async def main() -> tuple[Usage, Usage, int]:
        waiting = [
            asyncio.ensure_future(
                bench.event_of(bench.trigger(run_id, poll_interval=0.05, deadline=time.time() + 3_600.0))
            )
            for bench, run_id in runs
        ]
        await polled(WARM_UP)
        before = usage()
        await polled(POLLS)
        after = usage()
        for bench, run_id in runs:
            bench.finish(run_id)
        events: list[Any] = await asyncio.gather(*waiting)
        assert {event.ending for event in events} == {"finished"}
        left = sum(len(one.pollers) + one.users + one.waits for one in connections._connections.values())
        return before, after, left

    before, after, left = run(main())
    print(f"{POLLS:,} polls: {before}, then {after}")  # noqa: T201 - make bench-soak shows it
    # Requests under way have a few objects each, and their number varies.
    assert after.objects - before.objects < 3_000, (before, after)
    # There are at most 32 connections of Toucan and one of Quantemplate. How many are open varies with the
    # load of the machine. The sandbox runs in this process, so each of them has two files.
    assert after.files - before.files <= 2 * 33, (before, after)
    assert after.tasks - before.tasks <= 40, (before, after)
    assert left == 0
