from __future__ import annotations

import asyncio
import re
from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    ApiError,
    NotFoundError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.polling.lanes import MOST_IF_LOCKING
from airflow_provider_dataops.polling.poller import Poller, poller_for
from airflow_provider_dataops.polling.subscriptions import Signal, Subscription
from tests.loops import LoopClock, run_virtual
from tests.unit.polling.polled import polled
from tests.unit.triggers.fakes import WHO, FakePlatform, FakeWatch, SingleWatch, connection, outage


def drained(waiter: Subscription) -> list[Any]:
    return list(waiter._answers)


def test_one_request_per_interval_covers_all_runs_of_a_group() -> None:
    platform, runs = FakePlatform(), [f"r-{n}" for n in range(100)]
    answers = polled(platform, runs, 3600.0)
    assert all(request.sweep and request.run_ids == frozenset(runs) for request in platform.requests)
    assert all(len(received) == len(platform.requests) for received in answers.values())
    # 1.7 s apart until the runs are 12 s old, 30 s apart from their 214th second on, and growing between.
    assert len(platform.requests) == pytest.approx(8 + 22 + 113, abs=6)


def test_the_interval_grows_with_the_age_of_the_run_up_to_its_limit() -> None:
    platform = FakePlatform()
    polled(platform, ["r"], 6 * 3600.0)
    gaps = [round(later - sooner, 6) for sooner, later in pairwise(platform.times)]
    assert gaps[0] == pytest.approx(1.7)
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(30.0)
    # A gap is at most 14 % of the run's age, or 1.7 s.
    assert all(gap <= max(1.7, 0.14 * at) + 1e-3 for gap, at in zip(gaps, platform.times[1:], strict=True))


@pytest.mark.parametrize("poll_interval", [10.0, 60.0, 600.0, 3600.0])
def test_a_run_of_hours_costs_few_polls_more_than_its_age_divided_by_the_interval(
    poll_interval: float,
) -> None:
    platform, age = FakePlatform(), 6 * 3600.0
    polled(platform, ["r"], age, interval=poll_interval)
    assert len(platform.requests) <= age / poll_interval + 60


def test_the_end_of_a_short_run_is_seen_within_two_seconds() -> None:
    platform = FakePlatform()
    polled(platform, ["r"], 15.0, interval=60.0)
    # A run of 10 s ends just after a poll. The longest interval is 5 % longer than this gap, at random.
    gap = max(later - sooner for sooner, later in pairwise(platform.times) if sooner <= 10.0)
    assert 1.05 * gap < 1.9


def test_a_short_interval_is_not_exceeded() -> None:
    platform = FakePlatform()
    polled(platform, ["r"], 100.0, interval=5.0)
    gaps = [later - sooner for sooner, later in pairwise(platform.times)]
    assert max(gaps) == pytest.approx(5.0)


def test_a_new_run_is_polled_at_once_among_old_runs() -> None:
    platform = FakePlatform()

    async def main() -> None:
        poller = Poller(connection(platform), "group")
        poller.subscribe(FakeWatch(run_id="old"), 60.0)
        await asyncio.sleep(1_000.0)
        del platform.requests[:]
        poller.subscribe(FakeWatch(run_id="new"), 60.0)
        await asyncio.sleep(2.0)
        poller.stop()

    run_virtual(main())
    assert platform.times[0] < 1_001.0
    assert platform.requests[0].run_ids == {"old", "new"}


def test_runs_without_a_list_are_requested_singly_with_a_limit_in_parallel() -> None:
    platform, runs = FakePlatform(takes=0.05), [f"r-{n}" for n in range(50)]
    answers = polled(platform, runs, 2.0, watch=SingleWatch())
    assert platform.most_at_once == Options.max_concurrent_requests
    assert sorted(run_id for request in platform.requests for run_id in request.run_ids) == sorted(runs)
    assert all([a.run_id for a in received] == [run_id] for run_id, received in answers.items())


class Chances(LoopClock):
    """A clock with real random numbers, which are the same in each run of the test."""

    def __init__(self) -> None:
        self.random = Random(1).random  # type: ignore[method-assign]  # noqa: S311


