from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.options import Options
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
from airflow_provider_dataops.polling.poller import Poller, Subscription, poller_for, release
from tests.loops import run_virtual
from tests.unit.triggers.fakes import WHO, FakePlatform, FakeWatch, SingleWatch, connection, outage

if TYPE_CHECKING:
    from collections.abc import Mapping


def polled(
    platform: FakePlatform,
    run_ids: list[str],
    seconds: float,
    *,
    watch: FakeWatch = FakeWatch(),  # noqa: B008 - it is never changed
    interval: float = 30.0,
) -> dict[str, list[Any]]:
    """Poll runs for some seconds, and return the answers that each waiter received."""

    async def main() -> dict[str, list[Any]]:
        poller = Poller(connection(platform), watch.group)
        waiters = [poller.subscribe(replace(watch, run_id=run_id), interval) for run_id in run_ids]
        await asyncio.sleep(seconds)
        poller.stop()
        return {waiter.watch.key: drained(waiter) for waiter in waiters}

    return run_virtual(main())


def drained(waiter: Subscription) -> list[Any]:
    received = []
    while not waiter.answers.empty():
        received.append(waiter.answers.get_nowait())
    return received


def test_one_request_per_interval_covers_all_runs_of_a_group() -> None:
    platform, runs = FakePlatform(), [f"r-{n}" for n in range(100)]
    answers = polled(platform, runs, 3600.0)
    assert all(request.sweep and request.run_ids == frozenset(runs) for request in platform.requests)
    assert all(len(received) == len(platform.requests) for received in answers.values())
    # 2 s apart until the runs are 20 s old, 30 s apart from their 300th second on, and growing between.
    assert len(platform.requests) == pytest.approx(10 + 28 + 110, abs=6)


def test_the_interval_grows_with_the_age_of_the_run_up_to_its_limit() -> None:
    platform = FakePlatform()
    polled(platform, ["r"], 6 * 3600.0)
    gaps = [round(later - sooner, 6) for sooner, later in pairwise([0.0, *platform.times])]
    assert gaps[0] == pytest.approx(2.0)
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(30.0)
    assert len(gaps) < 800
    # A gap is at most a tenth of the run's age, or two seconds.
    assert all(gap <= max(2.0, 0.1 * at) + 1e-3 for gap, at in zip(gaps, platform.times, strict=True))


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
        await asyncio.sleep(3.0)
        poller.stop()

    run_virtual(main())
    assert platform.times[0] == pytest.approx(1_002.0)
    assert platform.requests[0].run_ids == {"old", "new"}


def test_runs_without_a_list_are_requested_singly_with_a_limit_in_parallel() -> None:
    platform, runs = FakePlatform(takes=0.05), [f"r-{n}" for n in range(50)]
    answers = polled(platform, runs, 3.0, watch=SingleWatch())
    assert platform.most_at_once == Options.max_concurrent_requests
    assert sorted(run_id for request in platform.requests for run_id in request.run_ids) == sorted(runs)
    assert all([a.run_id for a in received] == [run_id] for run_id, received in answers.items())


def test_a_run_that_left_the_list_is_requested_singly() -> None:
    platform = FakePlatform(states={"ended": RunState.SUCCEEDED})

    class OpenOnes(FakeWatch):
        def sweep(self, api: Any, watches: Mapping[str, Any]) -> Any:
            return (yield True, frozenset(watches) - {"ended"})

    answers = polled(platform, ["ended", "open"], 2.5, watch=OpenOnes())
    assert [(request.sweep, sorted(request.run_ids)) for request in platform.requests] == [
        (True, ["open"]),
        (False, ["ended"]),
    ]
    assert [a.state for a in answers["ended"]] == [RunState.SUCCEEDED]
    assert [a.state for a in answers["open"]] == [RunState.RUNNING]


