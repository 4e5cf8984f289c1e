from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionSettingsError,
    ReplyTooLargeError,
    ServerError,
)
from airflow_provider_dataops.lifecycle.events import Ending, RunEvent
from airflow_provider_dataops.polling import accounts
from airflow_provider_dataops.polling.deadline_timers import STEP
from airflow_provider_dataops.triggers import base, waits
from airflow_provider_dataops.triggers.base import PauseTrigger
from tests.loops import EPOCH, LoopClock, run_virtual
from tests.unit.triggers.bench import Bench, condition
from tests.unit.triggers.fakes import FakePlatform, SentRequest, api, outage, trigger

if TYPE_CHECKING:
    from tests.kept_metrics import KeptMetrics


class TestNoEventBeforeTheGuardTime:
    def test_for_a_run_that_has_ended(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LoopClock, "random", lambda _: 0.0)
        bench.platform.states["r-1"] = RunState.SUCCEEDED
        at, event = bench.wait_for_run(trigger())
        assert bench.platform.times[0] < 2.0
        assert at == pytest.approx(Options.deferral_guard)
        assert event.ending is Ending.FINISHED

    def test_for_a_deadline_that_has_passed(self, bench: Bench) -> None:
        at, event = bench.wait_for_run(trigger(deadline=1.0))
        assert at == pytest.approx(Options.deferral_guard)
        assert event.ending is Ending.TIMEOUT

    def test_for_a_connection_that_cannot_be_used(self, bench: Bench) -> None:
        bench.settings_error = ConnectionSettingsError("connection 'c': host is empty")
        at, event = bench.wait_for_run(trigger())
        assert at == pytest.approx(Options.deferral_guard)
        assert event.ending is Ending.UNREACHABLE
        assert "host is empty" in event.message

    def test_for_a_condition_that_is_met(self, bench: Bench) -> None:
        at, payload = bench.wait_for(condition())
        assert at == pytest.approx(Options.deferral_guard)
        assert payload == {"ending": "finished", "value": {"found": "it"}, "message": "", "permanent": False}

    def test_for_a_pause_that_is_over(self, bench: Bench) -> None:
        payload = {"deadline": 1.0, "slot_waits": 1}
        at, sent = bench.wait_for(PauseTrigger(until=1.0, payload=payload))
        assert at == pytest.approx(Options.deferral_guard)
        assert sent == payload


class TestMetrics:
    def test_count_the_polls_of_a_run(self, bench: Bench, kept_metrics: KeptMetrics) -> None:
        bench.wait_for_run(trigger(), lambda: ended_after(bench, 20.0))
        polls = kept_metrics.of("dataops.poll")
        assert polls == [(1, {"platform": "fake", "operation": "list"})] * len(bench.platform.requests)
        assert {stat for stat, *_ in kept_metrics.sent} == {"dataops.poll", "dataops.poll.lateness"}

    def test_count_the_polls_of_a_condition(self, bench: Bench, kept_metrics: KeptMetrics) -> None:
        bench.wait_for(condition(after=3))
        assert kept_metrics.sent == [("dataops.poll", 1, {"platform": "fake", "operation": "condition"})] * 3


async def ended_after(bench: Bench, seconds: float) -> None:
    await asyncio.sleep(seconds)
    bench.platform.states["r-1"] = RunState.SUCCEEDED


def test_a_pause_ends_at_its_time(bench: Bench) -> None:
    assert bench.wait_for(PauseTrigger(until=EPOCH + 300.0, payload={}))[0] == pytest.approx(300.0)


def test_the_end_of_a_run_is_reported_soon(bench: Bench) -> None:
    async def end() -> None:
        await asyncio.sleep(100.0)
        bench.platform.states["r-1"] = RunState.FAILED

    at, event = bench.wait_for_run(trigger(), end)
    assert 100.0 <= at < 111.0
    assert event.snapshot is not None
    assert event.snapshot.state is RunState.FAILED


def test_the_wait_ends_at_the_deadline(bench: Bench) -> None:
    at, event = bench.wait_for_run(trigger(deadline=EPOCH + 1_234.5))
    assert at == pytest.approx(1_234.5)
    message = "the deadline 2023-11-14 22:33:54 UTC has passed; the last state was running"
    assert event == RunEvent(ending=Ending.TIMEOUT, run_id="r-1", message=message)


