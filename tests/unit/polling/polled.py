"""Poll runs of a platform in memory, and collect what each waiter receives."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.polling.poller import Poller
from tests.loops import run_virtual
from tests.unit.triggers.fakes import FakePlatform, FakeWatch, connection

if TYPE_CHECKING:
    from airflow_provider_dataops.polling.subscriptions import Subscription


def polled(
    platform: FakePlatform,
    run_ids: list[str],
    seconds: float,
    *,
    watch: FakeWatch = FakeWatch(),  # noqa: B008 - it is never changed
    interval: float = 30.0,
) -> dict[str, list[Any]]:
    """Poll runs for some seconds. Return all answers that each waiter received, with old news."""

    async def main() -> dict[str, list[Any]]:
        poller = Poller(connection(platform), watch.group)
        waiters = [poller.subscribe(replace(watch, run_id=run_id), interval) for run_id in run_ids]
        received: dict[str, list[Any]] = {waiter.watch.key: [] for waiter in waiters}

        async def collect(waiter: Subscription) -> None:
            while True:
                received[waiter.watch.key].append(await waiter.next())
                waiter.wake_at = 0.0

        collecting = [asyncio.ensure_future(collect(waiter)) for waiter in waiters]
        await asyncio.sleep(seconds)
        poller.stop()
        for task in collecting:
            task.cancel()
        return received

    return run_virtual(main())
