from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ReplyTooLargeError,
    ServerError,
    TransportError,
    UnroutedError,
)
from airflow_provider_dataops.polling.lanes import PARALLEL
from airflow_provider_dataops.polling.poller import Poller, Subscription, poller_for, release
from tests.loops import run_virtual
from tests.unit.triggers.fakes import WHO, FakePlatform, FakeWatch, connection, outage


def polled(
    platform: FakePlatform,
    run_ids: list[str],
    seconds: float,
    *,
    watch: FakeWatch = FakeWatch(),  # noqa: B008 - nobody changes it
    interval: float = 30.0,
) -> dict[str, list[Any]]:
    """Have runs asked about for some seconds, and return the answers that each waiter was given."""

    async def main() -> dict[str, list[Any]]:
        poller = Poller(connection(platform), watch.group)
        waiters = [poller.subscribe(replace(watch, run_id=run_id), interval) for run_id in run_ids]
        await asyncio.sleep(seconds)
        poller.stop()
        return {waiter.watch.key: drained(waiter) for waiter in waiters}

    return run_virtual(main())


def drained(waiter: Subscription) -> list[Any]:
    told = []
    while not waiter.answers.empty():
        told.append(waiter.answers.get_nowait())
    return told


def test_one_request_an_interval_answers_for_all_runs_of_a_group() -> None:
    platform, runs = FakePlatform(), [f"r-{n}" for n in range(100)]
    answers = polled(platform, runs, 3600.0)
    assert all(asked.sweep and asked.run_ids == frozenset(runs) for asked in platform.asked)
    assert all(len(told) == len(platform.asked) for told in answers.values())
    # 2 s apart until the runs are 20 s old, 30 s apart from their 300th second on, and growing between.
    assert len(platform.asked) == pytest.approx(10 + 28 + 110, abs=6)


def test_the_interval_grows_with_the_age_of_the_run_up_to_its_cap() -> None:
    platform = FakePlatform()
    polled(platform, ["r"], 6 * 3600.0)
    gaps = [round(later - sooner, 6) for sooner, later in pairwise([0.0, *platform.times])]
    assert gaps[0] == pytest.approx(2.0)
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(30.0)
    assert len(gaps) < 800
    # Nobody learns later than after a tenth of the run's age, or two seconds.
    assert all(gap <= max(2.0, 0.1 * at) + 1e-3 for gap, at in zip(gaps, platform.times, strict=True))


def test_a_short_interval_is_kept_short() -> None:
    platform = FakePlatform()
    polled(platform, ["r"], 100.0, interval=5.0)
    gaps = [later - sooner for sooner, later in pairwise(platform.times)]
    assert max(gaps) == pytest.approx(5.0)


def test_a_newcomer_is_asked_about_at_once_though_the_others_are_old() -> None:
    platform = FakePlatform()

    async def main() -> None:
        poller = Poller(connection(platform), "group")
        poller.subscribe(FakeWatch(run_id="old"), 60.0)
        await asyncio.sleep(1_000.0)
        del platform.asked[:]
        poller.subscribe(FakeWatch(run_id="new"), 60.0)
        await asyncio.sleep(3.0)
        poller.stop()

    run_virtual(main())
    assert platform.times[0] == pytest.approx(1_002.0)
    assert platform.asked[0].run_ids == {"old", "new"}


def test_runs_that_no_sweep_tells_of_are_looked_at_a_bounded_number_at_a_time() -> None:
    platform, runs = FakePlatform(takes=0.05), [f"r-{n}" for n in range(50)]
    answers = polled(platform, runs, 3.0, watch=FakeWatch(sweeps=False))
    assert platform.most_at_once == PARALLEL
    assert sorted(run_id for asked in platform.asked for run_id in asked.run_ids) == sorted(runs)
    assert all([a.run_id for a in told] == [run_id] for run_id, told in answers.items())


def test_a_run_that_left_the_list_is_looked_at() -> None:
    platform = FakePlatform(states={"ended": RunState.SUCCEEDED})

    class OpenOnes(FakeWatch):
        def sweep(self, api: Any, keys: frozenset[str]) -> Any:
            return (yield True, keys - {"ended"})

    answers = polled(platform, ["ended", "open"], 2.5, watch=OpenOnes())
    assert [(asked.sweep, sorted(asked.run_ids)) for asked in platform.asked] == [
        (True, ["open"]),
        (False, ["ended"]),
    ]
    assert [a.state for a in answers["ended"]] == [RunState.SUCCEEDED]
    assert [a.state for a in answers["open"]] == [RunState.RUNNING]