def waits_of_one_account(platform: FakePlatform, count: int, seconds: float, **settings: Any) -> None:
    async def main() -> None:
        shared = connection(platform, **settings)
        shared.driver.clock = Chances()
        poller = Poller(shared, "group")
        for n in range(count):
            poller.subscribe(SingleWatch(run_id=f"r-{n}"), 5.0)
        await asyncio.sleep(seconds)
        poller.stop()

    run_virtual(main())


def test_thousands_of_runs_are_each_requested_once_an_interval_and_never_in_bursts() -> None:
    platform = FakePlatform(takes=0.05)
    waits_of_one_account(platform, 3_000, 20.0)
    last = dict.fromkeys((f"r-{n}" for n in range(3_000)), 0.0)
    gaps = []
    for request in platform.requests:
        (run_id,) = request.run_ids
        gaps.append(request.at - last[run_id])
        last[run_id] = request.at
    gaps += [20.0 - at for at in last.values()]
    assert max(gaps) < 5.0 * 1.05 + 0.2
    assert platform.most_at_once <= 32
    # 600 requests a second on average.
    seconds = Counter(int(at) for at in platform.times)
    assert max(seconds.values()) < 750


def test_young_runs_that_are_requested_singly_share_a_limited_number_of_requests() -> None:
    platform = FakePlatform()
    waits_of_one_account(platform, 400, 16.0)
    # 400 runs every 4 s, and not every 1.7 s.
    assert len(platform.requests) == pytest.approx(16 * 100, rel=0.1)


def test_a_list_of_very_many_young_runs_is_still_read_often() -> None:
    """Otherwise one list would contain the ends of so many runs that the last ones come seconds late."""
    platform = FakePlatform()

    async def main() -> None:
        poller = Poller(connection(platform), "group")
        for n in range(4_000):
            poller.subscribe(FakeWatch(run_id=f"r-{n}"), 5.0)
        await asyncio.sleep(18.0)
        poller.stop()

    run_virtual(main())
    assert len(platform.requests) == pytest.approx(18 / 2.5, abs=2)


def test_runs_that_share_few_requests_are_requested_in_turn_and_the_delay_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    platform = FakePlatform(takes=0.05)
    waits_of_one_account(platform, 3_000, 180.0, locks_out=True)
    assert platform.most_at_once == MOST_IF_LOCKING - 1
    counts = Counter(run_id for request in platform.requests for run_id in request.run_ids)
    assert len(counts) == 3_000
    assert max(counts.values()) - min(counts.values()) <= 1
    lines = [line for line in caplog.messages if "late" in line]
    assert len(lines) == 1
    assert re.fullmatch(
        r"The requests for the runs of group are (4\d|5\d) s late, "
        r"because 3000 runs share 4 requests at a time",
        lines[0],
    )


def test_a_result_is_passed_on_only_if_it_is_news_or_the_trigger_wants_it() -> None:
    platform = FakePlatform()

    async def main() -> list[tuple[float, RunState]]:
        poller = Poller(connection(platform), "group")
        waiter = poller.subscribe(FakeWatch(), 5.0)
        received = []
        async with asyncio.timeout(300.0):
            for change in (None, RunState.SUCCEEDED):
                if change:
                    platform.states["r"] = change
                for _ in range(2 if change is None else 1):
                    answer = await waiter.next()
                    assert isinstance(answer, RunSnapshot)
                    received.append((asyncio.get_running_loop().time(), answer.state))
                    waiter.wake_at = 100.0
        poller.stop()
        return received

    (first, _), (repeated, _), (ended, state) = run_virtual(main())
    assert first < 2.0
    assert 100.0 <= repeated < 106.0
    assert ended - repeated < 6.0
    assert state is RunState.SUCCEEDED


def test_each_failure_and_the_first_result_after_it_are_passed_on() -> None:
    platform = FakePlatform(failing=outage(until=30.0))

    async def main() -> list[type]:
        poller = Poller(connection(platform), "group")
        waiter = poller.subscribe(FakeWatch(), 5.0)
        await asyncio.sleep(100.0)
        poller.stop()
        return [type(answer) for answer in drained(waiter)]

    *failures, last = run_virtual(main())
    assert failures == [ServerError] * len([at for at in platform.times if at < 30.0])
    assert last is RunSnapshot


