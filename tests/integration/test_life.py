"""The life of a run without Airflow's scheduler.

A worker starts it, a triggerer waits for its end, and a later try finds it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from airflow_provider_dataops.adapters.task_state import MemoryStore
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    ConflictError,
    RunFailedError,
    TransportError,
)
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.lifecycle.durable import DurableStart, Started
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending
from airflow_provider_dataops.lifecycle.record import Generation, Record
from airflow_provider_dataops.triggers.quantemplate import QuantemplateNextExecutionTrigger
from airflow_provider_dataops.triggers.tamr import TamrJobSucceededTrigger, TamrResourceIdleTrigger
from tests.loops import run

if TYPE_CHECKING:
    from tests.integration.bench.base import Bench

pytestmark = pytest.mark.usefixtures("quick")


class Life:
    """The tries of one task, which share a task state store."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.store = MemoryStore(ti=None)

    def start(self, max_tries: int = 1) -> Started:
        """Start a run, or find it again, as an operator does on a worker."""
        hook = self.bench.hook()
        generation = Generation(max_tries=max_tries, clear_number=0)
        start = DurableStart(
            launch=self.bench.launch(hook),
            store=self.store,
            clock=self.bench.worker_time,
            generation=generation,
            present=lambda: generation,
            deadline=float("inf"),
            defers=False,
            new_token=lambda: uuid4().hex,
            has_retry=True,
            count=lambda _: None,
            log=logging.getLogger("task"),
        )
        started: Started = hook.run(start.run())
        return started

    @property
    def runs(self) -> list[Any]:
        return self.bench.sandbox.runs()


@pytest.fixture
def life(bench: Bench) -> Life:
    return Life(bench)


async def wait_and(bench: Bench, trigger: Any, act: Any) -> Any:
    """Run a trigger, call ``act`` after its second poll, and return its event."""
    waiting = asyncio.ensure_future(bench.event_of(trigger))
    await asyncio.to_thread(bench.sandbox.wait_for, lambda _: len(bench.requests(bench.poll_operation)) > 2)
    act()
    return await waiting


def test_a_run_is_started_and_awaited_and_the_next_try_returns_its_result(life: Life, bench: Bench) -> None:
    started = life.start()
    run_id = started.snapshot.run_id
    event = run(wait_and(bench, bench.trigger(run_id), lambda: bench.finish(run_id)))
    assert event.ending is Ending.FINISHED
    assert event.snapshot.as_result("https://link")["state"] == "succeeded"
    assert event.failure(platform=bench.platform, noun="run", url="", limit="") is None
    assert [r.run_id for r in life.runs] == [run_id]
    # The next try returns the result, and starts no run.
    again = life.start()
    assert (again.known, again.snapshot.run_id, again.snapshot.state) == (True, run_id, RunState.SUCCEEDED)
    assert len(life.runs) == 1


def test_the_error_of_a_failed_run_has_its_id_and_the_next_try_starts_another(
    life: Life, bench: Bench
) -> None:
    run_id = life.start().snapshot.run_id
    event = run(
        wait_and(bench, bench.trigger(run_id), lambda: bench.store.finish(run_id, **bench.failed_end))
    )
    error = event.failure(platform=bench.platform, noun="run", url="https://link", limit="")
    assert isinstance(error, RunFailedError)
    assert str(error).startswith(f"{bench.platform} run {run_id} ended ")
    assert not life.start().known
    assert len(life.runs) == 2


def test_a_submission_without_a_response_is_found_again_and_not_repeated(life: Life, bench: Bench) -> None:
    bench.fault("reset_after", operation=bench.submit_operation, times=1)
    if not bench.can_list:
        # This platform lists no runs, so in each try the error asks the user to look.
        for _ in range(2):
            with pytest.raises(AmbiguousSubmitError):
                life.start()
        assert len(bench.requests(bench.submit_operation)) == len(life.runs) == 1
        return
    started: Started | None = None
    try:
        started = life.start()
    except TransportError:
        started = life.start()
    assert [r.run_id for r in life.runs] == [started.snapshot.run_id]
    assert len(bench.requests(bench.submit_operation)) == 1
    record = Record.read(life.store.get())
    assert record is not None
    assert record.adopted == bench.adoption


def test_the_next_try_repeats_a_submission_that_was_rejected(life: Life, bench: Bench) -> None:
    bench.fault("status", operation=bench.submit_operation, status=409, times=1)
    with pytest.raises(ConflictError) as caught:
        life.start()
    assert "HTTP 409 Conflict: a fault of the sandbox caused this error" in bench.text_of(caught.value)
    assert not life.start().known
    assert len(life.runs) == 1


def test_a_new_triggerer_continues_the_wait_of_a_stopped_one(life: Life, bench: Bench) -> None:
    run_id = life.start().snapshot.run_id
    trigger = bench.trigger(run_id)

    async def first() -> None:
        waiting = asyncio.ensure_future(bench.event_of(trigger))
        await asyncio.to_thread(bench.sandbox.wait_for, lambda _: bench.requests(bench.poll_operation))
        waiting.cancel()
        await asyncio.wait([waiting])
        await trigger.cleanup()

    run(first())
    again = type(trigger)(**trigger.serialize()[1])
    bench.finish(run_id)
    assert run(bench.event_of(again)).ending is Ending.FINISHED
    assert {"stop_job", "cancel_batch"}.isdisjoint(entry.operation for entry in bench.requests())


