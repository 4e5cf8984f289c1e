"""What a trigger does with its run when Airflow cancels it: at the end of the task, a clear, or a move."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.triggers import base, waits
from tests.loops import run_virtual
from tests.unit.triggers.fakes import FakeApi, FakeWatch, api

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.kept_metrics import KeptMetrics
    from tests.loops import LoopClock


class Tenant:
    """Accepts a stop request after some time, and cannot be reached before ``down_until``."""

    def __init__(self) -> None:
        self.takes = 0.0
        self.down_until = 0.0
        self.stopped: list[str] = []
        self.api: FakeApi = api()

    async def run(self, exchange: Any, policy: Any) -> None:
        run_id = next(exchange)
        loop = asyncio.get_running_loop()
        for attempt in range(1, 100):
            await asyncio.sleep(self.takes)
            if loop.time() >= self.down_until:
                self.stopped.append(run_id)
                return
            error = ServerError("HTTP 503", status=503)
            pause = policy.pause(error, attempt=attempt, elapsed=loop.time(), chance=0.5)
            if pause is None:
                raise error
            await asyncio.sleep(pause)


class StoppableTrigger(FakeWatch, base.RunTrigger):
    conn_type = "tamr"

    def cancel(self, api: Any) -> Generator[Any, Any, None]:
        yield self.run_id

    def url(self, api: Any) -> str:
        return f"https://ui/{self.run_id}"


class Stage:
    """One trigger that Airflow cancels, and the task state that Airflow reports."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        self.tenant = Tenant()
        self.state: str | Exception | None = "failed"
        self.state_takes = 0.05
        self.lines_before_the_state: list[str] = []
        self.caplog = caplog

        async def read(_: object) -> FakeApi:
            return self.tenant.api

        async def join(_: object) -> Any:
            return SimpleNamespace(api=self.tenant.api, driver=self.tenant)

        async def state(_: object) -> str | None:
            self.lines_before_the_state = self.lines
            await asyncio.sleep(self.state_takes)
            if isinstance(self.state, Exception):
                raise self.state
            return self.state

        monkeypatch.setattr(base.DataOpsTrigger, "api", read)
        monkeypatch.setattr(base.RunTrigger, "log", logging.getLogger("the task's"))
        monkeypatch.setattr(waits, "join", join)
        monkeypatch.setattr(waits, "leave", lambda _: None)
        monkeypatch.setattr(waits, "task_state", state)

    def kill(self, *, cancels: bool = True, repeated: bool = True) -> None:
        """Do what Airflow 3.3.2 does: call ``on_kill``, and cancel this call each second until it ends."""
        trigger = StoppableTrigger(
            conn_id="c", run_id="j-1", deadline=1e12, poll_interval=30.0, cancel_on_kill=cancels
        )

        async def main() -> None:
            killing = asyncio.ensure_future(trigger.on_kill())
            while repeated and not killing.done():
                await asyncio.wait([killing], timeout=1.0)
                killing.cancel()
            await asyncio.wait([killing])
            # The triggerer keeps running.
            await asyncio.sleep(120.0)

        run_virtual(main())

    @property
    def lines(self) -> list[str]:
        return [r.getMessage() for r in self.caplog.records if r.name == "the task's"]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, loop_clock: LoopClock) -> Stage:
    return Stage(monkeypatch, caplog)


@pytest.mark.parametrize("state", ["failed", "success", "skipped", None])
def test_the_run_of_a_task_that_has_ended_is_stopped(stage: Stage, state: str | None) -> None:
    stage.state = state
    stage.kill()
    assert stage.tenant.stopped == ["j-1"]
    assert stage.lines[-1] == "The task has ended. Asked Fake to stop run j-1: https://ui/j-1"


def test_a_stopped_run_counts_as_cancelled(stage: Stage, kept_metrics: KeptMetrics) -> None:
    stage.kill()
    assert kept_metrics.sent == [("dataops.run.cancelled", 1, {"platform": "fake"})]


def test_a_run_that_keeps_running_does_not_count(stage: Stage, kept_metrics: KeptMetrics) -> None:
    stage.state = "deferred"
    stage.kill()
    assert kept_metrics.sent == []


