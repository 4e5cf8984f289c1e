"""What the poller does with lists: which runs it reads from a list, and what happens if the list fails."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

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
from airflow_provider_dataops.polling.poller import SLICE, WAKING, Poller
from tests.loops import run_virtual
from tests.unit.triggers.fakes import FakePlatform, FakeWatch, connection, outage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.watch import RunWatch
    from airflow_provider_dataops.polling.subscriptions import Subscription
from tests.unit.polling.polled import polled


class Batches(FakeWatch):
    """A platform whose list contains at most ten runs."""

    sweep_limit = 10


def test_a_limited_list_is_requested_several_times_in_parallel() -> None:
    platform, runs = FakePlatform(takes=0.5), [f"r-{n}" for n in range(25)]
    answers = polled(platform, runs, 2.0, watch=Batches())
    assert sorted(len(request.run_ids) for request in platform.requests) == [5, 10, 10]
    assert platform.most_at_once == 3
    assert all(len(received) == 1 for received in answers.values())


def test_a_limited_list_that_is_too_large_is_halved_and_then_read() -> None:
    platform = FakePlatform(
        failing=lambda r: ReplyTooLargeError("too large", status=200) if len(r.run_ids) > 3 else None
    )
    answers = polled(platform, [f"r-{n}" for n in range(10)], 1.0, watch=Batches())
    assert all(request.sweep for request in platform.requests)
    assert [type(a) for received in answers.values() for a in received] == [RunSnapshot] * 10


def test_a_run_that_left_the_list_is_requested_singly() -> None:
    platform = FakePlatform(states={"ended": RunState.SUCCEEDED})

    class OpenOnes(FakeWatch):
        def sweep(self, api: Any, watches: Mapping[str, Any], cache: Any = None) -> Any:
            return (yield True, frozenset(watches) - {"ended"})

    answers = polled(platform, ["ended", "open"], 1.0, watch=OpenOnes())
    assert [(request.sweep, sorted(request.run_ids)) for request in platform.requests] == [
        (True, ["open"]),
        (False, ["ended"]),
    ]
    assert [a.state for a in answers["ended"]] == [RunState.SUCCEEDED]
    assert [a.state for a in answers["open"]] == [RunState.RUNNING]


def test_runs_that_the_list_never_contains_cause_no_list_for_each_of_them() -> None:
    platform = FakePlatform()

    class Nothing(FakeWatch):
        def sweep(self, api: Any, watches: Mapping[str, Any], cache: Any = None) -> Any:
            yield True, frozenset()
            return {}

    polled(platform, [f"r-{n}" for n in range(100)], 300.0, watch=Nothing())
    lists = [request.at for request in platform.requests if request.sweep]
    assert len(platform.requests) > 10 * len(lists)
    assert min(later - sooner for sooner, later in pairwise(lists)) >= 0.85


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


@pytest.mark.parametrize("error", [None, ServerError("HTTP 503", status=503)], ids=["read", "failed"])
def test_other_triggers_run_while_thousands_get_the_result_of_a_list(error: ApiError | None) -> None:
    platform = FakePlatform(failing=lambda _: error)

    async def main() -> int:
        poller = Poller(connection(platform), "group")
        waiters = [poller.subscribe(FakeWatch(run_id=f"r-{n}"), 30.0) for n in range(1_000)]
        first, woken = asyncio.Event(), 0

        async def wait(waiter: Subscription) -> None:
            nonlocal woken
            await waiter.next()
            woken += 1
            first.set()

        waiting = [asyncio.ensure_future(wait(waiter)) for waiter in waiters]
        await first.wait()
        with_the_first = woken
        await asyncio.gather(*waiting)
        poller.stop()
        return with_the_first

    assert run_virtual(main()) <= 2 * SLICE / WAKING


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
        def sweep(self, api: Any, watches: Mapping[str, Any], cache: Any = None) -> Any:
            found = yield True, frozenset(watches)
            return {**found, "bad": MalformedReplyError("an entry of the list cannot be read", status=200)}

    answers = polled(FakePlatform(), ["bad", "good"], 10.5, watch=OneUnreadable())
    assert {type(a) for a in answers["bad"]} == {MalformedReplyError}
    assert {type(a) for a in answers["good"]} == {RunSnapshot}


def test_runs_that_have_left_a_long_list_are_read_at_once_although_new_triggers_come() -> None:
    platform, gone = FakePlatform(takes=0.05), set[str]()

    class Open(FakeWatch):
        def sweep(self, api: Any, watches: Mapping[str, RunWatch], cache: Any = None) -> Any:
            found = yield True, frozenset(watches)
            return {key: value for key, value in found.items() if key not in gone}

    async def main() -> list[float]:
        poller = Poller(connection(platform), "group")
        waiters = [poller.subscribe(Open(run_id=f"r-{n}"), 300.0) for n in range(1_000)]
        await asyncio.sleep(3_000.0)
        gone.update(f"r-{n}" for n in range(500))
        platform.states |= dict.fromkeys(gone, RunState.SUCCEEDED)
        began = asyncio.get_running_loop().time()
        seen = []

        async def end_of(waiter: Subscription) -> None:
            while True:
                answer = await waiter.next()
                if isinstance(answer, RunSnapshot) and answer.state is RunState.SUCCEEDED:
                    seen.append(asyncio.get_running_loop().time() - began)
                    return

        waiting = asyncio.gather(*map(end_of, waiters[:500]))
        for n in range(20):
            poller.subscribe(Open(run_id=f"new-{n}"), 300.0)
            # A few turns of the loop later, while the poller passes on the results of the list.
            await asyncio.sleep(0.3)
        await waiting
        poller.stop()
        return seen

    assert max(run_virtual(main())) < 10.0


def test_a_list_that_takes_no_request_does_not_end_an_outage() -> None:
    """Otherwise, the circuit breaker would never slow down the requests."""
    platform = FakePlatform(failing=outage(until=1e9))

    class FewRuns(FakeWatch):
        def sweep(self, api: Any, watches: Mapping[str, RunWatch], cache: Any = None) -> Any:
            yield from ()
            return {}

    async def main() -> None:
        shared = connection(platform)
        pollers = [Poller(shared, f"group {n}") for n in range(20)]
        for n, poller in enumerate(pollers):
            poller.subscribe(FewRuns(run_id=f"r-{n}"), 5.0)
        await asyncio.sleep(660.0)
        for poller in pollers:
            poller.stop()

    run_virtual(main())
    assert len([at for at in platform.times if at > 60.0 + 5.0]) <= 12


def test_runs_are_read_one_by_one_if_only_the_list_has_failed_for_a_minute() -> None:
    platform = list_fails(ServerError("HTTP 500", status=500))
    answers = polled(platform, ["a", "b"], 300.0)
    assert {request.sweep for request in platform.requests if request.at > 130.0} == {True, False}
    for received in answers.values():
        assert sum(isinstance(answer, RunSnapshot) for answer in received) > 5
