from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from airflow_provider_dataops.polling.deadline_timers import STEP, DeadlineTimers
from airflow_provider_dataops.polling.subscriptions import Signal, Subscription
from tests.loops import run_virtual
from tests.unit.triggers.fakes import FakeWatch


def subscription() -> Subscription:
    return Subscription(FakeWatch(), 30.0, began=0.0)


@pytest.mark.parametrize("seconds", [0.0, 0.1, STEP, 60.0, 60.3, 86_400.0])
def test_a_deadline_comes_at_the_end_of_its_step_and_never_early(seconds: float) -> None:
    async def main() -> float:
        timers, one = DeadlineTimers(), subscription()
        timers.set(one, seconds)
        assert await one.next() is Signal.DEADLINE
        return asyncio.get_running_loop().time()

    assert seconds <= run_virtual(main()) < seconds + STEP + 1e-3


def test_thousands_of_deadlines_share_a_few_timers() -> None:
    async def main() -> int:
        timers, loop = DeadlineTimers(), asyncio.get_running_loop()
        before = len(loop._scheduled)  # type: ignore[attr-defined]
        for n in range(3_000):
            timers.set(subscription(), 3_600.0 + n / 3_000)
        return len(loop._scheduled) - before  # type: ignore[attr-defined]

    assert run_virtual(main()) <= 1 / STEP + 1


def test_a_subscription_that_was_removed_gets_no_signal_and_the_others_do() -> None:
    async def main() -> None:
        timers, one, two = DeadlineTimers(), subscription(), subscription()
        for waiter in (one, two):
            timers.set(waiter, 5.0)
        timers.remove(one)
        assert await two.next() is Signal.DEADLINE
        waiting = one.next()
        await asyncio.sleep(60.0)
        assert not waiting.done()
        # Both have no deadline any more.
        timers.remove(one)
        timers.remove(two)

    run_virtual(main())


def test_the_timer_ends_with_its_last_subscription() -> None:
    async def main() -> None:
        timers, one = DeadlineTimers(), subscription()
        timers.set(one, 5.0)
        timers.remove(one)
        await asyncio.sleep(0)
        handles = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        assert all(handle.cancelled() for handle in handles)

    run_virtual(main())


@pytest.mark.parametrize(("first", "second"), [(5.0, 60.0), (60.0, 5.0), (5.0, 5.0), (1.0, 0.0)])
def test_a_new_deadline_replaces_the_earlier_one(first: float, second: float) -> None:
    async def main() -> list[float]:
        timers, one = DeadlineTimers(), subscription()
        timers.set(one, first)
        timers.set(one, second)
        signals: list[float] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(120.0):
                while await one.next() is Signal.DEADLINE:
                    signals.append(asyncio.get_running_loop().time())
        return signals

    assert run_virtual(main()) == [pytest.approx(second, abs=2 * STEP)]


def test_a_deadline_can_be_set_again_after_it_came() -> None:
    async def main() -> float:
        timers, one = DeadlineTimers(), subscription()
        for _ in range(2):
            timers.set(one, 5.0)
            assert await one.next() is Signal.DEADLINE
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(10.0, abs=4 * STEP)