def test_the_failure_of_one_run_is_not_another_ones() -> None:
    platform = FakePlatform(
        failing=lambda asked: NotFoundError("gone", status=404) if "bad" in asked.run_ids else None
    )
    answers = polled(platform, ["bad", "good"], 10.5, watch=FakeWatch(sweeps=False))
    assert {type(a) for a in answers["bad"]} == {NotFoundError}
    assert {type(a) for a in answers["good"]} == {RunSnapshot}
    assert len(answers["good"]) == 5


def test_a_failure_is_told_to_everybody_and_asking_slows_down_until_the_platform_is_back() -> None:
    platform = FakePlatform(failing=outage(until=40.0))
    answers = polled(platform, ["a", "b"], 120.0)
    failed = [asked.at for asked in platform.asked if asked.at < 40.0]
    gaps = [later - sooner for sooner, later in pairwise(failed)]
    assert min(gaps) >= 1.0
    assert gaps == sorted(gaps)
    assert 3 <= len(failed) <= 8
    assert [type(a) for a in answers["a"]][: len(failed)] == [ServerError] * len(failed)
    # Noticed before long when it is back, although nobody had asked for that.
    assert min(at for at in platform.times if at >= 40.0) < 40.0 + 2 * max(gaps)
    assert isinstance(answers["b"][-1], RunSnapshot)


def test_the_server_is_left_alone_for_as_long_as_it_asked() -> None:
    platform = FakePlatform(failing=outage(until=10.0, retry_after=7.0))
    polled(platform, ["a", "b"], 60.0)
    first = platform.times[0]
    assert platform.times[1] - first >= 7.0
    assert platform.times[1] - first < 9.0


def test_newcomers_do_not_break_the_pause_that_the_server_asked_for() -> None:
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


def test_the_pause_holds_for_all_groups_of_the_connection() -> None:
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
    assert platform.times[0] == pytest.approx(2.0)
    assert platform.times[1] >= 9.0


def test_the_poller_belongs_to_nobodys_context() -> None:
    platform = FakePlatform()

    async def main() -> None:
        WHO.set("the task that came first")
        poller = Poller(connection(platform), "group")
        poller.subscribe(FakeWatch(run_id="r"), 30.0)
        await asyncio.sleep(5.0)
        poller.stop()

    run_virtual(main())
    assert {asked.who for asked in platform.asked} == {"nobody"}


def test_the_last_one_who_leaves_ends_it() -> None:
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
        release(shared, poller)
        await asyncio.sleep(3.0)
        assert platform.asked[-1].run_ids == {"two"}
        poller.leave(two)
        release(shared, poller)
        await asyncio.sleep(0)
        asked = len(platform.asked)
        await asyncio.sleep(600.0)
        assert len(platform.asked) == asked
        assert watch.group not in shared.pollers
        assert not [task for task in asyncio.all_tasks() if "poller" in task.get_name()]

    run_virtual(main())


def test_a_poller_that_dies_wakes_everybody_and_can_be_started_again() -> None:
    platform = FakePlatform(failing=lambda asked: RuntimeError("a bug") if asked.at < 3.0 else None)

    async def main() -> None:
        poller = Poller(connection(platform), "group")
        one, two = (
            poller.subscribe(FakeWatch(run_id="one"), 30.0),
            poller.subscribe(FakeWatch(run_id="two"), 30.0),
        )
        assert await one.answers.get() is None
        assert await two.answers.get() is None
        for waiter in (one, two):
            poller.leave(waiter)
        again = [poller.subscribe(FakeWatch(run_id=run_id), 30.0) for run_id in ("one", "two")]
        assert [type(await waiter.answers.get()) for waiter in again] == [RunSnapshot, RunSnapshot]
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


def test_a_failure_that_is_no_passing_one_is_told_as_it_is() -> None:
    platform = FakePlatform(failing=lambda _: NotFoundError("no such pipeline", status=404))
    [answer] = polled(platform, ["r"], 2.5)["r"]
    assert isinstance(answer, ApiError)
    assert answer.status == 404


class OnlyListed(FakeWatch):
    looks_singly = False


def list_fails(error: ApiError) -> FakePlatform:
    return FakePlatform(failing=lambda asked: error if asked.sweep else None)


