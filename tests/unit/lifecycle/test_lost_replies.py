"""A submission without an answer is neither sent twice nor mistaken for somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    BadRequestError,
    RateLimitedError,
    SlotsTakenError,
    TransportError,
    UnroutedError,
)
from airflow_provider_dataops.lifecycle.record import Generation
from tests.unit.lifecycle.simulation import (
    QUANTEMPLATE,
    TAMR,
    TOUCAN,
    TRAC,
    RemoteRun,
    SupersededError,
    World,
    lost_reply,
    never_arrived,
)

NOW = Generation(max_tries=1, clear_number=0)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC])
@pytest.mark.parametrize("delay", [0.0, 25.0])
def test_the_run_whose_answer_was_lost_is_adopted(kind: object, delay: float) -> None:
    world = World(kind, listing_delay=delay)  # type: ignore[arg-type]
    world.on_submit = lost_reply(world)
    started = world.start(NOW)
    assert [run.run_id for run in world.ours()] == [started.snapshot.run_id]
    assert any("Adopted" in line and "https://ui/nightly/r1" in line for line in world.log_lines)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC])
def test_a_submission_that_never_arrived_is_sent_again_once_that_is_settled(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]
    world.on_submit = never_arrived(world)
    began = world.now
    started = world.start(NOW)
    assert world.active() == [started.snapshot.run_id]
    assert world.now - began >= 30
    assert world.tokens == 2


def test_submissions_are_not_sent_without_end() -> None:
    world = World(TAMR)
    world.on_submit = never_arrived(world, times=99)
    with pytest.raises(TransportError):
        world.start(NOW)
    assert world.tokens == 3
    assert world.stored is None


def test_two_new_runs_are_no_basis_for_a_guess() -> None:
    world = World(TAMR)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.stranger()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError, match=r"r1, r2"):
        world.start(NOW)


def test_a_strangers_run_that_is_listed_first_is_not_taken_for_ours() -> None:
    world = World(QUANTEMPLATE, listing_delay=20.0)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.stranger()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError):
        world.start(NOW)


def test_a_token_finds_ours_among_strangers() -> None:
    world = World(TRAC)

    def answer(run: RemoteRun) -> None:
        world.stranger()
        world.runs.append(run)
        world.stranger()
        raise TransportError("reset")

    world.on_submit = answer
    started = world.start(NOW)
    assert [started.snapshot.run_id] == [run.run_id for run in world.ours()]


@pytest.mark.parametrize(
    "error",
    [BadRequestError("no", status=400), TransportError("refused", not_sent=True)],
    ids=["refused by the platform", "never connected"],
)
def test_what_was_proven_not_to_arrive_leaves_no_intent(error: Exception) -> None:
    world = World(TAMR)

    def refuse(run: RemoteRun) -> None:
        raise error

    world.on_submit = refuse
    with pytest.raises(type(error)):
        world.start(NOW)
    assert world.stored is None
    world.on_submit = None
    assert world.start(NOW).fresh
    assert len(world.ours()) == 1


def test_taken_slots_leave_no_intent_and_are_told_apart() -> None:
    world = World(TAMR)

    def refuse(run: RemoteRun) -> None:
        raise RateLimitedError("five jobs run", status=429, retry_after=7.0)

    world.on_submit = refuse
    with pytest.raises(SlotsTakenError) as caught:
        world.start(NOW)
    assert caught.value.retry_after == 7.0
    assert world.stored is None


def test_a_superseded_try_sends_nothing() -> None:
    world = World(TAMR)
    # The mark was read; a newer try takes over before the intent is written.
    world.on_effect = lambda count: world.take_over() if count == 1 else None
    with pytest.raises(SupersededError):
        world.start(NOW)
    assert world.runs == []


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_a_run_that_cannot_be_remembered_is_named_and_stopped_where_it_can_be(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.store_error = OSError("503")

    world.on_submit = answer
    with pytest.raises(OSError, match="503"):
        world.start(NOW)
    assert any("r1" in line and "https://ui/nightly/r1" in line for line in world.log_lines)
    assert (world.active() == []) is world.kind.can_stop


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_a_superseded_try_leaves_its_run_to_the_newer_one_which_looks_for_it(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]

    def answer(run: RemoteRun) -> None:
        # Worker and task were frozen in the submit; they wake after the newer try has begun.
        world.runs.append(run)
        world.take_over()

    world.on_submit = answer
    with pytest.raises(SupersededError):
        world.start(NOW)
    assert world.active() == ["r1"]
    assert any("newer try" in line and "https://ui/nightly/r1" in line for line in world.log_lines)
    world.on_submit = None
    assert world.start(NOW).snapshot.run_id == "r1"
    assert world.active() == ["r1"]


def test_one_answer_that_lacks_the_run_is_not_believed() -> None:
    world = World(TAMR)
    first = world.start(NOW)
    world.runs[0].listed_at = world.now + 30
    again = world.start(NOW)
    assert again.snapshot.run_id == first.snapshot.run_id
    assert len(world.ours()) == 1


def test_a_run_that_stays_away_is_started_anew() -> None:
    world = World(QUANTEMPLATE)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    again = world.start(NOW)
    assert again.fresh
    assert again.snapshot.run_id == "r2"


def test_a_run_that_stays_away_is_not_replaced_where_that_proves_nothing() -> None:
    world = World(TOUCAN)
    world.start(NOW)
    world.end_all(RunState.ABSENT)
    with pytest.raises(AmbiguousSubmitError, match=r"job r1 of an earlier try is not known") as caught:
        world.start(NOW)
    assert (caught.value.run_id, caught.value.url) == ("r1", "https://ui/nightly/r1")
    assert world.tokens == 1
    assert world.start(replace(NOW, clear_number=1)).snapshot.run_id == "r2"


def test_an_answer_that_is_not_the_platforms_own_starts_nothing() -> None:
    world = World(TRAC)
    world.start(NOW)
    world.look_error = UnroutedError("HTTP 404 default backend", status=404)
    with pytest.raises(UnroutedError):
        world.start(NOW)
    assert world.tokens == 1
    assert any("job r1 of an earlier try cannot be asked about" in line for line in world.log_lines)


def test_a_guessed_run_is_never_stopped_by_us() -> None:
    world = World(TAMR)
    world.on_submit = lost_reply(world)
    world.start(NOW)
    world.start(replace(NOW, max_tries=9))
    assert "r1" in world.active()
    assert any("goes on" in line and "r1" in line for line in world.log_lines)
