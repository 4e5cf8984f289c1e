"""Lists that omit runs: on every platform, an omitted run is neither lost nor overlooked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    BadRequestError,
    IncompleteListError,
    MalformedReplyError,
    NotFoundError,
)
from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateExecutionWatch
from airflow_provider_dataops.platforms.tailer.lists import MOST_DAYS, MOST_REQUESTS
from airflow_provider_dataops.platforms.tamr.api import MOST_PAGES
from airflow_provider_dataops.platforms.tamr.runs import TamrJobWatch, TamrResourceIdleWatch
from airflow_provider_dataops.platforms.trac.limits import SEARCH_LIMIT
from airflow_provider_dataops.platforms.trac.runs import TracJobWatch
from tests.unit.fakes import Play, play, reply, sweep
from tests.unit.platforms.apis import quantemplate, tailer, tamr, trac
from tests.unit.platforms.tailer.runs import STORAGE, item, results, sent_payloads
from tests.unit.platforms.tailer.test_runs import watch
from tests.unit.platforms.test_lists import execution, found, tag
from tests.unit.platforms.test_lists import job as running

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply
    from airflow_provider_dataops.core.launch import Launch

RUN_ID = "20201230-112837-0a795c70"
JOB_ID = "table-to-storage|000099_export_DEV"
DATED = {"Date": "Wed, 30 Dec 2020 11:28:40 GMT"}


def export(run_id: str, status: str = "RUNNING", **members: Any) -> dict[str, Any]:
    members = {"configuration_id": STORAGE.configuration_id, "job_id": JOB_ID, **members}
    return item(run_id, status, **members)


def full(*items: dict[str, Any], **members: Any) -> Reply:
    """Return a list of a hundred runs: first other runs, then these."""
    others = [export(f"other-{n}", **members) for n in range(100 - len(items))]
    answer: Reply = results(*others, *items, headers=DATED)
    return answer


class TestATailerRunWithoutItsJobId:
    def poll(self, *answers: Any, run_id: str = RUN_ID) -> Play:
        return play(watch(STORAGE, run_id).look(tailer()), *answers)

    def test_is_found_by_the_job_id_of_another_run(self) -> None:
        done = self.poll(full(), results(export(RUN_ID)))
        assert done.value.state is RunState.RUNNING
        assert sent_payloads(done)[1]["action"] == "check_run_status"
        assert (sent_payloads(done)[1]["job_id"], sent_payloads(done)[1]["run_id"]) == (JOB_ID, RUN_ID)

    def test_is_found_by_its_day(self) -> None:
        done = self.poll(full(), results(), results(export(RUN_ID, job_id="another")))
        assert done.value.state is RunState.RUNNING
        assert sent_payloads(done)[2]["execution_date"] == "2020-12-30"

    def test_is_found_by_its_day_and_status(self) -> None:
        nothing = NotFoundError("no runs", status=404)
        done = self.poll(
            full(), nothing, full(), results(), nothing, results(), results(export(RUN_ID, "SUCCESS"))
        )
        assert done.value.state is RunState.SUCCEEDED
        filters = [(a.get("execution_date"), a.get("status")) for a in sent_payloads(done)]
        days = [("2020-12-30", None), ("2020-12-31", None)]
        statuses = [("2020-12-30", status) for status in ("WAITING", "RUNNING", "SUCCESS")]
        assert filters == [(None, None), (None, None), *days, *statuses]

    def test_is_unlisted_if_no_list_contains_it(self) -> None:
        done = self.poll(full(job_id=None), results(), results())
        assert done.value.state is RunState.UNLISTED

    def test_is_found_by_its_status_if_its_id_contains_no_day(self) -> None:
        done = self.poll(full(job_id=None), results(), results(export("r-1")), run_id="r-1")
        assert done.value.state is RunState.RUNNING
        assert [a.get("status") for a in sent_payloads(done)] == [None, "WAITING", "RUNNING"]

    def test_is_absent_if_a_complete_list_does_not_contain_it(self) -> None:
        assert self.poll(results(export("other")), results()).value.state is RunState.ABSENT

    def test_is_searched_by_job_and_by_list_in_turn_if_there_are_many_jobs(self) -> None:
        many = results(*(export(f"other-{n}", job_id=f"job-{n:02}") for n in range(100)), headers=DATED)
        done = self.poll(*[many, results()] * (MOST_REQUESTS // 2))
        assert done.value.state is RunState.UNLISTED
        jobs = [a["job_id"] for a in sent_payloads(done) if a["action"] == "check_run_status"]
        assert jobs == [f"job-{n:02}" for n in range(MOST_REQUESTS // 2)]

    def test_is_unlisted_if_a_complete_list_contains_too_many_jobs_to_check(self) -> None:
        jobs = [export(f"other-{n}", job_id=f"job-{n}") for n in range(MOST_REQUESTS)]
        empty = [results()] * (MOST_REQUESTS - 1)
        assert self.poll(results(*jobs), *empty).value.state is RunState.UNLISTED
        assert self.poll(results(*jobs[1:]), *empty).value.state is RunState.ABSENT

    @pytest.mark.parametrize("run_id", [RUN_ID, None, {"a": 1}])
    def test_raises_an_error_if_an_unreadable_entry_may_be_its_own(self, run_id: object) -> None:
        entry = export("") | {"run_id": run_id, "status": 5}
        assert isinstance(self.poll(results(entry)).error, MalformedReplyError)

    @pytest.mark.parametrize("run_id", ["other", 5])
    def test_is_absent_if_only_entries_of_other_runs_are_unreadable(self, run_id: object) -> None:
        entry = export("") | {"run_id": run_id, "status": 5}
        assert self.poll(results(entry)).value.state is RunState.ABSENT


class TestALostTailerRun:
    """Each list is full: it contains a hundred runs."""

    OLD = "2020-12-30T11:20:00+00:00"
    NEW = "2020-12-30T11:29:00+00:00"

    def launch(self) -> Launch:
        return tailer().launch(STORAGE)

    def search(self, *answers: Any, before: Reply | None = None) -> Play:
        baseline = play(self.launch().record_baseline(), before or results(headers=DATED)).value
        return play(self.launch().find_candidates(baseline, "t"), *answers)

    def test_is_found_in_a_list_that_ends_with_an_older_run(self) -> None:
        listed = [export("ours", start_execution_date=self.NEW)]
        listed += [export(f"old-{n}", start_execution_date=self.OLD) for n in range(99)]
        done = self.search(results(*listed))
        assert [run.run_id for run in done.value] == ["ours"]

    def test_is_found_in_a_list_that_ends_with_a_known_run(self) -> None:
        known = [export(f"old-{n}", start_execution_date=self.NEW) for n in range(100)]
        done = self.search(
            results(export("ours", start_execution_date=self.NEW), *known[:99]),
            before=results(*known, headers=DATED),
        )
        assert [run.run_id for run in done.value] == ["ours"]

    def test_is_found_among_the_runs_of_the_day_and_the_waiting_runs(self) -> None:
        newest = export("newest", account="000001", start_execution_date=self.NEW)
        oldest = export("oldest", start_execution_date=self.OLD)
        in_no_order = full(newest, oldest, start_execution_date=self.OLD)
        done = self.search(in_no_order, results(), results(export("ours", start_execution_date=self.NEW)))
        assert [run.run_id for run in done.value] == ["ours"]
        assert [(a.get("status"), a.get("execution_date")) for a in sent_payloads(done)] == [
            (None, None),
            ("WAITING", None),
            (None, "2020-12-30"),
        ]

    @pytest.mark.parametrize(
        ("date", "days"),
        [("30 Jan 2021", 0), ("29 Jan 2021", MOST_DAYS), ("01 Jan 9999", 0), ("29 Dec 2020", 0)],
    )
    def test_is_searched_day_by_day_unless_the_days_are_too_many_or_run_backwards(
        self, date: str, days: int
    ) -> None:
        others = [export(f"other-{n}", account="000001") for n in range(100)]
        listed = results(*others, headers={"Date": f"Fri, {date} 09:00:00 GMT"})
        done = self.search(listed, *[results()] * (days + 1 if days else 0))
        assert sum("execution_date" in a for a in sent_payloads(done)) == days
        assert isinstance(done.error, IncompleteListError) == (not days)

    def test_counts_once_if_two_lists_contain_it(self) -> None:
        ours = export("ours", start_execution_date=self.NEW)
        done = self.search(full(ours, account="000001"), results(ours), results(ours))
        assert [run.run_id for run in done.value] == ["ours"]

    @pytest.mark.parametrize("shown", [0, 1])
    def test_raises_an_error_if_each_list_may_omit_it(self, shown: int) -> None:
        ours = [export("ours", start_execution_date=self.NEW)][:shown]
        answers = [full(*ours, account="000001"), results(), full(*ours, account="000001")]
        assert isinstance(self.search(*answers).error, IncompleteListError)

    def test_is_one_of_many_candidates_if_the_list_contains_only_new_runs(self) -> None:
        done = self.search(full(), results(), full())
        assert len(done.value) == 100

    def test_is_not_a_run_without_a_start_time_if_the_baseline_may_have_omitted_it(self) -> None:
        undated = export("ours", start_execution_date=None)
        before = full(start_execution_date=self.OLD)
        assert isinstance(self.search(results(undated), before=before).error, IncompleteListError)
        assert len(self.search(results(undated)).value) == 1


def created(job_id: str, at: str, **members: Any) -> dict[str, Any]:
    """Return a job that started at a time of that day."""
    past = [{"state": "RUNNING", "stateStartTime": f"2026-11-20T{at}Z"}]
    return running(job_id, status={"state": "DONE"}, statusHistory=past, **members)


def page(*jobs: dict[str, Any], token: str = "", at: str = "") -> Reply:
    headers = {"Date": f"Fri, 20 Nov 2026 {at} GMT"} if at else {}
    return reply(body={"jobs": list(jobs), "nextPageToken": token}, headers=headers)


class TestALostTamrJob:
    def search(self, *answers: Any, before: Reply | None = None) -> Play:
        launch = tamr().launch({"load": {"sourceId": "s"}})
        baseline = play(launch.record_baseline(), before or page(at="10:00:00")).value
        return play(launch.find_candidates(baseline, "t"), *answers)

    def test_is_searched_on_each_page_until_an_older_job(self) -> None:
        others = [created(f"j-{n}", "10:05:00", configuration={"publish": {}}) for n in range(30)]
        pages = [page(*others, token=f"{n}") for n in range(4)]
        last = page(created("ours", "10:00:05"), created("old", "09:00:00"), token="more")
        done = self.search(*pages, last, page())
        assert [run.run_id for run in done.value] == ["ours"]

    def test_is_found_in_the_list_of_open_jobs(self) -> None:
        waiting = running("ours", status={"state": "PENDING", "stateStartTime": "2026-11-20T10:00:05Z"})
        done = self.search(page(created("old", "09:00:00"), token="more"), page(waiting))
        assert [run.run_id for run in done.value] == ["ours"]
        assert "filter=status.state" in done.requests[1].url

    def test_raises_an_error_if_a_page_token_repeats(self) -> None:
        new = page(created("other", "10:05:00", configuration={"publish": {}}), token="same")
        assert isinstance(self.search(new, new, page()).error, IncompleteListError)

    def test_is_not_a_job_without_a_start_time_if_the_baseline_may_have_omitted_it(self) -> None:
        undated = running("ours", status={"state": "RUNNING"})
        before = [page(created("old", "09:00:00"), token=f"{n}", at="10:00:00") for n in range(3)]
        launch = tamr().launch({"load": {"sourceId": "s"}})
        baseline = play(launch.record_baseline(), *before).value
        done = play(launch.find_candidates(baseline, "t"), page(undated))
        assert isinstance(done.error, IncompleteListError)
        assert len(self.search(page(undated)).value) == 1


class TestTamrJobs:
    def test_after_the_last_page_of_a_sweep_are_left_to_single_requests(self) -> None:
        pages = [page(running(f"j-{n}"), token=f"{n}") for n in range(3)]
        watches = [TamrJobWatch(run_id=run_id) for run_id in ("j-0", "j-9")]
        assert set(play(sweep(tamr(), *watches), *pages).value) == {"j-0"}

    def test_on_the_pages_after_all_wanted_jobs_are_not_requested(self) -> None:
        pages = [page(running(f"j-{n}"), token=f"{n}") for n in range(2)]
        watches = [TamrJobWatch(run_id=run_id) for run_id in ("j-0", "j-1")]
        done = play(sweep(tamr(), *watches), *pages)
        assert (len(done.requests), set(done.value)) == (2, {"j-0", "j-1"})

    def test_on_too_many_pages_raise_an_error(self) -> None:
        pages = [page(created(f"j-{n}", "09:00:00"), token=f"{n}") for n in range(MOST_PAGES)]
        rejected = BadRequestError("filter", status=400)
        done = play(TamrResourceIdleWatch(source_id="s").question(tamr()), rejected, *pages)
        assert isinstance(done.error, IncompleteListError)

    def test_that_succeeded_are_found_on_a_later_page(self) -> None:
        since = 1_795_168_800.0  # 2026-11-20T10:00:00Z
        failed = [page(running(f"j-{n}"), token=f"{n}") for n in range(5)]
        question = tamr().watch_succeeded(since, source_id="s").question(tamr())
        done = play(question, *failed, page(created("good", "10:30:00"), token="more"))
        assert done.value["run_id"] == "good"

    def test_after_an_older_job_are_not_requested(self) -> None:
        question = tamr().watch_succeeded(1_795_168_800.0, source_id="s").question(tamr())
        assert play(question, page(created("old", "09:30:00"), token="more")).value is None


class TestQuantemplateExecutions:
    def state(self, *numbers: int) -> RunState:
        watch = QuantemplateExecutionWatch(run_id="e-1", organisation_id="c-1", pipeline_id="p-1")
        listed = [execution(f"e-{number + 1}", runNumber=number) for number in numbers]
        state: RunState = play(watch.look(quantemplate()), reply(body=listed)).value.state
        return state

    def test_are_unlisted_if_the_list_may_omit_them(self) -> None:
        assert self.state(12, 11, 13) is RunState.UNLISTED

    def test_are_absent_if_the_list_contains_the_first_execution(self) -> None:
        assert self.state(3, 1, 2) is RunState.ABSENT
        assert self.state() is RunState.ABSENT


class TestTracJobs:
    def test_that_a_full_search_omits_are_left_to_single_requests(self) -> None:
        ids = [f"{n:08}-6d0f-4a7e-9d55-0d3f3b1f4c01" for n in range(2 * SEARCH_LIMIT)]
        watches = [
            TracJobWatch(run_id=ids[n], tenant="ACME", submission_id=f"t{n:03}") for n in range(SEARCH_LIMIT)
        ]
        others = [tag(ids[SEARCH_LIMIT + n], airflow_token="t000") for n in range(SEARCH_LIMIT - 1)]
        last = tag(ids[SEARCH_LIMIT - 1], airflow_token="t099")
        assert set(play(sweep(trac(), *watches), found(*others, last)).value) == {watches[-1].key}