@pytest.mark.parametrize(
    "error",
    [
        MalformedReplyError("the answer is not JSON", status=200),
        ReplyTooLargeError("too large", status=200),
        BadRequestError("HTTP 400", status=400),
        PermissionDeniedError("HTTP 403", status=403),
        NotFoundError("HTTP 404", status=404),
    ],
    ids=str,
)
class TestAListThatCannotBeUsed:
    def test_is_replaced_by_single_looks(self, error: ApiError) -> None:
        platform = list_fails(error)
        answers = polled(platform, ["a", "b"], 100.0)
        assert {type(a) for told in answers.values() for a in told} == {RunSnapshot}
        assert all(len(told) > 10 for told in answers.values())
        # The list is tried again once a minute, not before each look.
        assert len([asked for asked in platform.asked if asked.sweep]) == 2

    def test_is_a_failure_for_all_where_the_platform_has_nothing_else(self, error: ApiError) -> None:
        answers = polled(list_fails(error), ["a", "b"], 100.0, watch=OnlyListed())
        assert {type(a) for told in answers.values() for a in told} == {type(error)}


@pytest.mark.parametrize(
    "error",
    [
        ServerError("HTTP 503", status=503),
        ServerError("HTTP 408", status=408),
        RateLimitedError("HTTP 429", status=429),
        AuthenticationError("HTTP 401", status=401),
        TransportError("no answer in time"),
        UnroutedError("HTTP 404", status=404),
        ApiError("HTTP 302", status=302),
    ],
    ids=str,
)
def test_an_outage_of_the_list_is_not_multiplied_into_single_looks(error: ApiError) -> None:
    platform = list_fails(error)
    answers = polled(platform, ["a", "b"], 30.0)
    assert all(asked.sweep for asked in platform.asked)
    assert {type(a) for told in answers.values() for a in told} == {type(error)}


def test_a_list_that_can_be_used_again_is() -> None:
    platform = FakePlatform(
        failing=lambda asked: BadRequestError("no", status=400) if asked.sweep and asked.at < 50.0 else None
    )
    polled(platform, ["a", "b"], 150.0)
    assert {asked.sweep for asked in platform.asked if asked.at > 70.0} == {True}


def test_an_error_in_a_list_is_a_failed_look_for_that_run_alone() -> None:
    class OneUnreadable(OnlyListed):
        def sweep(self, api: Any, keys: frozenset[str]) -> Any:
            found = yield True, keys
            return {**found, "bad": MalformedReplyError("an entry of the list cannot be read", status=200)}

    answers = polled(FakePlatform(), ["bad", "good"], 10.5, watch=OneUnreadable())
    assert {type(a) for a in answers["bad"]} == {MalformedReplyError}
    assert {type(a) for a in answers["good"]} == {RunSnapshot}


class HangingPlatform(FakePlatform):
    """Answers at once, but never about some runs before the request times out."""

    def __init__(self, hung: set[str]) -> None:
        super().__init__()
        self.hung = hung

    async def answer(self, sweep: bool, run_ids: frozenset[str]) -> dict[str, RunSnapshot]:
        answer = await super().answer(sweep, run_ids)
        if run_ids & self.hung:
            await asyncio.sleep(30.0)
            raise TransportError("no answer in time")
        return answer


def test_a_hung_request_delays_nobody_else() -> None:
    runs = [f"r-{n}" for n in range(20)]
    platform = HangingPlatform({"r-0"})
    answers = polled(platform, runs, 60.0, watch=FakeWatch(sweeps=False), interval=5.0)
    hung = answers.pop("r-0")
    assert [type(a) for a in hung] == [TransportError]
    # As often as without it: 10 times in the first 20 s, then every 5 s at the most.
    assert min(len(told) for told in answers.values()) >= 18


@pytest.mark.parametrize("locks_out", [False, True])
def test_many_hung_requests_of_one_group_delay_another_group_by_seconds(locks_out: bool) -> None:
    platform = HangingPlatform({f"a-{n}" for n in range(40)})

    async def main() -> float:
        shared = connection(platform, locks_out=locks_out)
        hung, healthy = (poller_for(shared, FakeWatch(group=name, sweeps=False)) for name in ("a", "b"))
        for n in range(40):
            hung.subscribe(FakeWatch(run_id=f"a-{n}", group="a", sweeps=False), 30.0)
        await asyncio.sleep(3.0)
        began = asyncio.get_running_loop().time()
        waiter = healthy.subscribe(FakeWatch(run_id="b-1", group="b", sweeps=False), 30.0)
        assert isinstance(await waiter.answers.get(), RunSnapshot)
        hung.stop()
        healthy.stop()
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) < 5.0
