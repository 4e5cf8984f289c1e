"""Lists with unreadable entries: on every platform, such an entry concerns only its own run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from airflow_provider_dataops.core.listing import MAX_UNREADABLE
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
    UnroutedError,
)
from airflow_provider_dataops.platforms.quantemplate.runs import (
    QuantemplateExecutionWatch,
    QuantemplateNextExecutionWatch,
)
from airflow_provider_dataops.platforms.tamr.runs import TamrJobWatch, TamrResourceIdleWatch
from airflow_provider_dataops.platforms.trac.model.definitions import RunRequest
from airflow_provider_dataops.platforms.trac.runs import TracJobWatch
from tests.unit.fakes import Play, play, reply, sweep
from tests.unit.platforms.apis import quantemplate, tailer, tamr, toucan, trac

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.launch import Launch

JOB_ID = "0c2b4a3e-6d0f-4a7e-9d55-0d3f3b1f4c01"
TABLES = {"account": "000099", "environment": "DEV", "configuration_type": "table-to-table"}


def job(job_id: Any, **members: Any) -> dict[str, Any]:
    return {
        "jobId": job_id,
        "configuration": {"load": {"sourceId": "s"}},
        "status": {"state": "RUNNING"},
        **members,
    }


def execution(run_id: Any, **members: Any) -> dict[str, Any]:
    number = {"old": 5, "bad": 6}.get(run_id, 9)
    return {"id": run_id, "runNumber": number, "status": "Started", **members}


def run(run_id: Any, **members: Any) -> dict[str, Any]:
    return {**TABLES, "configuration_id": "c_DEV", "run_id": run_id, "status": "RUNNING", **members}


def tag(job_id: Any, **attrs: Any) -> dict[str, Any]:
    texts = {"trac_job_status": "RUNNING", "trac_job_type": "RUN_MODEL", "airflow_token": "t", **attrs}
    return {
        "header": {"objectType": "JOB", "objectId": job_id, "objectVersion": 1, "tagVersion": 1},
        "attrs": {name: {"stringValue": text} for name, text in texts.items()},
    }


@dataclass
class Platform:
    """How a platform lists runs.

    :param entry: makes an entry from an id and further members.
    :param listing: makes the body of a list.
    :param broken: members that make an entry unreadable, except for its id.
    :param start_time: makes the members that contain the start time of a run.
    """

    entry: Callable[..., dict[str, Any]]
    listing: Callable[[list[Any]], Any]
    broken: dict[str, Any]
    launch: Callable[[], Launch]
    start_time: Callable[[str], dict[str, Any]]

    def answer(self, *entries: Any) -> Any:
        return reply(body=self.listing(list(entries)), headers={"Date": "Fri, 20 Nov 2026 10:00:00 GMT"})


def tailer_launch() -> Launch:
    api = tailer()
    return api.launch(api.configuration("c_DEV", "table-to-table"))


PLATFORMS = {
    "tamr": Platform(
        job,
        lambda jobs: {"jobs": jobs},
        {"status": None},
        lambda: tamr().launch({"load": {"sourceId": "s"}}),
        lambda time: {"status": {"state": "PENDING", "stateStartTime": time}},
    ),
    "quantemplate": Platform(
        execution,
        lambda listed: listed,
        {"runNumber": 2**70},
        lambda: quantemplate().launch("p-1"),
        lambda time: {"createdAt": time},
    ),
    "tailer": Platform(
        run,
        lambda results: {"results": results},
        {"status": 5},
        tailer_launch,
        lambda time: {"start_execution_date": time},
    ),
}


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> Platform:
    return PLATFORMS[request.param]


class TestLostRun:
    """The baseline before the submission, and the search after it."""

    def baseline(self, platform: Platform, *entries: Any) -> Any:
        return play(platform.launch().record_baseline(), platform.answer(*entries)).value

    def search(self, platform: Platform, baseline: Any, *entries: Any) -> Play:
        return play(platform.launch().find_candidates(baseline, "t"), platform.answer(*entries))

    def test_a_baseline_skips_unreadable_entries(self, platform: Platform) -> None:
        baseline = self.baseline(platform, 5, platform.entry("old"), platform.entry("bad", **platform.broken))
        assert baseline is not None
        assert self.search(platform, baseline, platform.entry("old")).value == []

    def test_a_search_raises_an_error_if_an_unreadable_entry_may_be_the_run(self, platform: Platform) -> None:
        baseline = self.baseline(platform, platform.entry("old"))
        for unreadable in (5, {}, platform.entry(None), platform.entry("new", **platform.broken)):
            done = self.search(platform, baseline, unreadable)
            assert isinstance(done.error, MalformedReplyError), unreadable

    def test_an_older_run_is_no_candidate_even_if_the_baseline_omits_it(self, platform: Platform) -> None:
        """A list may be out of date, or empty for a moment."""
        baseline = self.baseline(platform)
        before, after = "2026-11-20T09:58:59Z", "2026-11-20T09:59:01Z"
        found = self.search(
            platform,
            baseline,
            platform.entry("r-1", **platform.start_time(before)),
            platform.entry("r-2", **platform.start_time(after)),
        ).value
        # The clocks of Airflow and of the platform may differ by up to a minute.
        assert [candidate.run_id for candidate in found] == ["r-2"]

    def test_an_unreadable_entry_that_the_baseline_contains_is_ignored(self, platform: Platform) -> None:
        bad = platform.entry("bad", **platform.broken)
        baseline = self.baseline(platform, bad)
        done = self.search(platform, baseline, bad, platform.entry("new"))
        assert [candidate.run_id for candidate in done.value] == ["new"]
        # Later the entry is readable: it is still no candidate.
        assert self.search(platform, baseline, platform.entry("bad")).value == []

    @pytest.mark.parametrize("run_id", ["a\x00b", "x" * 2_000, "a\ud800b"])
    def test_an_id_that_cannot_be_stored_makes_its_entry_unreadable(
        self, platform: Platform, run_id: str
    ) -> None:
        baseline = self.baseline(platform)
        done = self.search(platform, baseline, platform.entry(run_id))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize(
        "error", [UnroutedError("404", status=404), NotFoundError("404", status=404), ServerError("503")]
    )
    def test_a_failed_list_request_gives_no_baseline(self, platform: Platform, error: ApiError) -> None:
        assert play(platform.launch().record_baseline(), error).error is error

    def test_a_list_with_only_unreadable_entries_gives_no_baseline(self, platform: Platform) -> None:
        entries = [5] * (MAX_UNREADABLE + 1)
        done = play(platform.launch().record_baseline(), platform.answer(*entries))
        assert isinstance(done.error, MalformedReplyError)


def test_the_run_number_of_an_unreadable_execution_counts_for_the_baseline() -> None:
    bad = execution("bad", runNumber=12, outputs="none")
    baseline = play(quantemplate().launch("p-1").record_baseline(), reply(body=[bad])).value
    assert baseline["highest"] == 12


def found(*tags: Any) -> Any:
    return reply(body={"searchResult": list(tags)})


class TestTrac:
    def test_a_search_by_token_raises_an_error_if_a_job_is_unreadable(self) -> None:
        launch = trac().launch(RunRequest.of("MODEL", "MODEL-" + JOB_ID + "-v1"))
        assert [c.run_id for c in play(launch.find_candidates({}, "t"), found(tag(JOB_ID))).value] == [JOB_ID]
        for unreadable in (5, {}, tag(None), {**tag(JOB_ID), "attrs": {"a": {"integerValue": "x"}}}):
            done = play(launch.find_candidates({}, "t"), found(tag(JOB_ID), unreadable))
            assert isinstance(done.error, MalformedReplyError), unreadable

    def test_a_sweep_skips_unreadable_jobs(self) -> None:
        watch = TracJobWatch(run_id=JOB_ID, tenant="ACME", submission_id="t")
        answer = found(5, tag(JOB_ID), {**tag(JOB_ID), "attrs": {"a": {"integerValue": "x"}}})
        assert set(play(sweep(trac(), watch), answer).value) == {watch.key}


class TestSweep:
    """One list request for all waiting tasks."""

    def test_on_tamr_skips_unreadable_jobs(self) -> None:
        watches = [TamrJobWatch(run_id=run_id) for run_id in ("j-1", "j-2")]
        answer = reply(body={"jobs": [5, job("j-1"), job("j-2", status="?"), job(7), job("j-9")]})
        assert set(play(sweep(tamr(), *watches), answer).value) == {"j-1"}

    def test_on_tailer_skips_unreadable_runs(self) -> None:
        api = tailer()
        configuration = api.configuration("c_DEV", "table-to-table")
        outcomes: dict[str, list[str]] = {"success_statuses": ["SUCCESS"], "failure_statuses": []}
        watches = [api.watch_run(configuration, run_id, None, **outcomes) for run_id in ("r-1", "r-2", "r-3")]
        answer = reply(body={"results": [None, run("r-1"), run("r-2", status=None), run("r-3")]})
        assert set(play(sweep(api, *watches), answer).value) == {watches[0].key, watches[2].key}

    def executions(self, *entries: Any) -> dict[str, Any]:
        watches = [
            QuantemplateExecutionWatch(run_id=run_id, organisation_id="c-1", pipeline_id="p-1")
            for run_id in ("e-1", "e-2")
        ]
        answers: dict[str, Any] = play(sweep(quantemplate(), *watches), reply(body=list(entries))).value
        return answers

    def test_on_quantemplate_returns_an_error_only_for_the_unreadable_execution(self) -> None:
        answers = self.executions(
            execution("e-1"), execution("e-2", status=None), execution("e-7", status=None)
        )
        assert answers["e-1"].state is RunState.RUNNING
        assert isinstance(answers["e-2"], MalformedReplyError)

    def test_on_quantemplate_returns_an_error_for_unlisted_executions_if_an_entry_has_no_id(self) -> None:
        answers = self.executions(execution("e-1"), execution(5))
        assert answers["e-1"].state is RunState.RUNNING
        assert isinstance(answers["e-2"], MalformedReplyError)
        assert self.executions(execution("e-1", runNumber=1))["e-2"].state is RunState.ABSENT

    def test_on_quantemplate_fails_for_a_single_unreadable_execution(self) -> None:
        watch = QuantemplateExecutionWatch(run_id="e-1", organisation_id="c-1", pipeline_id="p-1")
        done = play(watch.look(quantemplate()), reply(body=[execution("e-1", runNumber=2**70)]))
        assert isinstance(done.error, MalformedReplyError)


class TestConditions:
    def test_the_first_later_execution_must_be_readable(self) -> None:
        watch = QuantemplateNextExecutionWatch(after_run_number=3, organisation_id="c-1", pipeline_id="p-1")
        later = execution("e-9", status="Succeeded")

        def ask(*entries: Any) -> Play:
            return play(watch.question(quantemplate()), reply(body=list(entries)))

        assert ask(later, execution("e-2", runNumber="?")).value["run_id"] == "e-9"
        assert ask(later, execution("e-5", runNumber=12, status=None)).value["run_id"] == "e-9"
        assert isinstance(ask(later, execution("e-5", runNumber=4, status=None)).error, MalformedReplyError)

    def test_a_resource_is_not_idle_while_a_job_on_it_is_unreadable(self) -> None:
        watch = TamrResourceIdleWatch(source_id="s")

        def ask(*jobs: Any) -> Play:
            return play(watch.question(tamr()), reply(body={"jobs": list(jobs)}))

        assert ask().value == {}
        assert ask(5, job("j-1")).value is None
        assert isinstance(ask(job("j-1", status=None)).error, MalformedReplyError)

    def test_a_succeeded_job_is_found_next_to_unreadable_jobs(self) -> None:
        ended = job(
            "j-1",
            status={"state": "DONE"},
            statusHistory=[{"state": "PENDING", "stateStartTime": "2026-11-20T10:00:00Z"}],
        )
        watch = tamr().watch_succeeded(0.0, source_id="s")
        done = play(watch.question(tamr()), reply(body={"jobs": [5, job("j-0", status=None), ended]}))
        assert done.value["run_id"] == "j-1"


class TestResponseWithoutAList:
    """It is not an empty list: an error with a 2xx status code contains no list either."""

    ERROR: ClassVar = {"statusCode": 503, "message": "try later"}

    @pytest.mark.parametrize(
        "body",
        [ERROR, {**ERROR, "nextPageToken": ""}, {"jobs": None, **ERROR}, {"jobs": {}}, {"jobs": ""}, []],
    )
    def test_from_tamr_is_an_error(self, body: Any) -> None:
        watch = TamrResourceIdleWatch(source_id="s")
        assert isinstance(play(watch.question(tamr()), reply(body=body)).error, MalformedReplyError)

    @pytest.mark.parametrize("body", [{}, {"nextPageToken": ""}, {"jobs": []}, {"jobs": [], **ERROR}])
    def test_from_tamr_may_be_an_empty_page(self, body: Any) -> None:
        assert play(TamrResourceIdleWatch(source_id="s").question(tamr()), reply(body=body)).value == {}

    @pytest.mark.parametrize("token", [5, ["p"], True])
    def test_from_tamr_with_an_invalid_page_token_is_an_error(self, token: Any) -> None:
        answer = reply(body={"jobs": [], "nextPageToken": token})
        assert isinstance(play(tamr().list_jobs(), answer).error, MalformedReplyError)

    @pytest.mark.parametrize(
        "call",
        [
            lambda: trac().search("DATA", tenant="ACME"),
            lambda: trac().list_tenants(),
            lambda: trac().list_resources("MODEL_REPOSITORY", tenant="ACME"),
            lambda: trac().list_config_entries(tenant="ACME"),
        ],
    )
    def test_from_trac_is_an_empty_list_unless_it_contains_an_error(self, call: Callable[[], Any]) -> None:
        assert list(play(call(), reply(body={})).value) == []
        assert play(call(), reply(body=self.ERROR)).error is not None

    def test_from_trac_to_a_batch_is_an_error(self) -> None:
        selector = {"objectType": "DATA", "objectId": JOB_ID, "objectVersion": 1, "tagVersion": 1}
        tags = [{"selector": selector, "attrs": {"region": "UK"}}]
        for body in ({}, self.ERROR):
            exchange = trac().write_batch(update_tags=tags, tenant="ACME")
            assert isinstance(play(exchange, reply(body=body)).error, ValueError)

    @pytest.mark.parametrize("body", [{}, ERROR, None, "none"])
    def test_from_the_other_platforms_is_an_error(self, body: Any) -> None:
        api = tailer()
        for exchange in (
            quantemplate().list_executions("c-1", "p-1"),
            api.get_last_status(api.configuration("c_DEV", "table-to-table")),
            toucan().list_small_apps(),
            toucan().get_operation("app", "op-1"),
        ):
            assert play(exchange, reply(body=body)).error is not None