def test_an_error_for_one_run_does_not_affect_another_run() -> None:
    platform = FakePlatform(
        failing=lambda request: NotFoundError("gone", status=404) if "bad" in request.run_ids else None
    )
    answers = polled(platform, ["bad", "good"], 10.0, watch=SingleWatch())
    assert {type(a) for a in answers["bad"]} == {NotFoundError}
    assert {type(a) for a in answers["good"]} == {RunSnapshot}
    assert len(answers["good"]) == 6


def test_all_waiters_get_an_error_and_requests_slow_down_during_an_outage() -> None:
    platform = FakePlatform(failing=outage(until=40.0))
    answers = polled(platform, ["a", "b"], 120.0)
    failed = [request.at for request in platform.requests if request.at < 40.0]
    gaps = [later - sooner for sooner, later in pairwise(failed)]
    assert min(gaps) >= 1.0
    assert gaps == sorted(gaps)
    assert 3 <= len(failed) <= 8
    assert [type(a) for a in answers["a"]][: len(failed)] == [ServerError] * len(failed)
    # The poller notices soon that the platform is available again.
    assert min(at for at in platform.times if at >= 40.0) < 40.0 + 2 * max(gaps)
    assert isinstance(answers["b"][-1], RunSnapshot)


def test_no_request_is_sent_before_retry_after_has_passed() -> None:
    platform = FakePlatform(failing=outage(until=10.0, retry_after=7.0))
    polled(platform, ["a", "b"], 60.0)
    first = platform.times[0]
    assert platform.times[1] - first >= 7.0
    assert platform.times[1] - first < 9.0


def test_new_runs_do_not_shorten_the_pause_of_retry_after() -> None:
    platform = FakePlatform(failing=outage(until=3.0, retry_after=7.0))

    async def main() -> None:
        poller = Poller(connection(platform), "group")
        poller.subscribe(FakeWatch(run_id="first"), 30.0)
        for n in range(8):
            await asyncio.sleep(1.0)
            poller.subscribe(FakeWatch(run_id=f"later-{n}"), 30.0)
        await asyncio.sleep(3.0)
        poller.stop()

    run_virtual(main())
    assert platform.times[1] - platform.times[0] >= 7.0


def test_retry_after_applies_to_all_groups_of_the_connection() -> None:
    platform = FakePlatform(failing=outage(until=2.5, retry_after=7.0))

    async def main() -> None:
        shared = connection(platform)
        pollers = [Poller(shared, name) for name in ("one", "two")]
        pollers[0].subscribe(FakeWatch(run_id="a"), 30.0)
        await asyncio.sleep(1.0)
        pollers[1].subscribe(FakeWatch(run_id="b"), 30.0)
        await asyncio.sleep(20.0)
        for poller in pollers:
            poller.stop()

    run_virtual(main())
    assert platform.times[0] < 2.0
    assert platform.times[1] - platform.times[0] >= 7.0


def test_the_poller_runs_in_an_empty_context() -> None:
    platform = FakePlatform()

    async def main() -> None:
        WHO.set("the task that came first")
        poller = Poller(connection(platform), "group")
        poller.subscribe(FakeWatch(run_id="r"), 30.0)
        await asyncio.sleep(5.0)
        poller.stop()

    run_virtual(main())
    assert {request.who for request in platform.requests} == {"nobody"}


def test_the_poller_ends_with_its_last_waiter() -> None:
    platform = FakePlatform()

    async def main() -> None:
        shared, watch = connection(platform), FakeWatch()
        poller = poller_for(shared, watch)
        assert poller_for(shared, FakeWatch()) is poller
        assert poller_for(shared, FakeWatch(group="other")) is not poller
        one, two = (
            poller.subscribe(FakeWatch(run_id="one"), 30.0),
            poller.subscribe(FakeWatch(run_id="two"), 30.0),
        )
        await asyncio.sleep(3.0)
        poller.leave(one)
        await asyncio.sleep(3.0)
        assert platform.requests[-1].run_ids == {"two"}
        poller.leave(two)
        await asyncio.sleep(0)
        count = len(platform.requests)
        await asyncio.sleep(600.0)
        assert len(platform.requests) == count
        assert watch.group not in shared.pollers
        assert not [task for task in asyncio.all_tasks() if "poller" in task.get_name()]

    run_virtual(main())