def test_an_error_for_one_run_does_not_affect_another_run() -> None:
    platform = FakePlatform(
        failing=lambda request: NotFoundError("gone", status=404) if "bad" in request.run_ids else None
    )
    answers = polled(platform, ["bad", "good"], 10.5, watch=SingleWatch())
    assert {type(a) for a in answers["bad"]} == {NotFoundError}
    assert {type(a) for a in answers["good"]} == {RunSnapshot}
    assert len(answers["good"]) == 5


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
    assert platform.times[0] == pytest.approx(2.0)
    assert platform.times[1] >= 9.0


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
        release(shared, poller)
        await asyncio.sleep(3.0)
        assert platform.requests[-1].run_ids == {"two"}
        poller.leave(two)
        release(shared, poller)
        await asyncio.sleep(0)
        count = len(platform.requests)
        await asyncio.sleep(600.0)
        assert len(platform.requests) == count
        assert watch.group not in shared.pollers
        assert not [task for task in asyncio.all_tasks() if "poller" in task.get_name()]

    run_virtual(main())


def test_a_poller_that_dies_wakes_all_waiters_and_can_be_restarted() -> None:
    platform = FakePlatform(failing=lambda request: RuntimeError("a bug") if request.at < 3.0 else None)

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


def test_waiters_get_a_permanent_error_unchanged() -> None:
    platform = FakePlatform(failing=lambda _: NotFoundError("no such pipeline", status=404))
    [answer] = polled(platform, ["r"], 2.5)["r"]
    assert isinstance(answer, ApiError)
    assert answer.status == 404


class OnlyListed(FakeWatch):
    looks_singly = False


def list_fails(error: ApiError) -> FakePlatform:
    return FakePlatform(failing=lambda request: error if request.sweep else None)


@pytest.mark.parametrize(
    "error",
    [
        MalformedReplyError("the answer is not JSON", status=200),
        ReplyTooLargeError("too large", status=200),
        BadRequestError("HTTP 400", status=400),
        PermissionDeniedError("HTTP 403", status=403),
        NotFoundError("HTTP 404", status=404),
        NotFoundError("refused with HTTP 200", status=200),
    ],
    ids=str,
)
class TestUnusableList:
    def test_is_replaced_by_single_requests(self, error: ApiError) -> None:
        platform = list_fails(error)
        answers = polled(platform, ["a", "b"], 100.0)
        assert {type(a) for received in answers.values() for a in received} == {RunSnapshot}
        assert all(len(received) > 10 for received in answers.values())
        # The list is tried again once a minute, not before each single request.
        assert len([request for request in platform.requests if request.sweep]) == 2

    def test_is_an_error_for_all_waiters_if_the_platform_has_only_lists(self, error: ApiError) -> None:
        answers = polled(list_fails(error), ["a", "b"], 100.0, watch=OnlyListed())
        assert {type(a) for received in answers.values() for a in received} == {type(error)}


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
def test_an_outage_of_the_list_causes_no_single_requests(error: ApiError) -> None:
    platform = list_fails(error)
    answers = polled(platform, ["a", "b"], 30.0)
    assert all(request.sweep for request in platform.requests)
    assert {type(a) for received in answers.values() for a in received} == {type(error)}


def test_a_list_is_used_again_when_it_is_usable() -> None:
    platform = FakePlatform(
        failing=lambda request: (
            BadRequestError("no", status=400) if request.sweep and request.at < 50.0 else None
        )
    )
    polled(platform, ["a", "b"], 150.0)
    assert {request.sweep for request in platform.requests if request.at > 70.0} == {True}


def test_an_error_in_a_list_affects_only_its_run() -> None:
    class OneUnreadable(OnlyListed):
        def sweep(self, api: Any, watches: Mapping[str, Any]) -> Any:
            found = yield True, frozenset(watches)
            return {**found, "bad": MalformedReplyError("an entry of the list cannot be read", status=200)}

    answers = polled(FakePlatform(), ["bad", "good"], 10.5, watch=OneUnreadable())
    assert {type(a) for a in answers["bad"]} == {MalformedReplyError}
    assert {type(a) for a in answers["good"]} == {RunSnapshot}


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
    # As often as without the hanging request: 10 times in the first 20 s, then every 5 s at the most.
    assert min(len(received) for received in answers.values()) >= 18


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
        assert isinstance(await waiter.answers.get(), RunSnapshot)
        hung.stop()
        healthy.stop()
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) < 5.0
