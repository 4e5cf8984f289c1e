"""Credentials whose refusals may lock the account: one wait sends them once more, for all that use them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import ApiError, AuthenticationError, PermissionDeniedError, ServerError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.polling.lanes import PARALLEL
from tests.loops import EPOCH, run_virtual
from tests.unit.triggers.bench import condition
from tests.unit.triggers.fakes import connection, trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.triggers.bench import Bench
    from tests.unit.triggers.fakes import Asked, FakeRunTrigger

#: More than the refusals of a minute that lock an account.
WAITS = 12


def refusal(error_class: type[ApiError] = AuthenticationError) -> ApiError:
    error = error_class("HTTP 401", status=401)
    error.locks_out = error.permanent = True
    return error


def refused(*moments: tuple[float, float]) -> Callable[[Asked], Exception | None]:
    """Return an answer of 401 from one moment to another."""
    return lambda asked: refusal() if any(start <= asked.at < end for start, end in moments) else None


def waits_alone(run_id: str, **changes: Any) -> FakeRunTrigger:
    """Return a wait for a run of a platform that cannot list; each one is of a group of its own."""
    waiting = trigger(run_id, **changes)
    waiting.sweeps, waiting.group = False, f"group of {run_id}"
    return waiting


def play(bench: Bench, *waiting: Any, ends: list[float] | None = None) -> list[Any]:
    """Wait with all triggers at the same time, and return their events.

    :param ends: takes the moments at which the waits ended.
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
    """Return waits for runs and conditions, whose requests take a while, as from the same account."""
    bench.platform.takes = 0.05
    runs = [waits_alone(f"r-{n}") for n in range(WAITS)]
    return [*runs, *(condition(after=3) for _ in range(WAITS))]


def test_accepted_then_all_waits_go_on_as_if_nothing_had_happened(bench: Bench, crowd: list[Any]) -> None:
    bench.platform.failing = refused((0.0, 80.0))
    bench.platform.states |= {f"r-{n}": RunState.SUCCEEDED for n in range(WAITS)}
    events = play(bench, *crowd)
    assert [event.ending for event in events] == [Ending.FINISHED] * len(crowd)
    burst = [time for time in bench.platform.times if time < 80.0]
    # Those that were on their way at the first refusal.
    assert len(burst) <= PARALLEL
    later = sorted(set(bench.platform.times) - set(burst))
    assert later[0] - burst[-1] >= REFUSAL_PAUSE
    assert later[1] > later[0], "one goes first"


def test_refused_again_all_waits_end_and_each_names_its_own_run(bench: Bench, crowd: list[Any]) -> None:
    bench.platform.failing = refused((0.0, 1e9))
    ends: list[float] = []
    events = play(bench, *crowd, ends=ends)
    assert max(ends) < REFUSAL_PAUSE + 20.0, "nobody waits for what is known"
    assert {(event.ending, event.permanent) for event in events} == {(Ending.UNREACHABLE, True)}
    assert [event.run_id for event in events[:WAITS]] == [f"r-{n}" for n in range(WAITS)]
    assert len(bench.platform.asked) <= PARALLEL + 1
    assert most_in_a_minute(bench.platform.times) <= PARALLEL


def test_waits_that_are_refused_long_after_their_beginning_send_as_few(
    bench: Bench, crowd: list[Any]
) -> None:
    bench.platform.failing = refused((1_000.0, 1e9))
    events = play(bench, *crowd[:WAITS])
    assert {event.ending for event in events} == {Ending.UNREACHABLE}
    late = [time for time in bench.platform.times if time >= 1_000.0]
    assert len(late) <= PARALLEL + 1


def test_each_refusal_after_an_acceptance_is_a_first_one(bench: Bench) -> None:
    bench.platform.failing = refused((10.0, 50.0), (500.0, 550.0), (1_000.0, 1_050.0))

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


def test_a_repeat_that_the_platform_does_not_answer_is_made_again_after_a_minute(bench: Bench) -> None:
    def answer(asked: Asked) -> Exception | None:
        if asked.at < 80.0:
            return refusal()
        return ServerError("down", status=503) if asked.at < 200.0 else None

    bench.platform.failing = answer
    bench.platform.states |= {f"r-{n}": RunState.SUCCEEDED for n in range(3)}
    events = play(bench, *(waits_alone(f"r-{n}") for n in range(3)))
    assert [event.ending for event in events] == [Ending.FINISHED] * 3
    meanwhile = [time for time in bench.platform.times if 80.0 <= time < 200.0]
    assert 1 <= len(meanwhile) <= 2


def test_a_deadline_in_the_pause_ends_the_wait_without_a_look_by_the_worker(bench: Bench) -> None:
    bench.platform.failing = refused((0.0, 1e9))
    hurried = [waits_alone("r-1", deadline=EPOCH + 30.0), condition(deadline=EPOCH + 30.0)]
    events = play(bench, *hurried)
    # Not a timeout: at that a worker looks once more. A retry may find them accepted.
    assert [(event.ending, event.permanent) for event in events] == [(Ending.UNREACHABLE, False)] * 2
    for event in events:
        assert "the credentials were refused, and the deadline 2023-11-14 22:13:50 UTC" in event.message
    assert len(bench.platform.asked) <= 2


def test_the_log_says_what_was_refused_and_when_it_is_sent_again(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.platform.failing = refused((0.0, 80.0))
    bench.platform.states["r-1"] = RunState.SUCCEEDED
    play(bench, waits_alone("r-1"))
    said = capsys.readouterr().out
    assert said.count("HTTP 401; Fake run r-1 is not affected, the task reads the connection again") == 1
    assert said.count("In 90 s one request sends them again, for all triggers that use them") == 1
    assert said.count("answers again, after 9") == 1


def test_a_missing_right_is_asked_for_once(bench: Bench) -> None:
    bench.platform.failing = lambda _: refusal(PermissionDeniedError)
    (event,) = play(bench, trigger())
    assert (event.ending, event.permanent) == (Ending.UNREACHABLE, True)
    assert len(bench.platform.asked) == 1
