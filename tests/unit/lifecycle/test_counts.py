"""What the start of a run counts for metrics: each thing once, when it has happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import BadRequestError, ServerError
from airflow_provider_dataops.lifecycle.record import Generation
from tests.unit.lifecycle.simulation import (
    QUANTEMPLATE,
    TAMR,
    TRAC,
    Killed,
    Kind,
    RemoteRun,
    World,
    lost_reply,
)

NOW = Generation(max_tries=1, clear_number=0)
CLEARED = replace(NOW, max_tries=2, clear_number=1)


def test_a_new_run_counts_as_started() -> None:
    world = World(TAMR)
    world.start(NOW)
    assert world.counted == [Counter.RUN_STARTED]


def test_a_rejected_submission_counts_as_nothing() -> None:
    world = World(TAMR)

    def reject(run: object) -> None:
        raise BadRequestError("unknown source", status=400)

    world.on_submit = reject
    with pytest.raises(BadRequestError):
        world.start(NOW)
    assert world.counted == []


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.SUCCEEDED])
def test_the_run_of_an_earlier_try_counts_as_reattached(state: RunState) -> None:
    world = World(TAMR)
    world.start(NOW)
    world.end_all(state)
    world.start(NOW)
    assert world.counted == [Counter.RUN_STARTED, Counter.RUN_REATTACHED]


def test_a_run_that_replaces_a_failed_one_counts_as_started() -> None:
    world = World(TAMR)
    world.start(NOW)
    world.end_all(RunState.FAILED)
    world.start(NOW)
    assert world.counted == [Counter.RUN_STARTED, Counter.RUN_STARTED]


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TRAC], ids=["guessed", "exact"])
def test_a_run_whose_response_was_lost_counts_as_adopted_and_not_as_started(kind: Kind) -> None:
    world = World(kind)
    world.on_submit = lost_reply(world)
    world.start(NOW)
    assert world.counted == [Counter.RUN_ADOPTED]
    world.start(NOW)
    assert world.counted == [Counter.RUN_ADOPTED, Counter.RUN_REATTACHED]


def test_a_run_of_a_killed_try_counts_as_adopted_and_reattached() -> None:
    world = World(TRAC)

    def die(run: RemoteRun) -> None:
        world.runs.append(run)
        raise Killed

    world.on_submit = die
    with pytest.raises(Killed):
        world.start(NOW)
    world.start(NOW)
    assert world.counted == [Counter.RUN_ADOPTED, Counter.RUN_REATTACHED]


@pytest.mark.parametrize("is_cleared", [False, True], ids=["other arguments", "Clear"])
def test_a_stopped_run_counts_as_cancelled(is_cleared: bool) -> None:
    world = World(TAMR)
    world.start(NOW)
    world.identity = {"what": "tonight"}
    world.start(CLEARED if is_cleared else NOW)
    assert world.counted == [Counter.RUN_STARTED, Counter.RUN_CANCELLED, Counter.RUN_STARTED]


def test_a_stop_request_that_fails_is_not_counted() -> None:
    world = World(TAMR)
    world.start(NOW)
    world.identity = {"what": "tonight"}
    world.cancel_error = ServerError("down", status=500)
    with pytest.raises(ServerError):
        world.start(NOW)
    assert world.counted == [Counter.RUN_STARTED]