@pytest.mark.parametrize(
    "state", ["deferred", "scheduled", "queued", "running", "restarting", "up_for_retry", "of tomorrow"]
)
def test_the_run_is_not_stopped_in_any_other_state(stage: Stage, state: str) -> None:
    """Deferred: the trigger moved, or a newer try waits. Other states: the task starts again."""
    stage.state = state
    stage.kill()
    assert stage.tenant.stopped == []
    assert f"Fake run j-1 was not stopped: the task is {state}" in stage.lines[-1]
    assert stage.lines[-1].endswith("https://ui/j-1")


def test_the_run_is_not_stopped_if_the_state_request_fails(stage: Stage) -> None:
    stage.state = RuntimeError("API server error 503")
    stage.kill()
    assert stage.tenant.stopped == []
    assert "Fake run j-1 was not stopped and keeps running" in stage.lines[-1]
    assert "503" in stage.lines[-1]
    assert stage.lines[-1].endswith("https://ui/j-1")


def test_a_slow_state_request_does_not_shorten_the_time_for_the_stop(stage: Stage) -> None:
    # On a machine with a load of 20, Airflow's first response took 22 s.
    stage.state_takes = 50.0
    stage.tenant.takes = waits.STOP_BUDGET - 1.0
    stage.kill()
    assert stage.tenant.stopped == ["j-1"]


def test_the_run_is_not_stopped_if_no_state_is_reported_in_a_minute(stage: Stage) -> None:
    stage.state_takes = waits.STATE_BUDGET + 1.0
    stage.kill()
    assert stage.tenant.stopped == []
    assert "Airflow did not report the state of the task (TimeoutError())" in stage.lines[-1]


def test_a_repeated_cancel_does_not_end_the_stop(stage: Stage) -> None:
    stage.tenant.down_until = 8.0
    stage.kill()
    assert stage.tenant.stopped == ["j-1"]
    assert "to stop run j-1" in stage.lines[-1]


def test_the_run_is_logged_in_the_first_second(stage: Stage) -> None:
    # The first state request of a triggerer can be slow.
    stage.state_takes = 7.0
    stage.kill()
    # Airflow closes the task's log after a second.
    [line] = stage.lines_before_the_state
    assert line == (
        "Airflow cancelled this trigger. If the task has ended, the trigger stops Fake run j-1. "
        "If this log ends here, see the triggerer's log: https://ui/j-1"
    )
    assert stage.tenant.stopped == ["j-1"]


@pytest.mark.parametrize("how", ["hangs", "is down"])
def test_a_failed_stop_is_logged_with_the_link(stage: Stage, how: str) -> None:
    if how == "hangs":
        stage.tenant.takes = 1e6
    else:
        stage.tenant.down_until = 1e6
    stage.kill()
    assert stage.tenant.stopped == []
    assert "run j-1 could not be stopped" in stage.lines[-1]
    assert "may still be running: https://ui/j-1" in stage.lines[-1]


def test_a_triggerer_that_ends_during_the_stop_logs_that_the_run_may_still_be_running(stage: Stage) -> None:
    stage.tenant.takes = 1e6

    async def main() -> None:
        trigger = StoppableTrigger(
            conn_id="c", run_id="j-1", deadline=1e12, poll_interval=30.0, cancel_on_kill=True
        )
        killing = asyncio.ensure_future(trigger.on_kill())
        await asyncio.sleep(1.0)
        killing.cancel()

    run_virtual(main())
    assert (
        stage.lines[-1]
        == "Fake run j-1 may still be running: the triggerer ended before it sent the stop request: https://ui/j-1"
    )


@pytest.mark.parametrize("state", ["failed", "deferred"])
def test_the_run_is_logged_and_not_stopped_without_cancel_on_kill(stage: Stage, state: str) -> None:
    stage.state = state
    stage.kill(cancels=False)
    assert stage.tenant.stopped == []
    assert stage.lines == ["Airflow cancelled this trigger, but Fake run j-1 keeps running: https://ui/j-1"]
