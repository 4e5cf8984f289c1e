"""A worker dies after each of its effects, and the next worker too. Exactly one run must be left.

A complete first try counts the effects. So a new step of the algorithm is covered without a change here.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import AmbiguousSubmitError
from airflow_provider_dataops.lifecycle.record import Generation, Phase, Record
from tests.unit.lifecycle.simulation import (
    QUANTEMPLATE,
    TAMR,
    TOUCAN,
    TRAC,
    Killed,
    Kind,
    SupersededError,
    World,
    lost_reply,
    never_arrived,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_dataops.lifecycle.durable import Started

KINDS = {
    "guess without stop": QUANTEMPLATE,
    "guess with stop": TAMR,
    "exact token": TRAC,
    "no listing": TOUCAN,
}
FATES = {
    "still runs": None,
    "succeeded": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
    "is lost": RunState.ABSENT,
}
FIRST = Generation(max_tries=2, clear_number=0)


@dataclass(frozen=True)
class Next:
    """What happened before the second try.

    :param waits: the first try had started its run and waited in the triggerer.
    :param during: another task was cleared after the first try had begun and before it submitted.
    """

    generation: Generation
    cleared: bool
    waits: bool = False
    during: bool = False


NEXT = {
    "retry": Next(FIRST, cleared=False),
    "retry of a waiting task": Next(FIRST, cleared=False, waits=True),
    "another task cleared while this one waits": Next(Generation(2, 1), cleared=False, waits=True),
    "another task cleared while this one starts": Next(Generation(2, 1), cleared=False, during=True),
    "clear of a waiting task": Next(Generation(3, 1), cleared=True, waits=True),
    "clear between two tries": Next(Generation(3, 1), cleared=True),
    "clear of a running task": Next(Generation(2, 1), cleared=True),
}


@dataclass(frozen=True)
class Arrival:
    """What became of the first submission."""

    meet: Callable[[World], None] = lambda _: None
    listing_delay: float = 0.0


def _loses_the_reply(world: World) -> None:
    world.on_submit = lost_reply(world)


def _never_sees_it(world: World) -> None:
    world.on_submit = never_arrived(world)


ARRIVALS = {
    "answered": Arrival(),
    "answered and listed late": Arrival(listing_delay=20.0),
    "reply lost": Arrival(_loses_the_reply),
    "reply lost and listed late": Arrival(_loses_the_reply, listing_delay=20.0),
    "never arrived": Arrival(_never_sees_it),
}


def first_try(kind: Kind, arrival: Arrival, life: int | None, *, during: bool = False) -> World:
    """Return the world after the first try died, or ended its start."""
    world = World(kind, listing_delay=arrival.listing_delay)
    arrival.meet(world)
    if during:
        # The first effect is the request for the baseline, before anything is stored or submitted.
        world.on_effect = lambda _: setattr(world, "clear_number", 1)
    try:
        world.start(FIRST, life=life)
    except Killed:
        pass
    except AmbiguousSubmitError:
        assert not kind.lists
    return world


@cache
def lives(kind_name: str, arrival_name: str) -> tuple[int | None, ...]:
    """Return after how many effects the first try can die. ``None``: it does not die."""
    world = first_try(KINDS[kind_name], ARRIVALS[arrival_name], None)
    return (*range(world.effects), None)


def second_lives(build: Callable[[], World], generation: Generation) -> Iterator[tuple[World, int | None]]:
    """Yield the world after each death of the second try, and at last the world before it."""
    life = 0
    while True:
        world = build()
        try:
            world.start(generation, life=life)
        except Killed:
            yield world, life
            life += 1
        except AmbiguousSubmitError:
            break
        else:
            break
    yield build(), None


class TestTable:
    """Every combination of platform, arrival, fate and next try, at every death of the first two tries."""

    @pytest.mark.parametrize("next_name", NEXT)
    @pytest.mark.parametrize("fate", FATES)
    @pytest.mark.parametrize("arrival_name", ARRIVALS)
    @pytest.mark.parametrize("kind_name", KINDS)
    def test_one_run_is_left(self, kind_name: str, arrival_name: str, fate: str, next_name: str) -> None:
        kind, arrival, upcoming = KINDS[kind_name], ARRIVALS[arrival_name], NEXT[next_name]
        for life in lives(kind_name, arrival_name):
            if upcoming.waits and life is not None:
                continue

            def build(life: int | None = life) -> World:
                world = first_try(kind, arrival, life, during=upcoming.during)
                if upcoming.waits and world.stored is not None:
                    world.stored["phase"] = str(Phase.DEFERRED)
                if (state := FATES[fate]) is not None:
                    world.end_all(state)
                return world

            before = build()
            for world, second_life in second_lives(build, upcoming.generation):
                Judge(world, before, kind, upcoming, f"died after {life}, then after {second_life}").judge()


@dataclass(frozen=True)
class Judge:
    """Runs the last try and checks what is left.

    :param world: after the second try.
    :param before: the same world after the first try and the fate of its run.
    """

    world: World
    before: World
    kind: Kind
    upcoming: Next
    where: str

    def judge(self) -> None:
        world, stored = self.world, self.world.stored
        submissions = world.tokens
        try:
            started = world.start(self.upcoming.generation)
            if started.snapshot.state is RunState.ABSENT:
                assert world.tokens == submissions, f"{self.where}: nothing is started before a wait"
                world.wait_for_a_listing()
                started = world.start(self.upcoming.generation)
        except AmbiguousSubmitError:
            # This is right only if the record contains no id, or the id of a lost run. Then nothing is sent.
            assert not self.kind.lists, self.where
            assert world.stored is not None, self.where
            lost = [run.run_id for run in self.before.own_runs() if run.state is RunState.ABSENT]
            assert world.stored["run_id"] in {"", *lost}, self.where
            record = Record.read(stored)
            unknown = (
                record and record.run_id in {"", *lost} and not record.is_cleared_by(self.upcoming.generation)
            )
            assert world.tokens - submissions == (0 if unknown else 1), self.where
            assert len(world.active()) <= 1 + self.upcoming.cleared, self.where
            return
        self.check_the_record(started)
        if self.upcoming.cleared:
            self.check_clear(started)
        else:
            self.check_retry(started)

    def check_the_record(self, started: Started) -> None:
        world, run_id = self.world, started.snapshot.run_id
        assert world.stored is not None, self.where
        assert world.stored["run_id"] == run_id, self.where
        (run,) = [run for run in world.own_runs() if run.run_id == run_id]
        assert run.state in {RunState.RUNNING, RunState.SUCCEEDED}, self.where
        owners = [run.owner for run in world.own_runs()]
        assert len(set(owners)) == len(owners), f"{self.where}: one submission was taken twice"

    def check_retry(self, started: Started) -> None:
        """A retry starts no second run while one is active, and no run after one that succeeded."""
        world, run_id = self.world, started.snapshot.run_id
        known = self.before.own_runs()
        if started.snapshot.state is RunState.SUCCEEDED:
            assert world.active() == [], self.where
        else:
            assert world.active() == [run_id], self.where
        if known and known[0].state in {RunState.RUNNING, RunState.SUCCEEDED}:
            assert run_id == known[0].run_id, self.where
            assert len(world.own_runs()) == 1, self.where

    def check_clear(self, started: Started) -> None:
        """A clear starts a new run. The old run was stopped, or is logged with its link."""
        world, run_id = self.world, started.snapshot.run_id
        sent_before = self.before.stored is not None or self.before.own_runs()
        old = {run.run_id for run in self.before.own_runs()}
        assert run_id not in old, self.where
        assert run_id in world.active(), self.where
        left = [other for other in world.active() if other != run_id]
        assert len(left) <= 1, self.where
        assert not left or sent_before, self.where
        known = self.before.stored and self.before.stored["run_id"] and not self.before.stored["adopted"]
        if known and self.kind.can_stop:
            assert left == [], self.where
        for other in left:
            assert other in old, f"{self.where}: a second run of the cleared task"
            named = any(
                f"https://ui/nightly/{other}" in line and "keeps running" in line for line in world.log_lines
            )
            unknown = not self.kind.lists and any("may still be running" in line for line in world.log_lines)
            assert named or unknown, self.where


@pytest.mark.parametrize("kind_name", KINDS)
def test_a_worker_can_die_before_and_after_each_step(kind_name: str) -> None:
    # baseline; before and after the intent, the submission, and the id
    assert len(lives(kind_name, "answered")) == 7 + 1


@pytest.mark.parametrize("kind_name", KINDS)
def test_a_clear_of_a_successful_task_starts_a_new_run(kind_name: str) -> None:
    world = World(KINDS[kind_name])
    first = world.start(FIRST)
    world.end_all(RunState.SUCCEEDED)
    again = world.start(Generation(max_tries=4, clear_number=1))
    assert not again.known
    assert again.snapshot.run_id != first.snapshot.run_id


@pytest.mark.parametrize("arrival_name", ARRIVALS)
@pytest.mark.parametrize("kind_name", KINDS)
def test_a_clear_of_a_running_try_starts_a_new_run_at_any_time(kind_name: str, arrival_name: str) -> None:
    """A running try stores the current generation. It must not mistake its own clear for another task's.

    Airflow gives the cleared task instance a new id, so nothing that the running try stores later is kept.
    """
    kind, arrival = KINDS[kind_name], ARRIVALS[arrival_name]
    for moment in range(1, len(lives(kind_name, arrival_name))):
        world = World(kind, listing_delay=arrival.listing_delay)
        arrival.meet(world)

        def clear(effect: int, moment: int = moment, world: World = world) -> None:
            if effect == moment:
                world.clear_number = 1
                world.take_over()

        world.on_effect = clear
        with suppress(SupersededError, AmbiguousSubmitError):
            world.start(FIRST)
        world.on_effect = world.on_submit = None
        before, where = replace(world, runs=list(world.runs)), f"cleared at {moment}"
        started = world.start(Generation(2, 1))
        Judge(world, before, kind, NEXT["clear of a running task"], where).check_clear(started)
