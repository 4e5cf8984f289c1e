"""What a task publishes for the page *Remote runs*."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.lifecycle.progress import WaitProgress
from airflow_provider_dataops.lifecycle.published import PublishedState, PublishedWait, WaitMode
from tests.unit.fakes import FakeClock

LOG = logging.getLogger("task")

WAIT: dict[str, Any] = {
    "format": 1,
    "platform": "tamr",
    "title": "Tamr",
    "noun": "job",
    "conn_id": "tamr_default",
    "run_id": "j-1",
    "condition": None,
    "url": "https://x/jobs/j-1",
    "started_at": 1000.5,
    "attached_at": 1001,
    "reattached": False,
    "adopted": "guessed",
    "deadline": 2000,
    "poll_interval": 30,
    "mode": "deferred",
    "state": "running",
    "raw_state": "RUNNING",
    "seen_at": 1001,
}
STATE: dict[str, Any] = {
    "format": 1,
    "state": "running",
    "raw_state": "RUNNING",
    "seen_at": 1060.0,
    "since": 1000.0,
    "failing_since": 1070.0,
    "error": "HTTP 503",
    "ended": False,
}


class WallClock(FakeClock):
    """A clock whose wall time differs from its monotonic time."""

    def wall(self) -> float:
        return self.now + 50_000.0


def state_of(progress: WaitProgress, clock: FakeClock) -> dict[str, Any]:
    value = PublishedState.of(progress, clock).as_json()
    assert json.loads(json.dumps(value)) == value
    return value


def seen(state: RunState, raw_state: str) -> RunSnapshot:
    return RunSnapshot(run_id="j-1", state=state, raw_state=raw_state)


class TestRead:
    @pytest.mark.parametrize(("cls", "value"), [(PublishedWait, WAIT), (PublishedState, STATE)])
    def test_returns_what_was_written(self, cls: Any, value: dict[str, Any]) -> None:
        read = cls.read(value)
        assert read is not None
        assert read.as_json() == value

    @pytest.mark.parametrize(("cls", "value"), [(PublishedWait, WAIT), (PublishedState, STATE)])
    def test_ignores_a_field_of_a_later_release(self, cls: Any, value: dict[str, Any]) -> None:
        assert cls.read({**value, "colour": "blue"}) == cls.read(value)

    def test_needs_no_state_of_a_wait(self) -> None:
        bare = {name: v for name, v in WAIT.items() if name not in {"state", "raw_state", "seen_at"}}
        read = PublishedWait.read(bare)
        assert read is not None
        assert (read.state, read.raw_state, read.seen_at) == (None, None, None)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "text",
            [],
            {},
            {"__task_state_ref__": "s3://x"},
            {**WAIT, "format": 2},
            {**WAIT, "deadline": "tomorrow"},
            {**WAIT, "mode": "elsewhere"},
        ],
    )
    def test_returns_none_for_anything_else(self, value: object) -> None:
        assert PublishedWait.read(value) is None


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://x/1", "https://x/1"),
        ("HTTP://x/1", "HTTP://x/1"),
        ("javascript:alert(1)", ""),
        ("//x/1", ""),
        ("", ""),
    ],
)
def test_a_link_is_http_or_empty(url: str, kept: str) -> None:
    read = PublishedWait.read({**WAIT, "url": url})
    assert read is not None
    assert read.url == kept


def test_texts_are_short_and_can_be_stored() -> None:
    read = PublishedWait.read({**WAIT, "raw_state": "x" * 1000, "condition": "a\x00b"})
    assert read is not None
    assert (len(read.raw_state or ""), read.condition) == (300, "a\ufffdb")
    progress = WaitProgress(0.0, "j-1")
    progress.failed(ServerError("y" * 1000, status=503), 1.0)
    assert len(state_of(progress, FakeClock())["error"]) == 300


def test_the_modes_are_two_words() -> None:
    assert [str(mode) for mode in WaitMode] == ["worker", "deferred"]


class TestTheStateOfAWait:
    def test_is_the_last_state_and_since_when(self) -> None:
        clock = WallClock()
        progress = WaitProgress(clock.now, "j-1")
        progress.ending(seen(RunState.RUNNING, "RUNNING"), 1_000.0, None, LOG)
        progress.ending(seen(RunState.RUNNING, "RUNNING"), 1_060.0, None, LOG)
        clock.now = 2_000.0
        assert state_of(progress, clock) == {
            "format": 1,
            "state": "running",
            "raw_state": "RUNNING",
            "seen_at": 51_060.0,
            "since": 51_000.0,
            "failing_since": None,
            "error": None,
            "ended": False,
        }

    def test_stays_during_an_outage_which_is_published_with_its_begin_and_its_error(self) -> None:
        clock = WallClock()
        progress = WaitProgress(clock.now, "j-1")
        progress.ending(seen(RunState.PENDING, "QUEUED"), 1_000.0, None, LOG)
        progress.failed(ServerError("HTTP 503", status=503), 1_010.0)
        progress.failed(ServerError("HTTP 502", status=502), 1_020.0)
        value = state_of(progress, clock)
        assert (value["state"], value["seen_at"]) == ("pending", 51_000.0)
        assert (value["failing_since"], value["error"]) == (51_010.0, "HTTP 502")

    def test_is_unknown_if_no_response_has_arrived(self) -> None:
        progress = WaitProgress(1_000.0, "j-1", outline="RUNNING")
        progress.failed(ServerError("HTTP 503", status=503), 1_010.0)
        value = state_of(progress, FakeClock())
        assert [value[name] for name in ("state", "raw_state", "seen_at", "since")] == [None] * 4
        assert value["failing_since"] == 1_010.0

    @pytest.mark.parametrize(
        ("state", "ended"), [(RunState.FAILED, True), (RunState.UNKNOWN, False), (RunState.ABSENT, False)]
    )
    def test_has_ended_if_the_state_is_final(self, state: RunState, ended: bool) -> None:
        progress = WaitProgress(1_000.0, "j-1")
        progress.ending(seen(state, "X"), 1_000.0, None, LOG)
        assert state_of(progress, FakeClock())["ended"] is ended

    def test_of_a_condition_has_no_state(self) -> None:
        progress = WaitProgress(1_000.0)
        progress.failed(ServerError("HTTP 503", status=503), 1_000.0)
        progress.not_met(1_030.0, None, LOG)
        value = state_of(progress, FakeClock())
        assert (value["state"], value["since"], value["seen_at"]) == (None, None, 1_030.0)
        assert (value["failing_since"], value["error"]) == (None, None)


class TestAChangeToPublish:
    def test_is_another_state(self) -> None:
        progress = WaitProgress(1_000.0, "j-1", outline="QUEUED")
        assert progress.news == progress.published
        progress.ending(seen(RunState.PENDING, "QUEUED"), 1_000.0, None, LOG)
        assert progress.news == progress.published
        progress.ending(seen(RunState.RUNNING, "RUNNING"), 1_002.0, None, LOG)
        assert progress.news != progress.published

    def test_is_the_first_failure_and_the_first_response_after_it(self) -> None:
        progress = WaitProgress(1_000.0, "j-1", outline="RUNNING")
        progress.failed(ServerError("HTTP 503", status=503), 1_010.0)
        assert progress.news != progress.published
        progress.published = progress.news
        progress.failed(ServerError("HTTP 502", status=502), 1_020.0)
        assert progress.news == progress.published
        progress.ending(seen(RunState.RUNNING, "RUNNING"), 1_030.0, None, LOG)
        assert progress.news != progress.published

    @pytest.mark.parametrize("state", [RunState.ABSENT, RunState.UNLISTED])
    def test_is_not_another_text_about_a_run_that_is_not_listed(self, state: RunState) -> None:
        """A 404 may contain the time of the response."""
        progress = WaitProgress(1_000.0, "j-1")
        progress.ending(seen(state, "404: at 10:00:01"), 1_000.0, None, LOG)
        assert progress.news != progress.published
        progress.published = progress.news
        progress.ending(seen(state, "404: at 10:00:02"), 1_001.0, None, LOG)
        assert progress.news == progress.published
