"""What a trigger's log and its event say of an outage, and of the deadline."""

from __future__ import annotations

import logging
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
    from tests.unit.triggers.fakes import Asked

LOST = "Fake: list runs failed: HTTP 503"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what returns the lines of the task's own log."""
    monkeypatch.setattr(base.DataOpsTrigger, "log", logging.getLogger("the task's"))
    caplog.set_level("INFO")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "the task's"]


def away(start: float, end: float) -> Callable[[Asked], Exception | None]:
    def answer(asked: Asked) -> Exception | None:
        lost = ServerError("HTTP 503", platform="Fake", operation="list runs", status=503)
        return lost if start <= asked.at < end else None

    return answer


@pytest.mark.parametrize(
    ("waiting", "goes_on"),
    [(trigger(), "Fake run r-1 is not affected"), (condition(after=200), "the wait continues")],
    ids=["run", "condition"],
)
def test_an_outage_is_told_from_its_beginning_to_its_end(
    bench: Bench, told: Callable[[], list[str]], waiting: Any, goes_on: str
) -> None:
    bench.platform.failing = away(300.0, 900.0)
    waiting.deadline = EPOCH + 2_000.0
    bench.ended(waiting)
    lines = told()
    failures = [line for line in lines if line.startswith(f"{LOST}; {goes_on}, the next request is due in ")]
    (back,) = [line for line in lines if line.startswith("Fake answers again, after ")]
    assert lines.index(failures[-1]) < lines.index(back)
    # All but the first and the last belong to the outage: no line but one for each failed look.
    asked = [time for time in bench.platform.times if 300.0 <= time < 900.0]
    assert len(failures) == len(asked) <= 20
    assert back.endswith(f"(failed requests: {len(failures)})")
    seconds = float(back.removeprefix("Fake answers again, after ").partition(" ")[0])
    first_good = min(time for time in bench.platform.times if time >= 900.0)
    assert seconds == pytest.approx(first_good - asked[0], abs=1.0)


@pytest.mark.parametrize("waiting", [trigger(), condition(after=200)], ids=["run", "condition"])
def test_the_next_look_comes_when_the_log_says_so(
    bench: Bench, told: Callable[[], list[str]], waiting: Any
) -> None:
    bench.platform.failing = away(300.0, 900.0)
    waiting.deadline = EPOCH + 2_000.0
    bench.ended(waiting)
    said = [float(line.split()[-2]) for line in told() if "the next request is due in" in line]
    asked = [time for time in bench.platform.times if time >= 300.0]
    passed = [after - before for before, after in pairwise(asked)]
    assert said == pytest.approx(passed[: len(said)], abs=1.5)


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (away(0.0, 0.0), "the last state was running"),
        (away(0.0, 1e9), f"the last request failed: {LOST}"),
        (away(500.0, 1e9), f"the last state was running; the last request failed: {LOST}"),
    ],
    ids=["always there", "never there", "away in the end"],
)
def test_a_timeout_of_a_run_says_what_is_known(
    bench: Bench, failing: Callable[[Asked], Exception | None], words: str
) -> None:
    bench.platform.states["r-1"] = RunState.RUNNING
    bench.platform.failing = failing
    _, event = bench.run_ended(trigger(deadline=EPOCH + 1_000.0))
    assert event.message == f"the deadline 2023-11-14 22:30:00 UTC has passed; {words}"


def test_a_trigger_that_begins_after_the_deadline_names_it_too(bench: Bench) -> None:
    """As after a move to another triggerer: what counts is when the try began."""
    _, event = bench.run_ended(trigger(deadline=EPOCH - 60.0))
    assert event.message == "the deadline 2023-11-14 22:12:20 UTC has passed"


def test_a_timeout_of_a_condition_says_why_it_was_not_asked(bench: Bench) -> None:
    bench.platform.failing = away(0.0, 1e9)
    _, payload = bench.ended(condition(deadline=EPOCH + 1_000.0))
    message = f"the deadline 2023-11-14 22:30:00 UTC has passed; the last request failed: {LOST}"
    assert payload["message"] == message
