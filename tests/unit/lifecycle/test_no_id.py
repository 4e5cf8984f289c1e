"""A submission that the platform accepted with a response without an id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.errors import MalformedReplyError
from airflow_provider_dataops.lifecycle.record import Generation
from tests.unit.lifecycle.simulation import QUANTEMPLATE, TAILER, TAMR, TRAC, Kind, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.lifecycle.simulation import RemoteRun

NOW = Generation(max_tries=1, clear_number=0)


def respond_without_id(world: World, *, starts: bool) -> Callable[[RemoteRun], None]:
    def answer(run: RemoteRun) -> None:
        world.on_submit = None
        if starts:
            world.runs.append(run)
        raise MalformedReplyError("the response contains no id", status=200)

    return answer


@pytest.mark.parametrize("kind", [TAMR, QUANTEMPLATE, TRAC, TAILER])
def test_the_start_searches_for_the_run(kind: Kind) -> None:
    world = World(kind)
    world.on_submit = respond_without_id(world, starts=True)
    assert world.start(NOW).snapshot.run_id == "r1"
    assert world.tokens == 1


@pytest.mark.parametrize("kind", [TAMR, QUANTEMPLATE, TRAC, TAILER])
def test_the_task_fails_and_a_retry_submits_if_no_run_is_found(kind: Kind) -> None:
    world = World(kind)
    world.on_submit = respond_without_id(world, starts=False)
    with pytest.raises(MalformedReplyError):
        world.start(NOW)
    assert world.tokens == 1
    assert not world.start(NOW).known
    assert [run.run_id for run in world.own_runs()] == ["r1"]
