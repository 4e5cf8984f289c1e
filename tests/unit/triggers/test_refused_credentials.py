"""Rejected credentials can lock the account: one wait sends them once more, for all waits that use them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import ApiError, AuthenticationError, PermissionDeniedError, ServerError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.polling.lanes import MOST_IF_LOCKING
from tests.loops import EPOCH, run_virtual
from tests.unit.triggers.bench import condition
from tests.unit.triggers.fakes import SingleRunTrigger, connection, trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.triggers.bench import Bench
    from tests.unit.triggers.fakes import SentRequest

#: More waits than the rejections in a minute that lock an account.
WAITS = 12


def rejection(error_class: type[ApiError] = AuthenticationError) -> ApiError:
    error = error_class("HTTP 401", status=401)
    error.locks_out = error.permanent = True
    return error


def rejected(*moments: tuple[float, float]) -> Callable[[SentRequest], Exception | None]:
    """Return a function that answers requests with 401 between these times."""
    return lambda request: rejection() if any(start <= request.at < end for start, end in moments) else None


def waits_alone(run_id: str, *, deadline: float = 1e12) -> SingleRunTrigger:
    """Return a wait for a run of a platform without lists. Each wait has its own group."""
    return SingleRunTrigger(
        conn_id="c", run_id=run_id, deadline=deadline, poll_interval=30.0, group=f"group of {run_id}"
    )


def play(bench: Bench, *waiting: Any, ends: list[float] | None = None) -> list[Any]:
    """Wait with all triggers at the same time, and return their events.

    :param ends: receives the times at which the waits ended.
    """

    async def event_of(one: Any) -> Any:
        (event,) = [event.payload async for event in one.run()]
        if ends is not None:
            ends.append(asyncio.get_running_loop().time())
        return RunEvent.from_json(event) if "run_id" in event else ConditionEvent.from_json(event)

    async def main() -> list[Any]:
        bench.connection = connection(bench.platform, locks_out=True)
        return list(await asyncio.gather(*map(event_of, waiting)))

    return run_virtual(main())


def most_in_a_minute(times: list[float]) -> int:
    return max(sum(start <= time < start + 60.0 for time in times) for start in times)


@pytest.fixture
def crowd(bench: Bench) -> list[Any]:
    """Return waits for runs and conditions of one account, whose requests take a while."""
    bench.platform.takes = 0.05
    runs = [waits_alone(f"r-{n}") for n in range(WAITS)]
    return [*runs, *(condition(after=3) for _ in range(WAITS))]


def test_all_waits_continue_if_the_credentials_are_accepted_the_second_time(
    bench: Bench, crowd: list[Any]
) -> None:
    bench.platform.failing = rejected((0.0, 80.0))
    bench.platform.states |= {f"r-{n}": RunState.SUCCEEDED for n in range(WAITS)}
    events = play(bench, *crowd)
    assert [event.ending for event in events] == [Ending.FINISHED] * len(crowd)
    burst = [time for time in bench.platform.times if time < 80.0]
    # The requests that were already sent at the first rejection.
    assert len(burst) <= MOST_IF_LOCKING
    later = sorted(set(bench.platform.times) - set(burst))
    assert later[0] - burst[-1] >= REFUSAL_PAUSE
    assert later[1] > later[0], "one request is sent before the others"


def test_all_waits_end_with_their_own_run_if_the_credentials_are_rejected_twice(
    bench: Bench, crowd: list[Any]
) -> None:
    bench.platform.failing = rejected((0.0, 1e9))
    ends: list[float] = []
    events = play(bench, *crowd, ends=ends)
    assert max(ends) < REFUSAL_PAUSE + 20.0, "no wait lasts longer than needed"
    assert {(event.ending, event.permanent) for event in events} == {(Ending.UNREACHABLE, True)}
    assert [event.run_id for event in events[:WAITS]] == [f"r-{n}" for n in range(WAITS)]
    assert len(bench.platform.requests) <= MOST_IF_LOCKING + 1
    assert most_in_a_minute(bench.platform.times) <= MOST_IF_LOCKING


def test_a_rejection_long_after_the_start_causes_as_few_requests(bench: Bench, crowd: list[Any]) -> None:
    bench.platform.failing = rejected((1_000.0, 1e9))
    events = play(bench, *crowd[:WAITS])
    assert {event.ending for event in events} == {Ending.UNREACHABLE}
    late = [time for time in bench.platform.times if time >= 1_000.0]
    assert len(late) <= MOST_IF_LOCKING + 1


def test_an_accepted_request_resets_the_count_of_rejections(bench: Bench) -> None:
    bench.platform.failing = rejected((10.0, 50.0), (500.0, 550.0), (1_000.0, 1_050.0))

    async def end() -> None:
        await asyncio.sleep(2_000.0)
        bench.platform.states["r-1"] = RunState.SUCCEEDED

    async def main() -> Any:
        bench.connection = connection(bench.platform, locks_out=True)
        _, (event,) = await asyncio.gather(end(), events_of(waits_alone("r-1")))
        return event

    async def events_of(one: Any) -> list[Any]:
        return [RunEvent.from_json(event.payload) async for event in one.run()]

    assert run_virtual(main()).ending is Ending.FINISHED


def test_a_repeated_request_without_a_response_is_sent_again_after_a_minute(bench: Bench) -> None:
    def answer(request: SentRequest) -> Exception | None:
        if request.at < 80.0:
            return rejection()
        return ServerError("down", status=503) if request.at < 200.0 else None

    bench.platform.failing = answer
    bench.platform.states |= {f"r-{n}": RunState.SUCCEEDED for n in range(3)}
    events = play(bench, *(waits_alone(f"r-{n}") for n in range(3)))
    assert [event.ending for event in events] == [Ending.FINISHED] * 3
    meanwhile = [time for time in bench.platform.times if 80.0 <= time < 200.0]
    assert 1 <= len(meanwhile) <= 2


def test_a_deadline_in_the_pause_ends_the_wait_without_another_request(bench: Bench) -> None:
    bench.platform.failing = rejected((0.0, 1e9))
    hurried = [waits_alone("r-1", deadline=EPOCH + 30.0), condition(deadline=EPOCH + 30.0)]
    events = play(bench, *hurried)
    # Not TIMEOUT: the worker would then send one more request. Not permanent: a retry may succeed.
    assert [(event.ending, event.permanent) for event in events] == [(Ending.UNREACHABLE, False)] * 2
    for event in events:
        assert "the credentials were refused, and the deadline 2023-11-14 22:13:50 UTC" in event.message
    assert len(bench.platform.requests) <= 2


def test_the_log_contains_the_rejection_and_the_time_of_the_next_request(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.platform.failing = rejected((0.0, 80.0))
    bench.platform.states["r-1"] = RunState.SUCCEEDED
    play(bench, waits_alone("r-1"))
    log = capsys.readouterr().out
    assert log.count("HTTP 401; Fake run r-1 is not affected, and the task reads the connection again") == 1
    assert log.count("In 90 s one request sends them again, for all triggers that use them") == 1
    assert log.count("answers again, after 9") == 1


def test_a_missing_permission_ends_the_wait_after_one_request(bench: Bench) -> None:
    bench.platform.failing = lambda _: rejection(PermissionDeniedError)
    (event,) = play(bench, trigger())
    assert (event.ending, event.permanent) == (Ending.UNREACHABLE, True)
    assert len(bench.platform.requests) == 1