def test_a_poller_that_dies_wakes_all_waiters_and_can_be_restarted() -> None:
    platform = FakePlatform(failing=lambda request: RuntimeError("a bug") if request.at < 1.0 else None)

    async def main() -> None:
        poller = Poller(connection(platform), "group")
        one, two = (
            poller.subscribe(FakeWatch(run_id="one"), 30.0),
            poller.subscribe(FakeWatch(run_id="two"), 30.0),
        )
        assert await one.next() is Signal.POLLING_FAILED
        assert await two.next() is Signal.POLLING_FAILED
        for waiter in (one, two):
            poller.leave(waiter)
        again = [poller.subscribe(FakeWatch(run_id=run_id), 30.0) for run_id in ("one", "two")]
        assert [type(await waiter.next()) for waiter in again] == [RunSnapshot, RunSnapshot]
        poller.stop()

    run_virtual(main())


def test_stopping_a_dead_poller_is_harmless() -> None:
    platform = FakePlatform(failing=lambda _: RuntimeError("a bug"))

    async def main() -> None:
        poller = Poller(connection(platform), "group")
        poller.subscribe(FakeWatch(run_id="one"), 30.0)
        await asyncio.sleep(5.0)
        poller.stop()
        poller.stop()

    run_virtual(main())


def test_waiters_get_a_permanent_error_unchanged() -> None:
    platform = FakePlatform(failing=lambda _: NotFoundError("no such pipeline", status=404))
    [answer] = polled(platform, ["r"], 2.5)["r"]
    assert isinstance(answer, ApiError)
    assert answer.status == 404


class HangingPlatform(FakePlatform):
    """Responds at once, but lets each request for some runs time out."""

    def __init__(self, hung: set[str]) -> None:
        super().__init__()
        self.hung = hung

    async def answer(self, sweep: bool, run_ids: frozenset[str]) -> dict[str, RunSnapshot]:
        answer = await super().answer(sweep, run_ids)
        if run_ids & self.hung:
            await asyncio.sleep(30.0)
            raise TransportError("no answer in time")
        return answer


def test_a_hanging_request_does_not_delay_other_runs() -> None:
    runs = [f"r-{n}" for n in range(20)]
    platform = HangingPlatform({"r-0"})
    answers = polled(platform, runs, 60.0, watch=SingleWatch(), interval=5.0)
    hung = answers.pop("r-0")
    assert [type(a) for a in hung] == [TransportError]
    # As often as without the hanging request: 7 times in the first 12 s, then every 5 s at the most.
    assert min(len(received) for received in answers.values()) >= 17


@pytest.mark.parametrize("locks_out", [False, True])
def test_many_hanging_requests_of_one_group_delay_another_group_only_by_seconds(locks_out: bool) -> None:
    platform = HangingPlatform({f"a-{n}" for n in range(40)})

    async def main() -> float:
        shared = connection(platform, locks_out=locks_out)
        hung, healthy = (poller_for(shared, SingleWatch(group=name)) for name in ("a", "b"))
        for n in range(40):
            hung.subscribe(SingleWatch(run_id=f"a-{n}", group="a"), 30.0)
        await asyncio.sleep(3.0)
        began = asyncio.get_running_loop().time()
        waiter = healthy.subscribe(SingleWatch(run_id="b-1", group="b"), 30.0)
        assert isinstance(await waiter.next(), RunSnapshot)
        hung.stop()
        healthy.stop()
        return asyncio.get_running_loop().time() - began

    # New credentials that could lock the account are sent by one request at a time.
    assert run_virtual(main()) < (10.0 if locks_out else 5.0)


def test_a_request_that_is_cancelled_before_its_first_step_frees_its_lane() -> None:
    async def main() -> tuple[int, dict[Any, int]]:
        shared = connection(FakePlatform(takes=1.0), locks_out=True)
        poller = poller_for(shared, SingleWatch())
        waiter = poller.subscribe(SingleWatch(), 30.0)
        begin = poller._next_request

        def begin_and_leave(lane: Any, now: float) -> Any:
            loop = asyncio.get_running_loop()
            loop.call_soon(poller.leave, waiter)
            return begin(lane, now)

        poller._next_request = begin_and_leave  # type: ignore[method-assign]
        await asyncio.sleep(10.0)
        return shared._lanes._used, dict(shared._lanes._under_way)

    assert run_virtual(main()) == (0, {})
