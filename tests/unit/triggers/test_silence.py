"""What a trigger logs and reports about an outage and about the deadline."""

from __future__ import annotations

import itertools
import logging
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.triggers import base
from tests.loops import EPOCH
from tests.unit.triggers.bench import condition
from tests.unit.triggers.fakes import trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.triggers.bench import Bench
    from tests.unit.triggers.fakes import SentRequest

FAILURE = "Fake: list runs failed: HTTP 503"


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns the lines of the task's own log."""
    monkeypatch.setattr(base.DataOpsTrigger, "log", logging.getLogger("the task's"))
    caplog.set_level("INFO")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "the task's"]


def unavailable(start: float, end: float) -> Callable[[SentRequest], Exception | None]:
    def answer(request: SentRequest) -> Exception | None:
        error = ServerError("HTTP 503", platform="Fake", operation="list runs", status=503)
        return error if start <= request.at < end else None

    return answer


@pytest.mark.parametrize(
    ("waiting", "next_step"),
    [(trigger(), "Fake run r-1 is not affected"), (condition(after=200), "the wait continues")],
    ids=["run", "condition"],
)
def test_the_start_and_the_end_of_an_outage_are_logged_and_a_few_lines_between(
    bench: Bench, log_lines: Callable[[], list[str]], waiting: Any, next_step: str
) -> None:
    bench.platform.failing = unavailable(300.0, 900.0)
    waiting.deadline = EPOCH + 2_000.0
    bench.wait_for(waiting)
    lines = log_lines()
    failures = [line for line in lines if line.startswith(FAILURE)]
    assert all(f"; {next_step}, the next request is due in " in line for line in failures)
    assert re.findall(r"failed requests: (\d+) in (\d+ \w+); ", " ".join(failures)) == [
        ("7", "67 s"),
        ("9", "3 min"),
        ("13", "7 min"),
    ]
    (back,) = [line for line in lines if line.startswith("Fake answers again, after ")]
    assert lines.index(failures[-1]) < lines.index(back)
    failed = [time for time in bench.platform.times if 300.0 <= time < 900.0]
    assert back.endswith(f"(failed requests: {len(failed)})")
    seconds = float(back.removeprefix("Fake answers again, after ").partition(" ")[0])
    first_good = min(time for time in bench.platform.times if time >= 900.0)
    assert seconds == pytest.approx(first_good - failed[0], abs=1.0)


@pytest.mark.parametrize("waiting", [trigger(), condition(after=200)], ids=["run", "condition"])
def test_the_next_request_is_sent_at_the_logged_time(
    bench: Bench, log_lines: Callable[[], list[str]], waiting: Any
) -> None:
    bench.platform.failing = unavailable(300.0, 900.0)
    waiting.deadline = EPOCH + 2_000.0
    bench.wait_for(waiting)
    times = [time for time in bench.platform.times if time >= 300.0]
    passed = [after - before for before, after in pairwise(times)]
    lines = [line for line in log_lines() if FAILURE in line]
    assert len(lines) > 3
    for line in lines:
        number = re.search(r"failed requests: (\d+) in", line)
        due = passed[int(number[1]) - 1 if number else 0]
        assert float(line.split()[-2]) == pytest.approx(due, abs=1.5)


@pytest.mark.parametrize(
    ("waiting", "state", "minutes"),
    [
        (trigger(), "Fake run r-1 is running", (3, 8, 16, 26, 36)),
        (condition(after=10_000), "The condition at Fake is not met yet", (3, 7, 15, 25, 35)),
    ],
    ids=["run", "condition"],
)
def test_a_long_wait_logs_six_lines_an_hour(
    bench: Bench, log_lines: Callable[[], list[str]], waiting: Any, state: str, minutes: tuple[int, ...]
) -> None:
    waiting.deadline = EPOCH + 10 * 3600.0
    bench.wait_for(waiting)
    lines = log_lines()
    assert lines[0].startswith(f"{state}; the next request is due in ")
    lasted = [
        re.fullmatch(rf"{state}, unchanged for (.+); the next request is due in \d+ s", x) for x in lines[1:]
    ]
    assert [match and match[1] for match in lasted[1:6]] == [f"{number} min" for number in minutes]
    assert None not in lasted
    assert len(lines) <= 6 * 10 + 3


def test_two_kinds_of_failure_that_alternate_are_each_logged_once(
    bench: Bench, log_lines: Callable[[], list[str]]
) -> None:
    kinds = itertools.cycle((502, 503))

    def answer(request: SentRequest) -> Exception:
        return ServerError("HTTP error", platform="Fake", operation="list runs", status=next(kinds))

    bench.platform.failing = answer
    bench.wait_for(trigger(deadline=EPOCH + 55.0))
    assert len(log_lines()) == 2 < len(bench.platform.times) - 1


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (unavailable(0.0, 0.0), "the last state was running"),
        (unavailable(0.0, 1e9), f"the last request failed: {FAILURE}"),
        (unavailable(500.0, 1e9), f"the last state was running; the last request failed: {FAILURE}"),
    ],
    ids=["available", "unavailable", "unavailable at the end"],
)
def test_a_timeout_of_a_run_reports_the_last_state_and_the_last_error(
    bench: Bench, failing: Callable[[SentRequest], Exception | None], words: str
) -> None:
    bench.platform.states["r-1"] = RunState.RUNNING
    bench.platform.failing = failing
    _, event = bench.wait_for_run(trigger(deadline=EPOCH + 1_000.0))
    assert event.message == f"the deadline 2023-11-14 22:30:00 UTC has passed; {words}"


def test_a_trigger_that_starts_after_the_deadline_reports_the_deadline(bench: Bench) -> None:
    """A trigger can start late after a move to another triggerer. The deadline does not move."""
    _, event = bench.wait_for_run(trigger(deadline=EPOCH - 60.0))
    assert event.message == "the deadline 2023-11-14 22:12:20 UTC has passed"


def test_a_timeout_of_a_condition_reports_the_last_error(bench: Bench) -> None:
    bench.platform.failing = unavailable(0.0, 1e9)
    _, payload = bench.wait_for(condition(deadline=EPOCH + 1_000.0))
    message = f"the deadline 2023-11-14 22:30:00 UTC has passed; the last request failed: {FAILURE}"
    assert payload["message"] == message
