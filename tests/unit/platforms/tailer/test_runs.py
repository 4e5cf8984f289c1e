"""The life of a run of Tailer: launched, found again, watched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import NotFoundError
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.runs import IOWA, ITEM, RUN_ID, STORAGE, TABLES, item, results, sent_payloads

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.tailer.model import Configuration
    from airflow_provider_dataops.platforms.tailer.runs import TailerJobLaunch, TailerRunWatch


class TestLife:
    def launch(self, **changes: Any) -> TailerJobLaunch:
        return tailer().launch(**{"configuration": TABLES, **changes})

    def test_a_launched_run_is_pending_and_contains_its_configuration(self) -> None:
        snapshot = play(self.launch().submit("token"), reply(body={"run_id": "r-1"})).value
        assert (snapshot.run_id, snapshot.state) == ("r-1", RunState.PENDING)
        assert snapshot.details["job_id"] == TABLES.job_id
        assert snapshot.details["configuration_id"] == IOWA

    def test_the_result_of_a_task_has_the_same_fields_after_the_launch_and_at_the_end(self) -> None:
        launched = play(self.launch().submit("token"), reply(body={"run_id": RUN_ID})).value
        ended = play(self.launch().watch(RUN_ID).look(tailer()), results(ITEM)).value
        assert launched.as_result("u").keys() == ended.as_result("u").keys()

    def test_candidates_are_new_runs_of_the_configuration(self) -> None:
        launch = self.launch()
        date = {"Date": "Wed, 30 Dec 2020 11:28:40 GMT"}
        baseline = play(launch.record_baseline(), results(item("old"), headers=date)).value
        json.dumps(baseline)
        listed = [
            item("ours"),
            item("waiting", status="WAITING", start_execution_date=None),
            item("other", configuration_id="000099_other_DEV"),
            item("theirs", account="000001"),
            item("old"),
            item("older", start_execution_date="2020-12-30T11:20:00+00:00"),
            item("stamped by another clock", start_execution_date="2020-12-30T11:28:00+00:00"),
        ]
        done = play(launch.find_candidates(baseline, "token"), results(*listed))
        found = ["ours", "waiting", "stamped by another clock"]
        assert [snapshot.run_id for snapshot in done.value] == found
        assert sent_payloads(done)[0] == {
            "action": "get_last_status",
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "configuration_id": IOWA,
            "limit": 100,
        }

    def test_a_baseline_restores_its_own_configuration(self) -> None:
        baseline = play(self.launch(job_id="j{{FD_DATE}}").record_baseline(), results()).value
        found = self.launch(configuration=STORAGE).earlier(json.loads(json.dumps(baseline)))
        assert (found.configuration, found.job_id) == (TABLES, "j{{FD_DATE}}")

    def test_two_launches_are_the_same_work_if_configuration_date_and_job_are_equal(self) -> None:
        base = self.launch().identity()
        assert base == self.launch(success_statuses=["CHECKED"]).identity()
        others = [
            self.launch(configuration=STORAGE),
            self.launch(execution_date="2020-12-09"),
            self.launch(job_id="j"),
        ]
        assert all(other.identity() != base for other in others)

    def test_a_run_cannot_be_cancelled(self) -> None:
        found = self.launch().watch("r-1")
        assert not found.cancel_on_kill
        with pytest.raises(NotImplementedError, match="Tailer cannot cancel r-1"):
            found.cancel(tailer())


def watch(configuration: Configuration = TABLES, run_id: str = RUN_ID, **changes: Any) -> TailerRunWatch:
    outcomes = {"success_statuses": ["SUCCESS"], "failure_statuses": []}
    return tailer().watch_run(configuration, run_id, **{"job_id": None, **outcomes, **changes})


class TestWatch:
    @pytest.mark.parametrize("answer", [results(), results(item("other")), NotFoundError("x", status=404)])
    def test_a_run_that_the_response_does_not_contain_is_absent(self, answer: Any) -> None:
        assert play(watch(run_id="r-1").look(tailer()), answer).value.state is RunState.ABSENT

    def test_one_run_is_requested_by_its_id(self) -> None:
        done = play(watch().look(tailer()), results(ITEM))
        assert sent_payloads(done)[0] | {"action": ""} == {
            "action": "",
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "configuration_id": IOWA,
            "job_id": f"gbq-to-gbq|{IOWA}",
            "run_id": RUN_ID,
        }
        assert sent_payloads(done)[0]["action"] == "check_run_status"
        assert done.value.state is RunState.SUCCEEDED

    def test_a_run_without_a_job_id_is_searched_in_the_list(self) -> None:
        listed = item("a", configuration_id=STORAGE.configuration_id, job_id="table-to-storage|x")
        done = play(watch(STORAGE, "a").look(tailer()), results(listed))
        assert sent_payloads(done)[0]["action"] == "get_last_status"
        assert done.value.details["job_id"] == "table-to-storage|x"
        missed = play(watch(STORAGE, "b").look(tailer()), results(listed), results())
        assert missed.value.state is RunState.ABSENT
        # The list contains the job's id: with it, a request finds a run that the list omits.
        assert sent_payloads(missed)[1]["action"] == "check_run_status"
        assert sent_payloads(missed)[1]["job_id"] == "table-to-storage|x"

    def test_the_result_contains_the_job_id_of_the_watch_if_the_response_leaves_it_out(self) -> None:
        listed = item("a", configuration_id=STORAGE.configuration_id, job_id=None)
        done = play(watch(STORAGE, "a", job_id="mine").look(tailer()), results(listed))
        assert done.value.details["job_id"] == "mine"

    def test_a_given_job_id_is_used_as_it_is(self) -> None:
        job_id = "storage-to-storage|000099|x|DEV|stores-{{FD_DATE}}-{{FD_TIME}}.csv"
        done = play(watch(STORAGE, "a", job_id=job_id).look(tailer()), results())
        assert (sent_payloads(done)[0]["action"], sent_payloads(done)[0]["job_id"]) == (
            "check_run_status",
            job_id,
        )
