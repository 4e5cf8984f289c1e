"""The queue of the results that a trigger has not read yet."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.polling.subscriptions import Signal, Subscription
from tests.loops import run_virtual
from tests.unit.triggers.fakes import FakeWatch

RUNNING = RunSnapshot(run_id="r", state=RunState.RUNNING, raw_state="Running")


@pytest.fixture
def waiter() -> Subscription:
    return Subscription(FakeWatch(), 30.0, began=0.0)


def test_results_are_read_in_their_order_whether_the_trigger_waits_or_not(waiter: Subscription) -> None:
    async def main() -> list[object]:
        waiting = asyncio.ensure_future(waiter.next())
        await asyncio.sleep(0)
        # The trigger has not continued yet when the next results come.
        waiter.put(RUNNING)
        waiter.put(Signal.SETTINGS_CHANGED)
        waiter.put(Signal.DEADLINE)
        return [await waiting, await waiter.next(), await waiter.next()]

    assert run_virtual(main()) == [RUNNING, Signal.SETTINGS_CHANGED, Signal.DEADLINE]


def test_a_result_for_a_trigger_that_was_cancelled_is_no_error(waiter: Subscription) -> None:
    async def main() -> None:
        waiter.next().cancel()
        waiter.put(RUNNING)

    run_virtual(main())


class TestAResult:
    def test_that_the_trigger_knows_does_not_wake_it_before_it_asked_for_that(
        self, waiter: Subscription
    ) -> None:
        assert waiter.deliver(RUNNING, 1.0)
        assert not waiter.deliver(RUNNING, 2.0)
        waiter.wake_at = 60.0
        assert [waiter.deliver(RUNNING, at) for at in (59.0, 60.0)] == [False, True]

    @pytest.mark.parametrize(
        "news",
        [
            RunSnapshot(run_id="r", state=RunState.RUNNING, raw_state="Stopping"),
            RunSnapshot(run_id="r", state=RunState.UNKNOWN, raw_state="Running"),
            RunSnapshot(run_id="r", state=RunState.ABSENT, raw_state="Running"),
            ServerError("HTTP 503", status=503),
        ],
    )
    def test_that_is_news_wakes_the_trigger(
        self, waiter: Subscription, news: RunSnapshot | ServerError
    ) -> None:
        waiter.deliver(RUNNING, 1.0)
        assert waiter.deliver(news, 2.0)
        assert waiter.deliver(RUNNING, 3.0)

    @pytest.mark.parametrize(
        "repeated", [RunSnapshot.absent("r"), ServerError("HTTP 503", status=503)], ids=["absent", "failed"]
    )
    def test_that_the_trigger_counts_wakes_it_each_time(
        self, waiter: Subscription, repeated: RunSnapshot | ServerError
    ) -> None:
        assert [waiter.deliver(repeated, at) for at in (1.0, 2.0)] == [True, True]