@pytest.mark.parametrize("deadline", [100.0, 2_000.0])
def test_the_deadline_limits_the_read_of_the_connection(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, deadline: float
) -> None:
    async def hang(_: object) -> None:
        await asyncio.sleep(1e6)

    monkeypatch.setattr(base.DataOpsTrigger, "api", hang)
    at, event = bench.wait_for_run(trigger(deadline=EPOCH + deadline))
    assert at == pytest.approx(deadline)
    assert event.ending is Ending.TIMEOUT


def test_a_timeout_of_the_connection_read_is_not_a_timeout_of_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(_: object) -> None:
        raise TimeoutError("the supervisor")

    monkeypatch.setattr(base.DataOpsTrigger, "api", give_up)
    with pytest.raises(TimeoutError, match="the supervisor"):
        bench.wait_for_run(trigger())


def test_the_deadline_ends_the_wait_during_an_outage(bench: Bench) -> None:
    bench.platform.failing = outage(until=1e9)
    at, event = bench.wait_for_run(trigger(deadline=EPOCH + 100.0))
    assert at == pytest.approx(100.0, abs=2 * STEP)
    assert event.ending is Ending.TIMEOUT


def test_an_outage_of_minutes_is_tolerated(bench: Bench) -> None:
    bench.platform.failing = outage(until=20 * 60.0)
    bench.platform.states["r-1"] = RunState.SUCCEEDED
    at, event = bench.wait_for_run(trigger())
    assert event.ending is Ending.FINISHED
    assert 20 * 60.0 <= at < 22.5 * 60.0
    # During a long outage, the trigger sends at most about one request a minute.
    late = [t for t in bench.platform.times if 120.0 < t < 20 * 60.0]
    assert len(late) <= 18


@pytest.mark.parametrize("waiting", [trigger, condition])
def test_the_option_sets_how_long_an_outage_is_tolerated(bench: Bench, waiting: Any) -> None:
    bench.options = Options(outage_budget=300.0)
    bench.platform.failing = outage(until=1e9)
    at, payload = bench.wait_for(waiting())
    assert payload["ending"] == Ending.UNREACHABLE
    assert 300.0 <= at < 300.0 + 62.0


