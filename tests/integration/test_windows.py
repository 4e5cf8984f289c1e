"""Runs that the platform's list does not contain: the provider loses none of them, and ignores none."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending
from airflow_provider_dataops.triggers.tamr import TamrResourceIdleTrigger
from tests.integration.test_life import Life
from tests.loops import run

if TYPE_CHECKING:
    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.hooks.tailer import TailerHook
    from tests.integration.bench.tailer import TailerBench
    from tests.integration.bench.tamr import TamrBench

pytestmark = pytest.mark.usefixtures("quick")

EXPORT = "000099_export_pda_DEV"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make triggers give up a run soon after the platform stops returning it."""
    monkeypatch.setattr(progress, "ABSENT_SECONDS", 0.2)
    monkeypatch.setenv("AIRFLOW__DATAOPS__OUTAGE_BUDGET", "0.2")


@pytest.mark.usefixtures("impatient")
class TestTailer:
    """The API lists only a hundred runs.

    The job id of a table-to-storage run does not follow from its configuration. So the provider can read such
    a run alone only after a list has shown its job id.
    """

    def test_120_runs_of_one_configuration_are_all_found(self, tailer: TailerBench) -> None:
        run_ids = [tailer.start(EXPORT) for _ in range(120)]

        async def main() -> list[Any]:
            triggers = [
                tailer.trigger(run_id, EXPORT, configuration_type="table-to-storage") for run_id in run_ids
            ]
            waiting = [asyncio.ensure_future(tailer.event_of(trigger)) for trigger in triggers]
            # After so many requests, the triggers would have given up the 20 runs that are not listed.
            enough = 20 * 2 * (progress.ABSENT_POLLS + 1)

            def is_settled(_: object) -> bool:
                return len(tailer.requests()) > enough or any(wait.done() for wait in waiting)

            await asyncio.to_thread(tailer.sandbox.wait_for, is_settled, 20)
            for run_id in run_ids:
                tailer.finish(run_id)
            return await asyncio.gather(*waiting)

        events = run(main())
        assert Counter(event.ending for event in events) == {Ending.FINISHED: 120}
        assert {event.snapshot.state for event in events} == {RunState.SUCCEEDED}
        assert tailer.sandbox.journal.refusals() == []

    def test_a_worker_finds_the_oldest_run(self, tailer: TailerBench) -> None:
        oldest, *_ = (tailer.start(EXPORT) for _ in range(120))
        hook = tailer.hook()
        watch = self.launch(hook).watch(oldest)
        assert hook.run(watch.look(hook.api)).state is RunState.RUNNING

    def test_a_retry_recognises_its_own_run_among_240_others(
        self, tailer: TailerBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(120):
            tailer.start(EXPORT)
        monkeypatch.setattr(tailer, "launch", self.launch)
        life = Life(tailer)
        tailer.fault("reset_after", operation=tailer.submit_operation, times=1)
        started = life.start()
        assert len(life.runs) == 121
        assert started.snapshot.run_id == life.runs[-1].run_id
        # A retry still finds the run after 120 more runs, and starts no other.
        for _ in range(120):
            tailer.start(EXPORT)
        again = life.start()
        assert (again.known, again.snapshot.run_id) == (True, started.snapshot.run_id)
        assert again.snapshot.state is RunState.RUNNING
        assert len(life.runs) == 241

    def launch(self, hook: TailerHook) -> Launch:
        return hook.api.launch(hook.api.configuration(EXPORT, "table-to-storage"))


class TestTamr:
    """The API lists thirty jobs on each page."""

    @pytest.mark.parametrize("filters", ["refused", "ignored"])
    def test_a_resource_is_not_idle_while_a_job_on_a_later_page_is_active(
        self, tamr: TamrBench, filters: str
    ) -> None:
        tamr.store.configure(filters=filters)
        job_id = tamr.start()
        for _ in range(100):
            tamr.finish(tamr.start())
        trigger = TamrResourceIdleTrigger(
            conn_id=tamr.conn_id, deadline=time.time() + 20, poke_interval=0.05, source_id="src_orders"
        )

        async def main() -> ConditionEvent:
            async def met() -> ConditionEvent:
                [payload] = [event.payload async for event in trigger.run()]
                return ConditionEvent.from_json(payload)

            waiting = asyncio.ensure_future(met())
            await asyncio.to_thread(tamr.sandbox.wait_for, lambda _: len(tamr.requests()) > 10)
            assert not waiting.done()
            tamr.finish(job_id)
            return await waiting

        assert run(main()).ending is Ending.FINISHED
        assert tamr.sandbox.journal.refusals() == []
