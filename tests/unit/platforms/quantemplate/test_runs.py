"""The life of an execution of Quantemplate: started, found again, watched."""

from __future__ import annotations

from airflow_provider_dataops.core.listing import EntryCache
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.platforms.quantemplate.runs import (
    QuantemplateExecutionLaunch,
    QuantemplateExecutionWatch,
)
from tests.unit.fakes import play, reply, sweep
from tests.unit.platforms.apis import quantemplate
from tests.unit.platforms.quantemplate.executions import execution


class TestRuns:
    def launch(self) -> QuantemplateExecutionLaunch:
        return QuantemplateExecutionLaunch(api=quantemplate(), organisation_id="c-1", pipeline_id="p-1")

    def test_the_baseline_is_the_highest_run_number_in_any_order(self) -> None:
        body = [
            execution(id="e-2", runNumber=2),
            execution(id="e-9", runNumber=9),
            execution(id="e-3", runNumber=3),
        ]
        assert play(self.launch().record_baseline(), reply(body=body)).value["highest"] == 9
        assert play(self.launch().record_baseline(), reply(body=[])).value["highest"] == 0

    def test_candidates_have_a_higher_run_number_than_the_baseline(self) -> None:
        body = [execution(id="e-10", runNumber=10), execution(id="e-9", runNumber=9)]
        baseline = {"pipeline": ["c-1", "p-1"], "highest": 9}
        found = play(self.launch().find_candidates(baseline, "token"), reply(body=body)).value
        assert [snapshot.run_id for snapshot in found] == ["e-10"]

    def test_one_list_returns_the_state_of_all_watched_executions(self) -> None:
        watches = [
            QuantemplateExecutionWatch(run_id=run_id, organisation_id="c-1", pipeline_id="p-1")
            for run_id in ("e-1", "e-2", "e-3")
        ]
        body = [
            execution(id="e-1", runNumber=1, status="Succeeded"),
            execution(id="e-2"),
            {"id": "e-4", "odd": True},
        ]
        done = play(sweep(quantemplate(), *watches), reply(body=body))
        assert {k: v.state for k, v in done.value.items()} == {
            "e-1": RunState.SUCCEEDED,
            "e-2": RunState.RUNNING,
            "e-3": RunState.ABSENT,
        }
        assert len(done.requests) == 1

    def test_a_poller_keeps_no_details_of_active_executions(self) -> None:
        watches = {
            run_id: QuantemplateExecutionWatch(run_id=run_id, organisation_id="c-1", pipeline_id="p-1")
            for run_id in ("e-1", "e-2")
        }
        body = [execution(id="e-1", runNumber=1, status="Succeeded"), execution(id="e-2")]
        done = play(watches["e-1"].sweep(quantemplate(), watches, EntryCache()), reply(body=body))
        assert (done.value["e-1"].details["run_number"], done.value["e-2"].details) == (1, {})
        alone = play(watches["e-2"].look(quantemplate()), reply(body=body))
        assert alone.value.details["run_number"] == 7

    def test_the_next_execution_has_the_lowest_higher_run_number(self) -> None:
        body = [execution(id=f"e-{n}", runNumber=n) for n in (9, 4, 6, 5)]
        found = play(quantemplate().next_execution("c-1", "p-1", 4), reply(body=body)).value
        assert found.id == "e-5"
        assert play(quantemplate().next_execution("c-1", "p-1", 9), reply(body=body)).value is None

    def test_a_result_contains_everything_that_the_next_task_needs(self) -> None:
        body = execution(
            status="Succeeded", outputs=[{"id": "o-1", "name": "out"}], startedAt="s", finishedAt="f"
        )
        started = play(quantemplate().execute_pipeline("c-1", "p-1"), reply(body=body)).value
        assert started.snapshot("p-1", "c-1").as_result("https://ui") == {
            "run_id": "e-7",
            "execution_id": "e-7",
            "state": "succeeded",
            "url": "https://ui",
            "started_at": "s",
            "finished_at": "f",
            "pipeline_id": "p-1",
            "organisation_id": "c-1",
            "run_number": 7,
            "version": 3,
            "outputs": [{"id": "o-1", "name": "out"}],
        }