def test_the_wait_for_a_run_that_the_platform_has_forgotten_ends_as_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not bench.can_forget:
        pytest.skip(f"{bench.platform} never forgets a run")
    monkeypatch.setenv("AIRFLOW__DATAOPS__OUTAGE_BUDGET", "0.3")
    monkeypatch.setattr(progress, "SEEN_ABSENT_SECONDS", 0.3)
    run_id = bench.start()
    event = run(wait_and(bench, bench.trigger(run_id), lambda: bench.store.forget(run_id)))
    assert event.ending is Ending.LOST


def test_a_trigger_waits_for_a_run_that_the_platform_lists_late(bench: Bench) -> None:
    bench.store.script(hold=True, **bench.late_script)
    run_id = bench.start()

    async def main() -> Any:
        waiting = asyncio.ensure_future(bench.event_of(bench.trigger(run_id)))
        await asyncio.sleep(0.7)
        bench.finish(run_id)
        return await waiting

    assert run(main()).ending is Ending.FINISHED


@pytest.mark.usefixtures("task_ended")
class TestTheEndOfADeferredTask:
    def test_stops_a_tamr_job(self, tamr: Bench) -> None:
        job_id = tamr.start()
        run(tamr.trigger(job_id).on_kill())
        tamr.sandbox.wait_for(lambda _: tamr.store.run(job_id).finished_at)
        assert len(tamr.requests("stop_job")) == 1

    def test_does_not_stop_a_tamr_job_if_cancel_on_kill_is_false(self, tamr: Bench) -> None:
        run(tamr.trigger(tamr.start(), cancel_on_kill=False).on_kill())
        assert tamr.requests("stop_job") == []

    def test_stops_a_tamr_job_although_the_first_stop_requests_fail(self, tamr: Bench) -> None:
        fault = tamr.fault("status", operation="stop_job", times=2, headers={"Retry-After": "0"})
        run(tamr.trigger(tamr.start()).on_kill())
        assert fault.hits == 2
        assert tamr.requests("stop_job")[-1].status == 200

    def test_raises_no_error_if_the_connection_is_invalid(self, bench: Bench) -> None:
        bench.connect(host="")
        bench.connections.set(bench.conn_id, {"conn_type": bench.name})
        run(bench.trigger("x-1").on_kill())


class TestConditions:
    """Triggers that wait for a condition."""

    def arguments(self, bench: Bench, **more: Any) -> dict[str, Any]:
        return {"conn_id": bench.conn_id, "deadline": time.time() + 20, "poke_interval": 0.05, **more}

    async def met(self, trigger: Any) -> ConditionEvent:
        [payload] = [event.payload async for event in trigger.run()]
        return ConditionEvent.from_json(payload)

    def test_a_resource_is_idle_when_its_last_job_has_ended(self, tamr: Bench) -> None:
        job_id = tamr.start()
        trigger = TamrResourceIdleTrigger(**self.arguments(tamr, source_id="src_orders"))

        async def main() -> ConditionEvent:
            waiting = asyncio.ensure_future(self.met(trigger))
            await asyncio.to_thread(tamr.sandbox.wait_for, lambda _: len(tamr.requests()) > 2)
            assert not waiting.done()
            tamr.finish(job_id)
            return await waiting

        assert run(main()) == ConditionEvent(ending=Ending.FINISHED, value={})

    def test_only_a_job_that_succeeded_since_the_given_time_counts(self, tamr: Bench) -> None:
        since = time.time() - 5
        failed, good = tamr.start(), tamr.start()
        tamr.store.finish(failed, {"reason": "BROKEN"})
        trigger = TamrJobSucceededTrigger(**self.arguments(tamr, source_id="src_orders", since=since))

        async def main() -> ConditionEvent:
            waiting = asyncio.ensure_future(self.met(trigger))
            await asyncio.to_thread(tamr.sandbox.wait_for, lambda _: len(tamr.requests()) > 2)
            assert not waiting.done()
            tamr.finish(good)
            return await waiting

        event = run(main())
        assert event.value is not None
        assert event.value["run_id"] == good

    def test_the_next_execution_is_the_first_after_the_given_run_number(self, quantemplate: Bench) -> None:
        first, second, _ = (quantemplate.start() for _ in range(3))
        quantemplate.finish(first)
        trigger = QuantemplateNextExecutionTrigger(
            **self.arguments(quantemplate, organisation_id="c-sandbox", pipeline_id="p-1", after_run_number=1)
        )

        async def main() -> ConditionEvent:
            waiting = asyncio.ensure_future(self.met(trigger))
            await asyncio.to_thread(quantemplate.sandbox.wait_for, lambda _: len(quantemplate.requests()) > 2)
            assert not waiting.done()
            quantemplate.finish(second)
            return await waiting

        event = run(main())
        assert event.value is not None
        assert event.value["run_id"] == second
