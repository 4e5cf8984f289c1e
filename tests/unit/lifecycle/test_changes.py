"""A try whose arguments, connection or package differ from those of the previous try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import AmbiguousSubmitError, NotFoundError
from airflow_provider_dataops.lifecycle.record import Generation
from tests.unit.lifecycle.simulation import (
    QUANTEMPLATE,
    TAILER,
    TAMR,
    TOUCAN,
    TRAC,
    Killed,
    Kind,
    SupersededError,
    World,
)

NOW = Generation(max_tries=1, clear_number=0)
#: When the run of the first try is listed, in seconds of the world's time: at once.
NOW_LISTED = 1_001.0


def ignore_stops(world: World) -> None:
    """Let the runs keep running after a stop request."""
    for run in world.runs:
        run.state = RunState.RUNNING


class TestOtherArguments:
    """A retry whose templates rendered to other values."""

    def test_the_old_run_is_stopped_if_the_platform_can_stop_it(self) -> None:
        world = World(TAMR)
        world.start(NOW)
        world.identity = {"what": "tonight"}
        again = world.start(NOW)
        assert world.active() == [again.snapshot.run_id] == ["r2"]
        assert any("what changed" in line for line in world.log_lines)

    @pytest.mark.parametrize("cleared", [True, False])
    def test_a_superseded_try_stops_nothing(self, cleared: bool) -> None:
        world = World(TAMR)
        world.start(NOW)
        world.identity = {"what": "tonight"}
        # The newer try starts while this try requests the state of the old run.
        world.on_effect = lambda _: world.take_over()
        with pytest.raises(SupersededError):
            world.start(replace(NOW, max_tries=2) if cleared else NOW)
        assert world.active() == ["r1"]

    def test_no_run_is_started_if_the_old_run_cannot_be_stopped(self) -> None:
        # The list of the new place does not contain the old run. Its link leads to the old place.
        world = World(QUANTEMPLATE)
        world.start(NOW)
        world.identity = {"what": "tonight"}
        with pytest.raises(AmbiguousSubmitError, match="https://ui/nightly/r1"):
            world.start(NOW)
        assert world.active() == ["r1"]

    def test_no_run_is_started_if_the_old_run_must_not_be_stopped(self) -> None:
        world = World(TAMR)
        world.start(NOW)
        world.identity = {"what": "tonight"}
        with pytest.raises(AmbiguousSubmitError, match="r1"):
            world.start(NOW, cancels=False)
        assert world.active() == ["r1"]

    def test_no_run_is_started_if_the_response_of_the_old_run_was_lost(self) -> None:
        world = World(QUANTEMPLATE)
        with pytest.raises(Killed):
            world.start(NOW, life=5)
        world.identity = {"what": "tonight"}
        with pytest.raises(AmbiguousSubmitError, match="r1"):
            world.start(NOW)
        assert world.active() == ["r1"]

    def test_a_run_with_other_arguments_that_is_not_found_may_still_be_active(self) -> None:
        """A 404 to a stop request does not prove that the run has ended: a list may be stale."""
        world = World(TAMR)
        world.start(NOW)
        world.identity = {"what": "tonight"}
        world.cancel_error = NotFoundError("unknown", status=404)
        with pytest.raises(
            AmbiguousSubmitError, match="r1 with other arguments; the platform does not find it now"
        ):
            world.start(NOW)
        assert world.active() == ["r1"]

    def test_no_run_is_started_before_the_old_run_is_listed_as_stopped(self) -> None:
        """After the stop request, a list may leave out the run for a while although the run is active."""
        world = World(TAMR)
        world.start(NOW)
        old = world.runs[0]
        world.identity = {"what": "tonight"}

        def hide(_: int) -> None:
            if old.state is RunState.CANCELLED and old.listed_at <= NOW_LISTED:
                old.listed_at = world.now + 60.0

        world.on_effect = hide
        world.start(NOW)
        assert world.now > old.listed_at > NOW_LISTED

    def test_no_run_is_started_if_the_old_run_does_not_stop(self) -> None:
        world = World(TAMR)
        world.start(NOW)
        world.identity = {"what": "tonight"}
        world.on_effect = lambda _: ignore_stops(world)
        with pytest.raises(
            AmbiguousSubmitError, match="r1 with other arguments; it was asked to stop 120 s ago"
        ):
            world.start(NOW)
        assert world.active() == ["r1"]

    def test_no_run_is_started_if_a_lost_run_may_still_begin(self) -> None:
        world = World(TOUCAN)
        world.start(NOW)
        world.end_all(RunState.ABSENT)
        world.wait_for_a_listing()
        world.identity = {"what": "tonight"}
        with pytest.raises(AmbiguousSubmitError, match=r"job r1 of an earlier try was not found"):
            world.start(NOW)
        assert world.tokens == 1

    def test_a_clear_starts_a_new_run_and_logs_the_old_one(self) -> None:
        world = World(QUANTEMPLATE)
        world.start(NOW)
        world.identity = {"what": "tonight"}
        assert world.start(replace(NOW, max_tries=2)).snapshot.run_id == "r2"
        assert any("keeps running" in line and "https://ui/nightly/r1" in line for line in world.log_lines)

    def test_a_new_run_is_started_if_the_old_run_has_ended(self) -> None:
        world = World(QUANTEMPLATE)
        world.start(NOW)
        world.end_all(RunState.FAILED)
        world.identity = {"what": "tonight"}
        assert world.start(NOW).snapshot.run_id == "r2"


class TestAnotherPlace:
    """The connection has another host than before."""

    def test_a_retry_starts_no_run(self) -> None:
        world = World(TAMR)
        world.start(NOW)
        world.id_scope = "https://two"
        with pytest.raises(AmbiguousSubmitError, match="https://one"):
            world.start(NOW)
        assert world.active() == ["r1"]

    def test_a_clear_does_not_stop_the_old_run_but_logs_it(self) -> None:
        world = World(TAMR)
        world.start(NOW)
        world.id_scope = "https://two"
        again = world.start(replace(NOW, max_tries=2))
        assert not again.known
        assert "r1" in world.active()
        assert any("r1" in line and "so this task does not stop it" in line for line in world.log_lines)

    def test_a_clear_logs_that_a_run_without_an_id_may_exist_at_the_old_host(self) -> None:
        world = World(TAMR)
        with pytest.raises(Killed):
            world.start(NOW, life=5)
        world.id_scope = "https://two"
        assert not world.start(replace(NOW, max_tries=2)).known
        assert any("no id is known" in line and "https://one" in line for line in world.log_lines)


def test_a_clear_does_not_stop_the_old_run_without_cancel_on_kill() -> None:
    world = World(TAMR)
    world.start(NOW)
    again = world.start(replace(NOW, max_tries=2), cancels=False)
    assert world.active() == ["r1", again.snapshot.run_id]
    assert any("keeps running" in line and "https://ui/nightly/r1" in line for line in world.log_lines)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC])
def test_a_clear_waits_until_the_old_submission_is_listed(kind: Kind) -> None:
    """If it were listed later, a search for the new run could find it instead."""
    world = World(kind, listing_delay=20.0)
    with pytest.raises(Killed):
        world.start(NOW, life=5)
    again = world.start(replace(NOW, max_tries=2))
    assert world.stored is not None
    assert world.stored["baseline"]["known"] == ["r1"]
    assert again.snapshot.run_id == "r2"


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC, TAILER, TOUCAN])
def test_a_clear_logs_a_run_that_is_not_listed(kind: Kind) -> None:
    world = World(kind)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    assert world.start(replace(NOW, max_tries=2)).snapshot.run_id == "r2"
    assert any(
        "was not found" in line and "may be running" in line and "/nightly/r1" in line
        for line in world.log_lines
    )


def test_a_clear_logs_a_run_that_the_stop_request_does_not_find() -> None:
    world = World(TAMR)
    world.start(NOW)
    world.cancel_error = NotFoundError("unknown", status=404)
    assert world.start(replace(NOW, max_tries=2)).snapshot.run_id == "r2"
    assert any(
        "was not found" in line and "may be running" in line and "/nightly/r1" in line
        for line in world.log_lines
    )


def test_a_clear_logs_a_run_that_does_not_stop() -> None:
    world = World(TAMR)
    world.start(NOW)
    world.on_effect = lambda _: ignore_stops(world)
    assert world.start(replace(NOW, max_tries=2)).snapshot.run_id == "r2"
    assert any("has not stopped yet" in line and "/nightly/r1" in line for line in world.log_lines)


def test_a_clear_does_not_wait_for_runs_of_others() -> None:
    world = World(TAMR)
    with pytest.raises(Killed):
        world.start(NOW, life=5)
    world.start_run_of_another()
    again = world.start(replace(NOW, max_tries=2))
    assert not again.known
    assert any("may still be running" in line and "r1, r2" in line for line in world.log_lines)


def test_a_record_of_another_version_fails_the_task() -> None:
    world = World(TAMR)
    world.start(NOW)
    assert world.stored is not None
    world.stored["version"] = 99
    with pytest.raises(AmbiguousSubmitError, match="version is 99"):
        world.start(NOW)
    assert len(world.own_runs()) == 1