def test_a_list_that_is_too_large_is_tolerated_until_the_deadline(
    bench: Bench, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bench.platform.failing = lambda _: ReplyTooLargeError("larger than 67108864 bytes", status=200)
    at, event = bench.wait_for_run(trigger(deadline=EPOCH + 7_200.0))
    assert at == pytest.approx(7_200.0, abs=2 * STEP)
    assert event.ending is Ending.TIMEOUT
    assert "larger than 67108864 bytes" in event.message
    # A few lines in the task's log, which is written to the standard output here, and one in the triggerer's.
    assert capsys.readouterr().out.count("larger than 67108864 bytes") == 15
    assert sum("larger than 67108864 bytes" in line for line in caplog.messages) == 1


def test_an_outage_of_hours_ends_the_wait_with_its_cause(bench: Bench) -> None:
    bench.platform.failing = lambda _: ServerError(
        "HTTP 503: maintenance", platform="Fake", operation="list runs", status=503
    )
    at, event = bench.wait_for_run(trigger())
    assert 30 * 60.0 < at < 33 * 60.0
    assert event.ending is Ending.UNREACHABLE
    assert event.message == "Fake: list runs failed: HTTP 503: maintenance"


@pytest.mark.parametrize(("known", "patience"), [(True, 30 * 60.0), (False, 60.0)])
def test_a_run_that_an_earlier_try_knew_may_be_unlisted_for_longer(
    bench: Bench, known: bool, patience: float
) -> None:
    waiting = trigger()
    waiting.known = known
    bench.platform.states["r-1"] = RunState.ABSENT
    at, event = bench.wait_for_run(waiting)
    assert event.ending is Ending.LOST
    assert patience <= at <= patience + 70.0


def test_a_permanent_error_ends_the_wait_at_once(bench: Bench) -> None:
    bench.platform.failing = lambda _: BadRequestError("HTTP 400: no such field", status=400)
    at, event = bench.wait_for_run(trigger())
    assert at == pytest.approx(Options.deferral_guard)
    assert event.ending is Ending.UNREACHABLE
    assert "no such field" in event.message


def test_rejected_credentials_are_read_again_once(bench: Bench) -> None:
    bench.platform.failing = lambda request: (
        AuthenticationError("401", status=401) if request.at < 3.0 else None
    )
    bench.platform.states["r-1"] = RunState.SUCCEEDED
    _, event = bench.wait_for_run(trigger())
    assert event.ending is Ending.FINISHED
    assert bench.connections_read == 2


def test_credentials_that_are_rejected_twice_end_the_wait(bench: Bench) -> None:
    bench.platform.failing = lambda _: AuthenticationError("HTTP 401: key revoked", status=401)
    _, event = bench.wait_for_run(trigger())
    assert event.ending is Ending.UNREACHABLE
    assert "key revoked" in event.message
    assert bench.connections_read == 2


def test_no_request_is_sent_before_the_time_that_the_server_asked_for(bench: Bench) -> None:
    waiting = trigger()
    waiting.not_before = EPOCH + 100.0
    bench.platform.states["r-1"] = RunState.SUCCEEDED
    at, _ = bench.wait_for_run(waiting)
    assert bench.platform.times == [pytest.approx(100.0)]
    assert at < 101.0


def test_a_dead_poller_is_restarted_once_for_all_waits(bench: Bench) -> None:
    bench.platform.failing = lambda request: RuntimeError("a bug") if request.at < 3.0 else None
    bench.platform.states |= {f"r-{n}": RunState.SUCCEEDED for n in range(20)}

    async def main() -> list[Any]:
        async def one(n: int) -> Any:
            return [event.payload async for event in trigger(f"r-{n}").run()]

        return await asyncio.gather(*(one(n) for n in range(20)))

    endings = [RunEvent.from_json(payload).ending for [payload] in run_virtual(main())]
    assert endings == [Ending.FINISHED] * 20
    assert len(bench.platform.requests) == 2


def test_a_poller_that_dies_twice_with_responses_in_between_does_not_end_the_wait(bench: Bench) -> None:
    deaths = [100.0, 2 * 86_400.0]

    def die(request: SentRequest) -> Exception | None:
        return RuntimeError(f"a bug at {deaths.pop(0)}") if deaths and request.at > deaths[0] else None

    async def end() -> None:
        await asyncio.sleep(3 * 86_400.0)
        bench.platform.states["r-1"] = RunState.SUCCEEDED

    bench.platform.failing = die
    _, event = bench.wait_for_run(trigger(poll_interval=3_600.0), end)
    assert event.ending is Ending.FINISHED
    assert deaths == []


def test_a_poller_that_dies_twice_ends_the_wait(bench: Bench) -> None:
    bench.platform.failing = lambda _: RuntimeError("a bug")
    _, event = bench.wait_for_run(trigger())
    assert event.ending is Ending.UNREACHABLE
    assert event.message == "polling failed twice; the triggerer's log shows the cause"
    assert len(bench.platform.requests) == 2


def test_a_cancelled_trigger_leaves_no_poller_and_no_task(bench: Bench) -> None:
    async def main() -> None:
        async def wait(run_id: str) -> None:
            async for _ in trigger(run_id).run():
                pass

        one, two = asyncio.ensure_future(wait("one")), asyncio.ensure_future(wait("two"))
        await asyncio.sleep(5.0)
        one.cancel()
        await asyncio.wait([one])
        await asyncio.sleep(5.0)
        assert bench.platform.requests[-1].run_ids == {"two"}
        two.cancel()
        await asyncio.wait([two])
        assert bench.connection is not None
        assert bench.connection.pollers == {}
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())


def test_each_change_of_state_is_logged_once_in_the_log_of_the_task(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base.RunTrigger, "log", logging.getLogger("the task's"))
    waiting = trigger()

    async def change() -> None:
        await asyncio.sleep(60.0)
        bench.platform.states["r-1"] = RunState.UNKNOWN
        await asyncio.sleep(60.0)
        bench.platform.states["r-1"] = RunState.SUCCEEDED

    with caplog.at_level("INFO"):
        bench.wait_for_run(waiting, change)
    lines = [r.getMessage() for r in caplog.records if r.name == "the task's"]
    assert lines == [
        "Fake run r-1 is running; the next request is due in 2 s",
        "Fake run r-1 has the state '', which this provider does not know; the next request is due in 9 s",
        "Fake run r-1 is succeeded",
    ]


