"""If a platform's list leaves out a run, the run is not lost: in the wait, in the search, and at a retry."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import AmbiguousSubmitError, IncompleteListError, TransportError
from airflow_provider_dataops.lifecycle.progress import (
    ABSENT_POLLS,
    ABSENT_SECONDS,
    Verdict,
    WaitProgress,
)
from airflow_provider_dataops.lifecycle.record import Generation
from tests.unit.lifecycle.simulation import QUANTEMPLATE, TAILER, TAMR, Kind, World, lost_reply, never_arrived

NOW = Generation(max_tries=1, clear_number=0)
CLEARED = Generation(max_tries=2, clear_number=1)
UNLISTED = RunSnapshot(run_id="r-1", state=RunState.UNLISTED, raw_state="not listed")
ABSENT = RunSnapshot(run_id="r-1", state=RunState.ABSENT, raw_state="not listed")


class TestWait:
    def test_continues_until_the_deadline(self) -> None:
        progress = WaitProgress(0.0)
        times = [Options.outage_budget / 10 * n for n in range(100)]
        assert {progress.saw(UNLISTED, time) for time in times} == {Verdict.WAIT}

    @pytest.mark.parametrize(("seen", "words"), [(False, "not listed yet"), (True, "no longer listed")])
    def test_logs_whether_an_absent_run_was_listed_before(
        self, seen: bool, words: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        progress = WaitProgress(0.0, "r-1", "Tailer run", seen)
        with caplog.at_level(logging.INFO):
            progress.ending(ABSENT, 0.0, 5.0, logging.getLogger("the task's"))
        assert caplog.messages == [f"Tailer run r-1 is {words}; the next request is due in 5 s"]

    def test_does_not_count_the_time_in_which_the_run_cannot_be_listed(self) -> None:
        progress = WaitProgress(0.0)
        for time in range(0, 50, 10):
            assert progress.saw(ABSENT, float(time)) is Verdict.WAIT
        assert progress.saw(UNLISTED, 50.0) is Verdict.WAIT
        assert progress.saw(ABSENT, 61.0) is Verdict.WAIT

    @pytest.mark.parametrize("seen", [False, True])
    def test_does_not_treat_an_unlisted_run_as_seen(self, seen: bool) -> None:
        progress = WaitProgress(0.0, seen=seen)
        progress.saw(UNLISTED, 0.0)
        verdicts = [progress.saw(ABSENT, ABSENT_SECONDS * n) for n in range(ABSENT_POLLS)]
        assert verdicts[-1] is (Verdict.WAIT if seen else Verdict.LOST)


class TestRetry:
    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAILER])
    def test_waits_for_the_same_run(self, kind: Kind) -> None:
        world = World(kind)
        world.start(NOW)
        world.runs[0].state = RunState.UNLISTED
        for lost in (False, True):
            assert world.stored is not None
            world.stored["lost"] = lost
            again = world.start(NOW)
            assert (again.known, again.snapshot.run_id) == (True, "r1")
        assert len(world.runs) == 1

    def test_with_other_arguments_starts_no_second_run(self) -> None:
        world = World(TAILER)
        world.start(NOW)
        world.runs[0].state = RunState.UNLISTED
        world.identity = {"what": "weekly"}
        with pytest.raises(AmbiguousSubmitError, match="may still be active"):
            world.start(NOW)

    def test_after_a_clear_logs_the_old_run(self) -> None:
        world = World(TAILER)
        world.start(NOW)
        world.runs[0].state = RunState.UNLISTED
        assert not world.start(CLEARED).known
        assert any("r1, started before the Clear, was not stopped" in line for line in world.log_lines)


class TestSearch:
    def leave_out_the_run(self, world: World) -> None:
        """Let the list leave out the run."""

        def leave_out() -> None:
            raise IncompleteListError("the list leaves out jobs", platform="Simulation")

        world.on_search = leave_out

    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TAILER])
    def test_does_not_submit_again_if_the_list_is_incomplete(self, kind: Kind) -> None:
        world = World(kind)
        world.on_submit = never_arrived(world)
        self.leave_out_the_run(world)
        began = world.now
        with pytest.raises(AmbiguousSubmitError, match=r"leaves out jobs\. A second job was not started"):
            world.start(NOW)
        assert world.tokens == 1
        # The run may still be listed until the listing delay has passed.
        assert 30.0 <= world.now - began < 300.0

    def test_finds_a_run_that_is_listed_later(self) -> None:
        world = World(TAMR)
        world.on_submit = lost_reply(world)
        self.leave_out_the_run(world)
        began = world.now
        leave_out = world.on_search

        def leave_out_at_first() -> None:
            if world.now < began + 20.0:
                leave_out()

        world.on_search = leave_out_at_first
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1

    def test_is_continued_by_the_next_try(self) -> None:
        world = World(TAMR)
        world.on_submit = lost_reply(world)
        self.leave_out_the_run(world)
        with pytest.raises(AmbiguousSubmitError):
            world.start(NOW)
        world.on_search = lambda: None
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1


def test_a_search_continues_after_other_errors() -> None:
    world = World(TAMR)
    world.on_submit = lost_reply(world)
    back = world.now + 200.0

    def fail() -> None:
        if world.now < back:
            raise TransportError("reset")

    world.on_search = fail
    assert world.start(NOW).snapshot.run_id == "r1"
