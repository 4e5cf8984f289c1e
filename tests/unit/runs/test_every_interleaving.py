"""A worker dies after each of its effects in turn; the next try finds one run, never two and never none."""

from __future__ import annotations

from itertools import count

import pytest

from airflow_provider_dataops.platforms.run import RunState
from airflow_provider_dataops.runs.record import Generation, Phase
from tests.unit.runs.simulation import QUANTEMPLATE, TAMR, TRAC, Killed, Kind, World

KINDS = {"guess without stop": QUANTEMPLATE, "guess with stop": TAMR, "exact token": TRAC}
FIRST = Generation(max_tries=2, clear_number=0)

#: What happened before the next try: the generation then, and whether it is a Clear.
NEXT = {
    "retry": (FIRST, False),
    "clear of a waiting task": (Generation(3, 1), True),
    "clear of a running task": (Generation(2, 1), True),
}


def deaths() -> list[tuple[str, int]]:
    """Return every point at which the first try of each kind of platform can die."""
    points = []
    for name, kind in KINDS.items():
        world = World(kind)
        world.start(FIRST)
        points += [(name, effect) for effect in range(world.effects)]
    return points


def died(kind: Kind, effect: int, listing_delay: float = 0.0) -> World:
    """Return the world after the first try died."""
    world = World(kind, listing_delay=listing_delay)
    with pytest.raises(Killed):
        world.start(FIRST, life=effect)
    return world


def test_there_are_deaths_before_and_after_each_step() -> None:
    assert {name for name, _ in deaths()} == set(KINDS)
    # mark, intent before and after, submit before and after, id before and after
    assert all(sum(1 for n, _ in deaths() if n == name) == 7 for name in KINDS)


@pytest.mark.parametrize("listing_delay", [0.0, 20.0], ids=["listed at once", "listed late"])
@pytest.mark.parametrize("next_try", NEXT)
@pytest.mark.parametrize(("name", "effect"), deaths())
def test_the_next_try_ends_with_one_run_that_it_knows(
    name: str, effect: int, next_try: str, listing_delay: float
) -> None:
    kind = KINDS[name]
    generation, cleared = NEXT[next_try]
    world = died(kind, effect, listing_delay)
    before = world.active()

    started = world.start(generation)

    assert started.snapshot.run_id in world.active()
    assert world.stored is not None
    assert world.stored["run_id"] == started.snapshot.run_id
    left = [run_id for run_id in before if run_id != started.snapshot.run_id]
    if not cleared:
        assert world.active() == [started.snapshot.run_id]
        assert len(world.ours()) == 1
    elif before:
        # A Clear runs again. What cannot be stopped, or is not known, is told of.
        assert started.fresh
        assert [run_id for run_id in left if run_id in world.active()] == [] or any(
            "left running" in line or left[0] in line for line in world.log_lines
        )


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED])
@pytest.mark.parametrize(("name", "effect"), deaths())
def test_a_run_that_ended_meanwhile_is_taken_or_repeated(name: str, effect: int, state: RunState) -> None:
    world = died(KINDS[name], effect)
    was_started = bool(world.ours())
    world.end_all(state)

    started = world.start(FIRST)

    if was_started and state is RunState.SUCCEEDED:
        assert started.snapshot.state is RunState.SUCCEEDED
        assert len(world.ours()) == 1
    else:
        assert world.active() == [started.snapshot.run_id]


@pytest.mark.parametrize(("name", "effect"), deaths())
def test_the_second_try_may_die_anywhere_too(name: str, effect: int) -> None:
    for second in count():
        world = died(KINDS[name], effect)
        try:
            world.start(FIRST, life=second)
        except Killed:
            started = world.start(FIRST)
            assert world.active() == [started.snapshot.run_id]
            assert len(world.ours()) == 1
        else:
            assert second > 0
            return


@pytest.mark.parametrize("name", KINDS)
def test_the_clear_of_another_task_of_the_dag_run_is_a_retry_for_a_waiting_one(name: str) -> None:
    world = World(KINDS[name])
    first = world.start(FIRST)
    assert world.stored is not None
    world.stored["phase"] = str(Phase.DEFERRED)

    again = world.start(Generation(max_tries=2, clear_number=5))

    assert not again.fresh
    assert again.snapshot.run_id == first.snapshot.run_id


@pytest.mark.parametrize("name", KINDS)
def test_a_clear_of_a_successful_task_runs_again(name: str) -> None:
    world = World(KINDS[name])
    first = world.start(FIRST)
    world.end_all(RunState.SUCCEEDED)

    again = world.start(Generation(max_tries=4, clear_number=1))

    assert again.fresh
    assert again.snapshot.run_id != first.snapshot.run_id