class TestConditions:
    def test_are_checked_at_the_poll_interval(self, bench: Bench) -> None:
        at, _ = bench.wait_for(condition(after=4))
        assert bench.platform.times == pytest.approx([0.0, 60.0, 120.0, 180.0])
        assert at == pytest.approx(180.0)

    def test_end_at_their_deadline(self, bench: Bench) -> None:
        at, payload = bench.wait_for(condition(after=10**9, deadline=EPOCH + 90.0))
        assert at == pytest.approx(90.0)
        assert payload == {
            "ending": "timeout",
            "value": None,
            "message": "the deadline 2023-11-14 22:14:50 UTC has passed",
            "permanent": False,
        }

    def test_tolerate_an_outage_and_follow_retry_after(self, bench: Bench) -> None:
        bench.platform.failing = outage(until=5.0, retry_after=7.0)
        at, payload = bench.wait_for(condition())
        assert payload["ending"] == "finished"
        assert bench.platform.times[1] >= 7.0
        assert at < 10.0

    def test_end_at_once_after_a_permanent_error(self, bench: Bench) -> None:
        bench.platform.failing = lambda _: BadRequestError("HTTP 400: bad filter", status=400)
        at, payload = bench.wait_for(condition())
        assert payload["ending"] == "unreachable"
        assert "bad filter" in payload["message"]
        assert at == pytest.approx(Options.deferral_guard)

    def test_that_wait_for_a_turn_use_changed_settings_within_a_minute(self, bench: Bench) -> None:
        """During an outage, one request a minute is sent, and all others wait."""
        bench.platform.failing = outage(until=1e9)

        async def met() -> float:
            async for _ in condition().run():
                return asyncio.get_running_loop().time()
            raise AssertionError("the trigger has no event")

        async def main() -> list[float]:
            waiting = [asyncio.ensure_future(met()) for _ in range(60)]
            await asyncio.sleep(600.0)
            bench.platform, bench.settings = FakePlatform(), {"base_url": "https://other.invalid"}
            return await asyncio.gather(*waiting)

        assert max(run_virtual(main())) < 600.0 + accounts.READ_AGAIN + 10.0

    def test_read_rejected_credentials_again_once(self, bench: Bench) -> None:
        bench.platform.failing = lambda _: AuthenticationError("HTTP 401: no", status=401)
        _, payload = bench.wait_for(condition())
        assert payload["ending"] == "unreachable"
        assert bench.connections_read == 2


def test_an_unusable_connection_ends_the_wait_with_its_cause(bench: Bench) -> None:
    bench.platform.failing = lambda _: ConnectionSettingsError("connection 'c': no such file as its key")
    _, event = bench.wait_for_run(trigger())
    assert event.ending is Ending.UNREACHABLE
    assert event.message == "connection 'c': no such file as its key"
    assert len(bench.platform.requests) == 1


@pytest.mark.parametrize("waiting", ["run", "condition"])
@pytest.mark.parametrize("step", [-300.0, 300.0], ids=["back", "forward"])
def test_the_deadline_follows_the_clock_if_someone_sets_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: float, waiting: str
) -> None:
    class Clock(LoopClock):
        offset = 0.0

        def wall(self) -> float:
            return super().wall() + self.offset

    clock, deadline = Clock(), EPOCH + 3_600.0
    monkeypatch.setattr(waits, "SYSTEM_CLOCK", clock)

    async def set_clock() -> None:
        await asyncio.sleep(60.0)
        clock.offset = step

    waiter: Any = trigger(deadline=deadline) if waiting == "run" else condition(10_000, deadline)
    at, event = bench.wait_for(waiter, set_clock)
    # A condition notices a later time at its next request.
    late = 70.0 if (waiting, step) == ("condition", 300.0) else 2 * STEP
    assert -1e-3 <= at + step - 3_600.0 <= late
    assert event["ending"] == "timeout"


def test_an_error_in_the_poller_does_not_make_the_trigger_wait_for_the_settings(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [TypeError("a bug")]

    async def read(_: object) -> Any:
        bench.connections_read += 1
        if bench.connections_read > 1:
            await asyncio.sleep(5.0)
            raise ConnectionSettingsError("connection 'c': a field is wrong")
        return api()

    async def end() -> None:
        await asyncio.sleep(120.0)
        bench.platform.states["r-1"] = RunState.SUCCEEDED

    monkeypatch.setattr(base.DataOpsTrigger, "api", read)
    # The connection is read again at 55 s, and that takes 5 s.
    bench.platform.failing = lambda request: errors.pop() if errors and request.at > 55.0 else None
    _, event = bench.wait_for_run(trigger(poll_interval=3.0), end)
    assert event.ending is Ending.FINISHED
    assert not errors
