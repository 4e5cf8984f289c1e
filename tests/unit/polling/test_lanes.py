from __future__ import annotations

import asyncio

import pytest

from airflow_provider_dataops.core.metrics import Poll
from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.errors import AuthenticationError
from airflow_provider_dataops.polling.lanes import GROUP_LIMIT, MOST_IF_LOCKING, Lanes
from tests.loops import run_virtual
from tests.unit.triggers.fakes import FakePlatform, FakeWatch, connection

PARALLEL = 4


def test_groups_take_turns() -> None:
    order: list[str] = []

    async def main() -> None:
        lanes = Lanes(PARALLEL, lambda: False)

        async def request(group: str) -> None:
            lane = await lanes.turn(group)
            order.append(group)
            await asyncio.sleep(1.0)
            lane.release()

        many = [asyncio.ensure_future(request("many")) for _ in range(3 * PARALLEL)]
        await asyncio.sleep(0)
        few = [asyncio.ensure_future(request("few")) for _ in range(2)]
        await asyncio.gather(*many, *few)

    run_virtual(main())
    # All lanes were in use when the requests of "few" came. Then the groups take turns.
    assert order[PARALLEL : PARALLEL + 4].count("few") == 2


def test_a_lane_that_is_given_up_twice_is_freed_once() -> None:
    async def main() -> None:
        lanes, under_way = Lanes(PARALLEL, lambda: False), 0

        async def request(gives_up: bool) -> int:
            nonlocal under_way
            lane = await lanes.turn("group")
            under_way += 1
            if gives_up:
                lane.give_up()
                lane.give_up()
            await asyncio.sleep(1.0)
            most = under_way
            under_way -= 1
            lane.release()
            return most

        assert max(await asyncio.gather(*(request(False) for _ in range(10)))) == PARALLEL
        assert max(await asyncio.gather(*(request(True) for _ in range(40)))) == GROUP_LIMIT
        # All lanes are free again, and there are no additional ones.
        assert max(await asyncio.gather(*(request(False) for _ in range(10)))) == PARALLEL

    run_virtual(main())


def test_a_cancelled_request_frees_its_lane() -> None:
    async def main() -> None:
        lanes = Lanes(PARALLEL, lambda: False)

        async def request() -> None:
            lane = await lanes.turn("group")
            try:
                await asyncio.sleep(1.0)
            finally:
                lane.release()

        requests = [asyncio.ensure_future(request()) for _ in range(3 * PARALLEL)]
        await asyncio.sleep(0.5)
        for cancelled in requests:
            cancelled.cancel()
        # A waiting request gets its lane at the same moment at which it is cancelled.
        await asyncio.gather(*requests, return_exceptions=True)
        async with asyncio.timeout(1.5):
            await asyncio.gather(*(request() for _ in range(PARALLEL)))

    run_virtual(main())


@pytest.mark.parametrize(
    ("count", "is_trusted", "at_once"),
    [
        (1, True, 1),
        (6, True, 6),
        (20, True, 20),
        (1, False, 1),
        (2, False, 1),
        (20, False, MOST_IF_LOCKING - 1),
    ],
)
def test_the_number_of_lanes_limits_the_requests_of_a_group(
    count: int, is_trusted: bool, at_once: int
) -> None:
    async def main() -> None:
        lanes, under_way, most = Lanes(count, lambda: not is_trusted), 0, 0

        async def request() -> None:
            nonlocal under_way, most
            lane = await lanes.turn("group")
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1.0)
            under_way -= 1
            lane.release()

        await asyncio.gather(*(request() for _ in range(40)))
        assert most == at_once

    run_virtual(main())


def test_a_connection_has_as_many_lanes_as_the_option_allows() -> None:
    platform = FakePlatform(takes=1.0)

    async def main() -> None:
        shared = connection(platform, options=Options(max_concurrent_requests=2))
        looks = [shared.ask(FakeWatch().look(f"r-{n}"), f"group {n}", Poll.RUN) for n in range(9)]
        await asyncio.gather(*looks)

    run_virtual(main())
    assert platform.most_at_once == 2


@pytest.mark.parametrize("accepted", [False, True])
def test_fewer_requests_are_in_flight_than_lock_an_account(accepted: bool) -> None:
    """Accepted credentials can be revoked. A slow server then rejects all requests that are in flight."""
    platform = FakePlatform()

    async def main() -> None:
        shared = connection(platform, locks_out=True)
        if accepted:
            await shared.ask(FakeWatch().look("r-0"), "group", Poll.RUN)
        platform.failing, platform.takes = lambda _: AuthenticationError("HTTP 401", status=401), 20.0
        exchanges = [shared.ask(FakeWatch().look(f"r-{n}"), f"group {n}", Poll.RUN) for n in range(10)]
        waiting = [asyncio.ensure_future(one) for one in exchanges]
        await asyncio.sleep(19.0)
        assert len(platform.requests) == MOST_IF_LOCKING + accepted
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run_virtual(main())
