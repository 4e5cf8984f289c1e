"""What a long start logs, and which errors of a status request a retry tolerates."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE
from airflow_provider_dataops.errors import (
    AuthenticationError,
    RunTimeoutError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.lifecycle.record import Generation
from tests.unit.lifecycle.simulation import QUANTEMPLATE, TAMR, TOUCAN, Killed, World, never_arrived

NOW = Generation(max_tries=1, clear_number=0)


def lines(world: World, pattern: str) -> list[str]:
    return [line for line in world.log_lines if re.search(pattern, line)]


def test_a_retry_logs_what_it_searches_for_and_for_how_long() -> None:
    world = World(QUANTEMPLATE)
    with pytest.raises(Killed):
        world.start(NOW, life=4)
    world.log_lines.clear()
    world.start(NOW)
    assert world.log_lines[0] == (
        "A submission to https://one got no response. Searching for its job for at least 30 s"
    )


def test_a_long_search_logs_its_progress_every_half_minute() -> None:
    world = World(TAMR)

    def time_out(_: object) -> None:
        world.on_submit = None
        raise ServerError("HTTP 504", status=504)

    world.on_submit = time_out
    world.start(NOW)
    still = lines(world, "^Still searching")
    assert len(still) == 9, "in 300 s"
    assert re.fullmatch(
        r"Still searching for the job, for up to 2[67]\d s more: no new run is listed so far", still[0]
    )


def test_a_search_logs_a_run_that_it_has_found() -> None:
    world = World(TAMR, listing_delay=10.0)

    def time_out(run: object) -> None:
        world.on_submit = None
        world.runs.append(run)  # type: ignore[arg-type]
        raise ServerError("HTTP 504", status=504)

    world.on_submit = time_out
    world.start(NOW)
    assert lines(
        world, r"^Still searching for the job, for up to 2[67]\d s more: job r1 may belong to this task$"
    )


def test_a_search_that_has_to_pause_logs_the_reason() -> None:
    world = World(TAMR)

    def busy(_: object) -> None:
        world.on_submit = None
        raise ServerError("HTTP 503", status=503, retry_after=600.0)

    world.on_submit = busy
    world.start(NOW)
    (line,) = lines(world, "^A submission to https://one got no response. Searching for its job ")
    assert line.endswith("for at least 600 s; Simulation asked for a pause of 600 s first")


def test_no_search_is_logged_if_the_platform_lists_no_runs() -> None:
    world = World(TOUCAN, resubmits=True)
    world.on_submit = never_arrived(world)
    world.start(NOW)
    assert lines(world, "Searching for") == []
    assert lines(
        world, "got no response, and Simulation cannot list jobs; this task submits nothing for 30 s$"
    )


def test_failed_requests_of_a_search_and_the_end_of_the_outage_are_logged() -> None:
    world = World(TAMR)
    world.on_submit = never_arrived(world)
    back = world.now + 200.0

    def fail() -> None:
        if world.now < back:
            raise TransportError("reset", platform="Simulation", operation="list jobs")

    world.on_search = fail
    world.start(NOW)
    assert lines(world, r"^Simulation: list jobs failed: reset; searching for the job again in \d+ s$")
    assert lines(world, r"^Simulation answers again, after 2\d\d s \(failed requests: \d+\)$")


def test_a_search_for_an_unlisted_run_after_a_clear_is_logged() -> None:
    world = World(TAMR)
    world.start(NOW)
    world.runs[0].listed_at = float("inf")
    world.start(replace(NOW, max_tries=2))
    assert lines(
        world,
        "^The job r1, started before the Clear, is not listed; the task repeats the request for up to 60 s$",
    )


def test_a_stop_logs_how_long_it_waits() -> None:
    world = World(TAMR)
    world.start(NOW)
    world.start(replace(NOW, max_tries=2))
    assert lines(world, "^Stopping the job r1, and waiting up to 120 s for its end: https://ui/nightly/r1$")


class TestRejectedCredentials:
    """They can lock the account. A retry requests the state of the previous try's run."""

    def world(self, *, rejections: int) -> World:
        world = World(TOUCAN)
        world.start(NOW)
        error = AuthenticationError("HTTP 401", status=401)
        error.locks_out = error.permanent = True
        world.look_errors = [error] * rejections
        return world

    def test_do_not_fail_the_try_if_they_are_accepted_the_second_time(self) -> None:
        world = self.world(rejections=1)
        began = world.now
        assert world.start(NOW).snapshot.run_id == "r1"
        assert REFUSAL_PAUSE <= world.now - began <= REFUSAL_PAUSE + 61.0
        assert lines(world, "^HTTP 401; job r1 is not affected; the credentials are sent once more in 120 s$")
        assert world.tokens == 1

    def test_fail_the_try_if_they_are_rejected_twice(self) -> None:
        world = self.world(rejections=2)
        with pytest.raises(AuthenticationError):
            world.start(NOW)
        assert world.look_errors == []
        assert world.tokens == 1

    def test_are_not_sent_again_after_the_deadline(self) -> None:
        world = self.world(rejections=2)
        world.deadline = world.now + 60.0
        with pytest.raises(RunTimeoutError, match="the credentials were refused, and the state of job r1"):
            world.start(NOW)
        assert len(world.look_errors) == 1
        assert lines(
            world,
            "^An earlier try started job r1. Its state cannot be read, and it may still be running: https://ui/",
        )
