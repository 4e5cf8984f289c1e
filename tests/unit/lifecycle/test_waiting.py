"""What each response of the platform means for the wait."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import MISSING, fields
from typing import Any

import pytest

from airflow_provider_dataops.core.http import Pause, Request
from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    RateLimitedError,
    ReplyTooLargeError,
    RunFailedError,
    ServerError,
    TransportError,
    UnroutedError,
)
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress, failure_pause, interval
from airflow_provider_dataops.lifecycle.record import Generation, Phase, Record, changed, fingerprint
from airflow_provider_dataops.lifecycle.wait import Wait
from tests.unit.fakes import FakeClock, play, reply

OUTAGE = ServerError("503", status=503)


def snapshot(state: RunState, raw: str = "") -> RunSnapshot:
    return RunSnapshot(run_id="r-1", state=state, raw_state=raw or str(state))


class TestInterval:
    def test_grows_with_the_age_of_the_run_up_to_its_limit(self) -> None:
        intervals = [interval(age, 30.0, 0.5) for age in (0, 10, 100, 200, 9_999)]
        assert intervals == pytest.approx([1.7, 1.7, 14.0, 28.0, 30.0])

    def test_varies_by_five_percent(self) -> None:
        assert interval(9_999, 30.0, 0.0) == pytest.approx(28.5)
        assert interval(9_999, 30.0, 1.0) == pytest.approx(31.5)

    def test_does_not_exceed_a_short_limit(self) -> None:
        assert interval(0, 0.5, 0.5) == 0.5

    def test_needs_fewer_than_800_requests_for_a_run_of_six_hours(self) -> None:
        age, requests = 0.0, 0
        while age < 6 * 3600:
            age += interval(age, 30.0, 0.5)
            requests += 1
        assert requests < 800

    def test_follows_retry_after_if_a_request_failed(self) -> None:
        assert failure_pause(1, RateLimitedError("x", retry_after=7.0), 0.0) >= 7.0
        assert failure_pause(50, OUTAGE, 1.0) <= 61.0
        assert failure_pause(1, OUTAGE, 0.0) >= 1.0


class TestTracker:
    def test_an_outage_is_tolerated_for_half_an_hour(self) -> None:
        progress = WaitProgress(0.0)
        assert {progress.failed(OUTAGE, float(t)) for t in range(0, 1800, 60)} == {Verdict.WAIT}
        assert progress.failed(OUTAGE, 1800.0) is Verdict.GIVE_UP

    def test_one_response_restarts_the_half_hour(self) -> None:
        progress = WaitProgress(0.0)
        progress.failed(OUTAGE, 0.0)
        progress.saw(snapshot(RunState.RUNNING), 1_000.0)
        assert progress.failed(OUTAGE, 2_000.0) is Verdict.WAIT

    def test_rejected_credentials_are_read_again_once(self) -> None:
        progress, rejection = WaitProgress(0.0), AuthenticationError("401", status=401)
        assert progress.failed(rejection, 0.0) is Verdict.RECONNECT
        assert progress.failed(rejection, 2.0) is Verdict.GIVE_UP

    @pytest.mark.parametrize("error_class", [NotFoundError, UnroutedError])
    def test_a_404_is_tolerated_like_an_outage(self, error_class: type[ApiError]) -> None:
        progress, error = WaitProgress(0.0), error_class("404", status=404)
        assert progress.failed(error, 0.0) is Verdict.WAIT
        assert progress.failed(error, 1_800.0) is Verdict.GIVE_UP

    def test_a_bad_request_ends_the_wait(self) -> None:
        assert WaitProgress(0.0).failed(BadRequestError("400", status=400), 0.0) is Verdict.GIVE_UP

    def test_a_run_is_lost_after_enough_time_and_enough_polls(self) -> None:
        progress, absent = WaitProgress(0.0), snapshot(RunState.ABSENT)
        assert [progress.saw(absent, float(t)) for t in (0, 20, 40, 59)] == [Verdict.WAIT] * 4
        assert progress.saw(absent, 60.0) is Verdict.LOST
        rarely = WaitProgress(0.0)
        assert [rarely.saw(absent, t) for t in (0.0, 500.0, 900.0, 1_000.0)] == [Verdict.WAIT] * 4
        progress.saw(snapshot(RunState.RUNNING), 70.0)
        assert progress.saw(absent, 71.0) is Verdict.WAIT

    def test_a_run_that_was_listed_before_is_lost_after_half_an_hour(self) -> None:
        progress, absent = WaitProgress(0.0), snapshot(RunState.ABSENT)
        progress.saw(snapshot(RunState.RUNNING), 0.0)
        assert {progress.saw(absent, float(t)) for t in range(60, 1860, 60)} == {Verdict.WAIT}
        assert progress.saw(absent, 1860.0) is Verdict.LOST

    def test_the_wait_continues_in_an_unknown_state(self) -> None:
        assert WaitProgress(0.0).saw(snapshot(RunState.UNKNOWN, "Queued"), 0.0) is Verdict.WAIT


class TestWaitOnAWorker:
    def waiting(self, clock: FakeClock, deadline: float = 9_999.0) -> Wait:
        return Wait(
            deadline=deadline,
            poll_interval=30.0,
            progress=WaitProgress(clock.now, "r-1"),
            clock=clock,
            log=logging.getLogger("task"),
        )

    def wait_with_one_answer(self, answer: RunSnapshot | ApiError) -> Any:
        """Give the same answer to every status request."""
        clock = FakeClock()

        def look() -> Any:
            yield Pause(0.0)
            if isinstance(answer, ApiError):
                raise answer
            return answer

        return play(self.waiting(clock).until_end(look), clock=clock)

    def wait(self, *answers: Any, deadline: float = 9_999.0, clock: FakeClock | None = None) -> Any:
        clock = clock or FakeClock()
        waiting = self.waiting(clock, deadline)

        def look() -> Any:
            return (yield Request(operation="look", method="GET", url="https://x", parse=lambda r: r.json()))

        given = [a if isinstance(a, ApiError) else (lambda _, a=a: reply(body=0)) for a in answers]
        states = [a for a in answers if not isinstance(a, ApiError)]

        def seen() -> Any:
            yield from look()
            return states.pop(0)

        return play(waiting.until_end(seen), *given, clock=clock)

    def test_ends_with_the_run(self) -> None:
        running, done = snapshot(RunState.RUNNING), snapshot(RunState.SUCCEEDED)
        result = self.wait(running, OUTAGE, TransportError("reset"), running, done)
        assert result.value.ending is Ending.FINISHED
        assert result.value.snapshot == done
        assert len(result.pauses) == 4

    def test_ends_at_the_deadline(self) -> None:
        clock = FakeClock()
        running = snapshot(RunState.RUNNING)
        result = self.wait(running, running, running, deadline=clock.now + 3.0, clock=clock)
        assert result.value.ending is Ending.TIMEOUT
        assert sum(result.pauses) == pytest.approx(3.0)
        assert "running" in result.value.message

    def test_a_run_that_ended_before_the_deadline_is_finished(self) -> None:
        clock = FakeClock()
        result = self.wait(snapshot(RunState.SUCCEEDED), deadline=clock.now - 1, clock=clock)
        assert result.value.ending is Ending.FINISHED

    def test_a_long_outage_ends_the_wait(self) -> None:
        result = self.wait_with_one_answer(OUTAGE)
        assert result.value.ending is Ending.UNREACHABLE
        assert Options.outage_budget <= sum(result.pauses) <= Options.outage_budget + 61

    def test_the_option_sets_how_long_an_outage_may_last(self) -> None:
        progress = WaitProgress(0.0, "r-1", outage_budget=10.0)
        assert progress.failed(OUTAGE, 0.0) is Verdict.WAIT
        assert progress.failed(OUTAGE, 9.0) is Verdict.WAIT
        assert progress.failed(OUTAGE, 10.0) is Verdict.GIVE_UP

    def test_a_short_outage_budget_does_not_shorten_the_search_for_a_run_that_was_listed(self) -> None:
        progress = WaitProgress(0.0, "r-1", seen=True, outage_budget=10.0)
        absent = snapshot(RunState.ABSENT)
        times = [0.0, 300.0, 600.0, 900.0, 1_200.0, 1_799.0, 1_800.0]
        assert [progress.saw(absent, now) for now in times] == [Verdict.WAIT] * 6 + [Verdict.LOST]

    def test_a_run_that_was_never_listed_is_lost_after_a_minute(self) -> None:
        result = self.wait_with_one_answer(snapshot(RunState.ABSENT))
        assert result.value.ending is Ending.LOST
        assert 60 <= sum(result.pauses) <= 60 + 8

    def test_a_run_is_not_lost_if_the_process_was_frozen_while_it_waited_for_a_response(self) -> None:
        clock, running, absent = FakeClock(), snapshot(RunState.RUNNING), snapshot(RunState.ABSENT)
        answers = [running, *[absent] * 6, snapshot(RunState.SUCCEEDED)]

        def look() -> Any:
            is_frozen = len(answers) == 7
            yield Pause(2 * Options.outage_budget if is_frozen else 0.0)
            return answers.pop(0)

        result = play(self.waiting(clock).until_end(look), clock=clock)
        assert result.value.ending is Ending.FINISHED

    def test_follows_retry_after(self) -> None:
        busy = RateLimitedError("busy", status=429, retry_after=50.0)
        result = self.wait(busy, snapshot(RunState.SUCCEEDED))
        assert 50.0 <= result.pauses[0] <= 51.0

    def test_an_unknown_state_is_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        odd = snapshot(RunState.UNKNOWN, "Queued")
        self.wait(odd, odd, snapshot(RunState.SUCCEEDED))
        assert sum("'Queued'" in line for line in caplog.messages) == 1

    def test_a_list_that_is_too_large_is_tolerated_until_the_deadline(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = FakeClock()
        began = clock.now

        def look() -> Any:
            yield Pause(0.0)
            raise ReplyTooLargeError(
                "the answer (70000000 bytes) is larger than 67108864 bytes",
                operation="list executions of p-1",
                status=200,
            )

        event = play(self.waiting(clock, began + 7_200.0).until_end(look), clock=clock).value
        assert event.ending is Ending.TIMEOUT
        assert clock.now == pytest.approx(began + 7_200.0)
        assert len(caplog.messages) == 15
        for words in ("list executions of p-1", "70000000", "67108864"):
            assert {words in line for line in caplog.messages} == {True}
            assert words in event.message

    def test_an_outage_after_a_list_that_is_too_large_is_tolerated_from_its_start(self) -> None:
        progress = WaitProgress(0.0)
        too_large = ReplyTooLargeError("too large", status=200)
        assert progress.failed(OUTAGE, 0.0) is Verdict.WAIT
        assert progress.failed(too_large, 1_000.0) is Verdict.WAIT
        assert progress.failed(OUTAGE, 2_000.0) is Verdict.WAIT
        assert "too large" not in progress.at_deadline(2_000.0)

    def test_a_failed_request_logs_the_time_of_the_next_request(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        error = ServerError("HTTP 503", platform="Tamr", operation="get job r-1", status=503)
        running, done = snapshot(RunState.RUNNING), snapshot(RunState.SUCCEEDED)
        with caplog.at_level("INFO"):
            result = self.wait(running, error, error, running, done)
        assert caplog.messages == [
            "run r-1 is running; the next request is due in 2 s",
            "Tamr: get job r-1 failed: HTTP 503; run r-1 is not affected, the next request is due in 2 s",
            "Tamr answers again, after 5 s (failed requests: 2)",
            "run r-1 is succeeded",
        ]
        assert result.pauses[1:3] == [2.0, 3.0]

    def test_a_failed_request_just_before_the_deadline_logs_a_last_request(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = FakeClock()
        self.wait(OUTAGE, snapshot(RunState.SUCCEEDED), deadline=clock.now + 0.4, clock=clock)
        assert "the next request is due in 0 s" in caplog.messages[0]

    def test_a_timeout_contains_the_deadline_the_last_state_and_the_last_error(self) -> None:
        clock = FakeClock()
        running = snapshot(RunState.RUNNING)
        error = ServerError("HTTP 503", platform="Tamr", operation="get job r-1", status=503)
        event = self.wait(running, error, error, deadline=clock.now + 3.0, clock=clock).value
        assert event.message == (
            "the deadline 1970-01-01 00:16:43 UTC has passed; the last state was running; "
            "the last request failed: Tamr: get job r-1 failed: HTTP 503"
        )
        failure = event.failure(platform="Tamr", noun="job", url="", limit="timeout=3 s")
        assert str(failure).startswith(
            "Tamr job r-1 had not ended in the time allowed (timeout=3 s): the deadline 1970"
        )

    def test_rejected_credentials_request_a_new_connection(self) -> None:
        assert self.wait(AuthenticationError("401", status=401)).value is None


ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    float("nan"),
    "",
    "x",
    "finished",
    [],
    [1],
    {},
    {"a": 1},
    {1: 2},
    (),
]


def mangled(payload: Any, chance: random.Random) -> Any:
    """Return an event after one member was replaced, removed or added."""
    if not isinstance(payload, dict) or not payload or chance.random() < 0.1:
        return chance.choice(ODD)
    name = chance.choice(list(payload))
    match chance.randrange(4):
        case 0:
            return {key: value for key, value in payload.items() if key != name}
        case 1:
            return {**payload, chance.choice(["more", 1, None]): chance.choice(ODD)}
        case _:
            return {**payload, name: mangled(payload[name], chance)}


def agree(back: Any, payload: Any) -> bool:
    """Return whether all common members are equal. Another release has other members."""
    if not (isinstance(back, dict) and isinstance(payload, dict)):
        return bool(back == payload)
    return all(agree(back[name], payload[name]) for name in back.keys() & payload.keys())


class TestEvents:
    GOOD = RunEvent(ending=Ending.FINISHED, run_id="r-1", snapshot=snapshot(RunState.SUCCEEDED))

    @pytest.mark.parametrize(
        "event", [GOOD, RunEvent(ending=Ending.TIMEOUT, run_id="r-1", message="late")], ids=["end", "timeout"]
    )
    def test_are_unchanged_after_json(self, event: RunEvent) -> None:
        assert RunEvent.from_json(json.loads(json.dumps(event.as_json()))) == event

    @pytest.mark.parametrize(
        "change",
        [
            {"ending": "success"},
            {"ending": None},
            {"run_id": ""},
            {"run_id": None},
            {"run_id": "r-2"},
            {"snapshot": None},
            {"snapshot": {}},
            {"snapshot": "succeeded"},
            {"message": None},
            {"permanent": 0},
            {"ending": "timeout"},
            {"snapshot": {**snapshot(RunState.RUNNING).as_json()}},
            {"snapshot": {**snapshot(RunState.SUCCEEDED).as_json(), "state": "SUCCESS"}},
            {"snapshot": {**snapshot(RunState.SUCCEEDED).as_json(), "details": []}},
        ],
    )
    def test_with_an_invalid_member_raise_an_error(self, change: dict[str, Any]) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - only the class matters
            RunEvent.from_json({**self.GOOD.as_json(), **change})

    @pytest.mark.parametrize(
        "event",
        [
            GOOD,
            RunEvent(ending=Ending.LOST, run_id="r-1", message="404"),
            ConditionEvent(ending=Ending.FINISHED, value={"run": {"id": 1}}),
            ConditionEvent(ending=Ending.TIMEOUT, message="late"),
        ],
        ids=["end", "lost", "condition", "timeout"],
    )
    def test_of_another_release_are_read(self, event: RunEvent | ConditionEvent) -> None:
        """During an upgrade, the triggerer and the workers have different releases."""
        payload = event.as_json()
        assert type(event).from_json({**payload, "added_later": {"a": 1}}) == event
        # A field that was added after the first release has a default.
        names = [field.name for field in fields(event) if field.default is not MISSING]
        for name in names:
            earlier = {key: value for key, value in payload.items() if key != name}
            if payload[name] == {field.name: field.default for field in fields(event)}[name]:
                assert type(event).from_json(earlier) == event

    def test_with_a_run_of_another_release_are_read(self) -> None:
        payload = self.GOOD.as_json()
        payload["snapshot"]["added_later"] = 1
        del payload["snapshot"]["message"], payload["snapshot"]["details"]
        assert RunEvent.from_json(payload) == self.GOOD
        # The platform can add any fields of its own.
        payload["snapshot"]["details"] = {"added_later": "by the platform"}
        assert RunEvent.from_json(payload).snapshot.details == payload["snapshot"]["details"]  # type: ignore[union-attr]

    @pytest.mark.parametrize("payload", [None, "finished", [], {}, {"ending": "finished"}, 1])
    def test_cannot_be_read_from_other_values(self, payload: object) -> None:
        with pytest.raises(ValueError, match=r"not a RunEvent|the ending is finished, but"):
            RunEvent.from_json(payload)
        with pytest.raises(ValueError, match=r"not a ConditionEvent|the ending is finished, but"):
            ConditionEvent.from_json(payload)

    @pytest.mark.parametrize(
        "event",
        [
            ConditionEvent(ending=Ending.FINISHED, value={"run": {"id": 1}}),
            ConditionEvent(ending=Ending.FINISHED, value={}),
            ConditionEvent(ending=Ending.UNREACHABLE, message="503"),
        ],
    )
    def test_of_a_condition_are_unchanged_after_json(self, event: ConditionEvent) -> None:
        assert ConditionEvent.from_json(json.loads(json.dumps(event.as_json()))) == event

    @pytest.mark.parametrize(
        "payload",
        [
            {"ending": "finished", "value": None, "message": "", "permanent": False},
            {"ending": "finished", "value": [], "message": "", "permanent": False},
            {"ending": "unreachable", "value": [], "message": "", "permanent": False},
            {"ending": "lost", "value": {}, "message": "", "permanent": False},
            {"ending": "timeout", "value": 0, "message": "", "permanent": False},
            {"ending": "met", "value": {}, "message": "", "permanent": False},
            {"ending": "finished", "value": {}, "message": None, "permanent": False},
        ],
    )
    def test_of_a_condition_with_an_invalid_member_raise_an_error(self, payload: dict[str, Any]) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - only the class matters
            ConditionEvent.from_json(payload)

    @pytest.mark.parametrize("seed", range(20))
    def test_are_read_or_raise_a_value_error_for_any_payload(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        condition = ConditionEvent(ending=Ending.FINISHED, value={}).as_json()
        for _ in range(200):
            for event, good in ((RunEvent, self.GOOD.as_json()), (ConditionEvent, condition)):
                payload = mangled(good, chance)
                try:
                    back = event.from_json(payload).as_json()
                except ValueError:
                    continue
                assert agree(back, payload)

    def test_have_a_failure_except_after_success(self) -> None:
        names = {"platform": "Tamr", "noun": "job", "url": "https://x", "limit": "timeout=60 s"}
        assert self.GOOD.failure(**names) is None
        for state in (RunState.FAILED, RunState.CANCELLED):
            event = RunEvent(ending=Ending.FINISHED, run_id="r-1", snapshot=snapshot(state))
            assert event.failure(**names) is not None
        for ending in (Ending.TIMEOUT, Ending.LOST, Ending.UNREACHABLE):
            error = RunEvent(ending=ending, run_id="r-1", message="why").failure(**names)
            assert "why" in str(error)
            assert "https://x" in str(error)
            assert not isinstance(error, RunFailedError)


class TestRecord:
    def test_is_unchanged_after_the_store(self) -> None:
        record = Record(
            generation=Generation(2, 1),
            phase=Phase.DEFERRED,
            token="t",
            baseline={"highest": 4},
            fingerprint={"a": "b"},
            id_scope="https://x",
        )
        assert Record.read(json.loads(json.dumps(record.as_json()))) == record
        assert Record.read(None) is None
        later = ("timed_out", "search_until", "candidates", "lost")
        earlier = {name: value for name, value in record.as_json().items() if name not in later}
        earlier["generation"] = {"max_tries": 2, "clear_number": 1}
        assert Record.read(earlier) == record, "an earlier release wrote no such fields"
        # A field of a later release may be needed to prevent a second run.
        with pytest.raises(ValueError, match="a field is missing, or this release does not know a field"):
            Record.read({**record.as_json(), "added_later": True})

    @pytest.mark.parametrize(
        "payload",
        [
            {},
            {"version": 1},
            {"version": 2},
            {"generation": 1},
            "j-1",
            [],
            {"version": 1, "run_id": "j-1", "more": 1},
        ],
    )
    def test_of_another_format_raises_an_error(self, payload: Any) -> None:
        with pytest.raises(ValueError, match="cannot be read"):
            Record.read(payload)

    def test_a_fingerprint_shows_the_changed_names_but_no_values(self) -> None:
        old = fingerprint({"base_url": "https://x", "configuration": {"load": {"sourceId": "a"}}})
        new = fingerprint({"configuration": {"load": {"sourceId": "b"}}, "base_url": "https://x"})
        assert changed(old, new) == ["configuration.load.sourceId"]
        assert changed(old, dict(reversed(old.items()))) == []
        assert "https://x" not in json.dumps(old)
