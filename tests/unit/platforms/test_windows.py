"""Lists that leave out runs: what lies outside of them is neither lost nor overlooked, on every platform."""

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
from tests.unit.fakes import Play, play, reply
from tests.unit.platforms.apis import quantemplate, tailer, tamr, trac
from tests.unit.platforms.tailer.runs import STORAGE, asked, item, results
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
    """Return a list of a hundred runs, others than these coming first."""
    others = [export(f"other-{n}", **members) for n in range(100 - len(items))]
    answer: Reply = results(*others, *items, headers=DATED)
    return answer


class TestATailerRunWithoutItsJobId:
    def looked(self, *answers: Any, run_id: str = RUN_ID) -> Play:
        return play(watch(STORAGE, run_id).look(tailer()), *answers)

    def test_is_found_by_the_job_id_of_another_run(self) -> None:
        done = self.looked(full(), results(export(RUN_ID)))
        assert done.value.state is RunState.RUNNING
        assert asked(done)[1]["action"] == "check_run_status"
        assert (asked(done)[1]["job_id"], asked(done)[1]["run_id"]) == (JOB_ID, RUN_ID)

    def test_is_found_by_its_day(self) -> None:
        done = self.looked(full(), results(), results(export(RUN_ID, job_id="another")))
        assert done.value.state is RunState.RUNNING
        assert asked(done)[2]["execution_date"] == "2020-12-30"

    def test_is_found_by_its_day_and_status(self) -> None:
        nothing = NotFoundError("no runs", status=404)
        done = self.looked(
            full(), nothing, full(), results(), nothing, results(), results(export(RUN_ID, "SUCCESS"))
        )
        assert done.value.state is RunState.SUCCEEDED
        filters = [(a.get("execution_date"), a.get("status")) for a in asked(done)]
        days = [("2020-12-30", None), ("2020-12-31", None)]
        statuses = [("2020-12-30", status) for status in ("WAITING", "RUNNING", "SUCCESS")]
        assert filters == [(None, None), (None, None), *days, *statuses]

    def test_is_not_lost_if_it_is_found_nowhere(self) -> None:
        done = self.looked(full(job_id=None), results(), results())
        assert done.value.state is RunState.UNLISTED

    def test_without_a_day_is_looked_for_by_its_status(self) -> None:
        done = self.looked(full(job_id=None), results(), results(export("r-1")), run_id="r-1")
        assert done.value.state is RunState.RUNNING
        assert [a.get("status") for a in asked(done)] == [None, "WAITING", "RUNNING"]

    def test_is_absent_if_the_list_leaves_out_nothing(self) -> None:
        assert self.looked(results(export("other")), results()).value.state is RunState.ABSENT

    def test_of_many_jobs_is_looked_for_in_lists_and_by_jobs_in_turn(self) -> None:
        many = results(*(export(f"other-{n}", job_id=f"job-{n:02}") for n in range(100)), headers=DATED)
        done = self.looked(*[many, results()] * (MOST_REQUESTS // 2))
        assert done.value.state is RunState.UNLISTED
        jobs = [a["job_id"] for a in asked(done) if a["action"] == "check_run_status"]
        assert jobs == [f"job-{n:02}" for n in range(MOST_REQUESTS // 2)]

    def test_is_not_absent_if_the_jobs_of_a_whole_list_are_too_many(self) -> None:
        jobs = [export(f"other-{n}", job_id=f"job-{n}") for n in range(MOST_REQUESTS)]
        empty = [results()] * (MOST_REQUESTS - 1)
        assert self.looked(results(*jobs), *empty).value.state is RunState.UNLISTED
        assert self.looked(results(*jobs[1:]), *empty).value.state is RunState.ABSENT

    @pytest.mark.parametrize("run_id", [RUN_ID, None, {"a": 1}])
    def test_is_not_absent_if_its_entry_may_be_unreadable(self, run_id: object) -> None:
        entry = export("") | {"run_id": run_id, "status": 5}
        assert isinstance(self.looked(results(entry)).error, MalformedReplyError)

    @pytest.mark.parametrize("run_id", ["other", 5])
    def test_an_unreadable_entry_of_another_run_is_not_its_own(self, run_id: object) -> None:
        entry = export("") | {"run_id": run_id, "status": 5}
        assert self.looked(results(entry)).value.state is RunState.ABSENT


class TestALostTailerRun:
    """Each list is full: a hundred runs."""

    OLD = "2020-12-30T11:20:00+00:00"
    NEW = "2020-12-30T11:29:00+00:00"

    def launch(self) -> Launch:
        return tailer().launch(STORAGE)

    def searched(self, *answers: Any, before: Reply | None = None) -> Play:
        baseline = play(self.launch().record_baseline(), before or results(headers=DATED)).value
        return play(self.launch().find_candidates(baseline, "t"), *answers)

    def test_is_found_in_a_list_that_ends_with_an_older_run(self) -> None:
        listed = [export("ours", start_execution_date=self.NEW)]
        listed += [export(f"old-{n}", start_execution_date=self.OLD) for n in range(99)]
        done = self.searched(results(*listed))
        assert [run.run_id for run in done.value] == ["ours"]

    def test_or_with_one_that_was_known_before(self) -> None:
        known = [export(f"old-{n}", start_execution_date=self.NEW) for n in range(100)]
        done = self.searched(
            results(export("ours", start_execution_date=self.NEW), *known[:99]),
            before=results(*known, headers=DATED),
        )
        assert [run.run_id for run in done.value] == ["ours"]

    def test_is_found_among_those_of_the_day_and_those_that_wait(self) -> None:
        newest = export("newest", account="000001", start_execution_date=self.NEW)
        oldest = export("oldest", start_execution_date=self.OLD)
        in_no_order = full(newest, oldest, start_execution_date=self.OLD)
        done = self.searched(in_no_order, results(), results(export("ours", start_execution_date=self.NEW)))
        assert [run.run_id for run in done.value] == ["ours"]
        assert [(a.get("status"), a.get("execution_date")) for a in asked(done)] == [
            (None, None),
            ("WAITING", None),
            (None, "2020-12-30"),
        ]

    @pytest.mark.parametrize(
        ("date", "days"),
        [("30 Jan 2021", 0), ("29 Jan 2021", MOST_DAYS), ("01 Jan 9999", 0), ("29 Dec 2020", 0)],
    )
    def test_may_be_left_out_if_the_days_are_too_many_or_run_backwards(self, date: str, days: int) -> None:
        others = [export(f"other-{n}", account="000001") for n in range(100)]
        listed = results(*others, headers={"Date": f"Fri, {date} 09:00:00 GMT"})
        done = self.searched(listed, *[results()] * (days + 1 if days else 0))
        assert sum("execution_date" in a for a in asked(done)) == days
        assert isinstance(done.error, IncompleteListError) == (not days)

    def test_counts_once_if_two_lists_show_it(self) -> None:
        ours = export("ours", start_execution_date=self.NEW)
        done = self.searched(full(ours, account="000001"), results(ours), results(ours))
        assert [run.run_id for run in done.value] == ["ours"]

    @pytest.mark.parametrize("shown", [0, 1])
    def test_may_be_left_out_by_each_list(self, shown: int) -> None:
        ours = [export("ours", start_execution_date=self.NEW)][:shown]
        answers = [full(*ours, account="000001"), results(), full(*ours, account="000001")]
        assert isinstance(self.searched(*answers).error, IncompleteListError)

    def test_is_one_of_several_where_the_list_shows_new_ones_alone(self) -> None:
        done = self.searched(full(), results(), full())
        assert len(done.value) == 100

    def test_is_no_run_of_unknown_age_that_the_list_before_may_have_left_out(self) -> None:
        undated = export("ours", start_execution_date=None)
        before = full(start_execution_date=self.OLD)
        assert isinstance(self.searched(results(undated), before=before).error, IncompleteListError)
        assert len(self.searched(results(undated)).value) == 1


def created(job_id: str, at: str, **members: Any) -> dict[str, Any]:
    """Return a job that began at a time of that day."""
    past = [{"state": "RUNNING", "stateStartTime": f"2026-11-20T{at}Z"}]
    return running(job_id, status={"state": "DONE"}, statusHistory=past, **members)


def page(*jobs: dict[str, Any], token: str = "", at: str = "") -> Reply:
    headers = {"Date": f"Fri, 20 Nov 2026 {at} GMT"} if at else {}
    return reply(body={"jobs": list(jobs), "nextPageToken": token}, headers=headers)


class TestALostTamrJob:
    def searched(self, *answers: Any, before: Reply | None = None) -> Play:
        launch = tamr().launch({"load": {"sourceId": "s"}})
        baseline = play(launch.record_baseline(), before or page(at="10:00:00")).value
        return play(launch.find_candidates(baseline, "t"), *answers)

    def test_is_looked_for_on_each_page_down_to_an_older_job(self) -> None:
        others = [created(f"j-{n}", "10:05:00", configuration={"publish": {}}) for n in range(30)]
        pages = [page(*others, token=f"{n}") for n in range(4)]
        last = page(created("ours", "10:00:05"), created("old", "09:00:00"), token="more")
        done = self.searched(*pages, last, page())
        assert [run.run_id for run in done.value] == ["ours"]

    def test_is_found_among_the_open_jobs_wherever_the_list_shows_it(self) -> None:
        waiting = running("ours", status={"state": "PENDING", "stateStartTime": "2026-11-20T10:00:05Z"})
        done = self.searched(page(created("old", "09:00:00"), token="more"), page(waiting))
        assert [run.run_id for run in done.value] == ["ours"]
        assert "filter=status.state" in done.requests[1].url

    def test_may_be_behind_a_page_that_repeats(self) -> None:
        new = page(created("other", "10:05:00", configuration={"publish": {}}), token="same")
        assert isinstance(self.searched(new, new, page()).error, IncompleteListError)

    def test_is_no_job_of_unknown_age_that_the_list_before_may_have_left_out(self) -> None:
        undated = running("ours", status={"state": "RUNNING"})
        before = [page(created("old", "09:00:00"), token=f"{n}", at="10:00:00") for n in range(3)]
        launch = tamr().launch({"load": {"sourceId": "s"}})
        baseline = play(launch.record_baseline(), *before).value
        done = play(launch.find_candidates(baseline, "t"), page(undated))
        assert isinstance(done.error, IncompleteListError)
        assert len(self.searched(page(undated)).value) == 1


class TestTamrJobs:
    def test_behind_the_pages_of_a_sweep_are_looked_at_by_themselves(self) -> None:
        pages = [page(running(f"j-{n}"), token=f"{n}") for n in range(3)]
        sweep = TamrJobWatch(run_id="j-9").sweep(tamr(), frozenset({"j-0", "j-9"}))
        assert set(play(sweep, *pages).value) == {"j-0"}

    def test_a_resource_with_more_pages_than_are_read_is_not_idle(self) -> None:
        pages = [page(created(f"j-{n}", "09:00:00"), token=f"{n}") for n in range(MOST_PAGES)]
        refused = BadRequestError("filter", status=400)
        done = play(TamrResourceIdleWatch(source_id="s").question(tamr()), refused, *pages)
        assert isinstance(done.error, IncompleteListError)

    def test_a_success_is_found_on_a_later_page(self) -> None:
        since = 1_795_168_800.0  # 2026-11-20T10:00:00Z
        failed = [page(running(f"j-{n}"), token=f"{n}") for n in range(5)]
        question = tamr().watch_succeeded(since, source_id="s").question(tamr())
        done = play(question, *failed, page(created("good", "10:30:00"), token="more"))
        assert done.value["run_id"] == "good"

    def test_no_page_behind_an_older_job_is_read(self) -> None:
        question = tamr().watch_succeeded(1_795_168_800.0, source_id="s").question(tamr())
        assert play(question, page(created("old", "09:30:00"), token="more")).value is None


class TestQuantemplateExecutions:
    def state(self, *numbers: int) -> RunState:
        watch = QuantemplateExecutionWatch(run_id="e-1", organisation_id="c-1", pipeline_id="p-1")
        listed = [execution(f"e-{number + 1}", runNumber=number) for number in numbers]
        state: RunState = play(watch.look(quantemplate()), reply(body=listed)).value.state
        return state

    def test_that_the_list_may_leave_out_are_not_lost(self) -> None:
        assert self.state(12, 11, 13) is RunState.UNLISTED

    def test_are_absent_if_it_begins_with_the_first(self) -> None:
        assert self.state(3, 1, 2) is RunState.ABSENT
        assert self.state() is RunState.ABSENT


class TestTracJobs:
    def test_that_a_full_search_leaves_out_are_looked_at_by_themselves(self) -> None:
        ids = [f"{n:08}-6d0f-4a7e-9d55-0d3f3b1f4c01" for n in range(2 * SEARCH_LIMIT)]
        watches = [
            TracJobWatch(run_id=ids[n], tenant="ACME", submission_id=f"t{n:03}")
            for n in range(SEARCH_LIMIT + 1)
        ]
        others = [tag(ids[SEARCH_LIMIT + n], airflow_token="t000") for n in range(SEARCH_LIMIT)]
        last = found(tag(ids[SEARCH_LIMIT], airflow_token="t100"))
        sweep = watches[0].sweep(trac(), frozenset(watch.key for watch in watches))
        assert set(play(sweep, found(*others), last).value) == {watches[-1].key}
