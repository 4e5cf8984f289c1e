"""What is asked of Tamr Cloud, and how its answers are read. What is on the wire: ``test_wire``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.http import Body
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
)
from airflow_provider_dataops.platforms.tamr import configurations as platform
from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch, TamrJobWatch
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from tests.unit.fakes import Answer

REFUSALS = [BadRequestError, ConflictError, NotFoundError, ServerError]
JOBS = "https://my-tenant.tamr.cloud/api/v1beta1/jobs"
FILTERED = f"{JOBS}?pageSize=30&filter=status.state%20%21%3D%20DONE"


def job(job_id: str = "j-1", state: str = "RUNNING", **members: Any) -> dict[str, Any]:
    status = {"state": state, "stateStartTime": "2026-11-20T10:05:00.000Z", **members.pop("status", {})}
    return {"jobId": job_id, "configuration": {"load": {"sourceId": "s"}}, "status": status, **members}


class TestRequests:
    @pytest.mark.parametrize(
        ("configuration", "body"),
        [
            (platform.load("s"), b'{"configuration":{"load":{"sourceId":"s"}}}'),
            (platform.update_data_product("dp"), b'{"configuration":{"update":{"dataProductId":"dp"}}}'),
            (platform.run_workflow("w"), b'{"configuration":{"update":{"workflowId":"w"}}}'),
            (
                platform.publish("d", "dp"),
                b'{"configuration":{"publish":{"destinationId":"d","dataProductId":"dp"}}}',
            ),
            (platform.publish("d"), b'{"configuration":{"publish":{"destinationId":"d"}}}'),
        ],
    )
    def test_create(self, configuration: dict[str, Any], body: bytes) -> None:
        (request,) = play(tamr().create_job(configuration), reply(body=job())).requests
        assert (request.method, request.url) == ("POST", JOBS)
        assert request.body == Body(body, "application/json")

    def test_all_but_a_start_do_no_harm_when_sent_twice(self) -> None:
        api = tamr()
        calls = {
            "create": api.create_job(platform.load("s")),
            "get": api.get_job("j"),
            "list": api.list_jobs(),
            "stop": api.stop_job("j"),
            "test": api.test(),
        }
        assert {name for name, exchange in calls.items() if not next(exchange).repeatable} == {"create"}

    @pytest.mark.parametrize("dots", [".", ".."])
    def test_an_id_never_leads_elsewhere(self, dots: str) -> None:
        for ask in (tamr().get_job, tamr().stop_job):
            with pytest.raises(InvalidArgumentError):
                play(ask(dots))

    @pytest.mark.parametrize("error", REFUSALS)
    def test_a_stop_that_comes_too_late_is_no_failure(self, error: type[ApiError]) -> None:
        done = play(tamr().stop_job("j-1"), error("it has ended"), reply(body=job(state="DONE")))
        assert done.error is None

    @pytest.mark.parametrize("error", REFUSALS)
    @pytest.mark.parametrize("look", [reply(body=job()), ServerError("away"), NotFoundError("no such job")])
    def test_a_stop_that_is_refused_before_the_end_is(self, error: type[ApiError], look: Answer) -> None:
        done = play(tamr().stop_job("j-1"), error("not now"), look)
        assert type(done.error) is error
        assert "not now" in str(done.error)

    def test_list_follows_pages(self) -> None:
        done = play(
            tamr().list_jobs(source_id="s 1"),
            reply(body={"jobs": [job("j-2")], "nextPageToken": "p=2"}),
            reply(body={"jobs": [job("j-1")], "nextPageToken": ""}),
        )
        assert [request.url for request in done.requests] == [
            f"{JOBS}?pageSize=30&sourceId=s%201",
            f"{JOBS}?pageSize=30&sourceId=s%201&pageToken=p%3D2",
        ]
        assert [j.job_id for j in done.value] == ["j-2", "j-1"]

    def test_a_page_token_that_repeats_does_not_go_on_for_ever(self) -> None:
        page = reply(body={"jobs": [job()], "nextPageToken": "again"})
        assert len(play(tamr().list_jobs(), page, page).requests) == 2

    def test_the_key_is_a_header(self) -> None:
        assert tamr().credentials() == {"X-API-KEY": "apk_s3cret"}


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ({"state": "PENDING"}, RunState.PENDING),
            ({"state": "RUNNING"}, RunState.RUNNING),
            ({"state": "STOPPING"}, RunState.RUNNING),
            ({"state": "done"}, RunState.SUCCEEDED),
            ({"state": "DONE", "error": None}, RunState.SUCCEEDED),
            ({"state": "DONE", "error": {}}, RunState.SUCCEEDED),
            ({"state": "DONE", "error": {"reason": "PLANNING_FAILED", "message": "no"}}, RunState.FAILED),
            ({"state": "DONE", "error": {"message": "no"}}, RunState.FAILED),
            ({"state": "DONE", "error": "no"}, RunState.FAILED),
            ({"state": "DONE", "error": {"reason": "STOPPED_BY_USER"}}, RunState.CANCELLED),
            ({"state": "STATE_UNSPECIFIED"}, RunState.UNKNOWN),
            ({"state": "REHEARSING"}, RunState.UNKNOWN),
            ({"state": 4}, RunState.UNKNOWN),
            ({}, RunState.UNKNOWN),
        ],
    )
    def test_states(self, status: dict[str, Any], state: RunState) -> None:
        found = play(tamr().get_job("j-1"), reply(body={"jobId": "j-1", "status": status})).value
        assert found.state is state

    def test_reason_and_message_reach_the_error(self) -> None:
        error = {"reason": "PLANNING_FAILED", "message": "column gone"}
        found = play(tamr().get_job("j-1"), reply(body=job(state="DONE", status={"error": error}))).value
        assert found.snapshot().message == "PLANNING_FAILED: column gone"

    def test_ids_echoed_as_empty_texts_are_unset(self) -> None:
        body = job(configuration={"publish": {"destinationId": "d", "dataProductId": ""}})
        assert play(tamr().get_job("j"), reply(body=body)).value.configuration == {
            "publish": {"destinationId": "d"}
        }

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{}", b'{"jobId": "j"}', b'{"jobId": "", "status": {}}', b"<a>"]
    )
    def test_what_is_no_job_is_refused(self, body: bytes) -> None:
        assert isinstance(play(tamr().get_job("j"), reply(body=body)).error, MalformedReplyError)

    @pytest.mark.parametrize("with_current", [True, False])
    def test_history_is_in_order_and_holds_each_status_once(self, with_current: bool) -> None:
        past = [
            {"state": "RUNNING", "stateStartTime": "2026-11-20T10:01:00.000Z"},
            {"state": "PENDING", "stateStartTime": "2026-11-20T10:00:00.000Z"},
        ]
        now = {"state": "DONE", "stateStartTime": "2026-11-20T10:05:00.000Z"}
        body = job(state="DONE", statusHistory=[*past, now] if with_current else past)
        found = play(tamr().get_job("j"), reply(body=body)).value
        assert [s.state for s in found.history] == ["PENDING", "RUNNING", "DONE"]
        snapshot = found.snapshot()
        assert (snapshot.started_at, snapshot.finished_at) == (
            past[0]["stateStartTime"],
            now["stateStartTime"],
        )

    def test_the_servers_words(self) -> None:
        assert tamr().error_text(reply(429, {"statusCode": 429, "message": "5 jobs run"})) == "5 jobs run"
        assert tamr().error_text(reply(502, "<html>bad gateway</html>")) == "<html>bad gateway</html>"


def watch() -> TamrJobWatch:
    return TamrJobWatch(run_id="j-1")


class TestWatch:
    def test_one_list_tells_of_the_open_jobs(self) -> None:
        done = play(
            watch().sweep(tamr(), frozenset({"j-1", "j-9"})),
            reply(body={"jobs": [job("j-1"), job("j-2")]}),
        )
        assert done.requests[0].url == FILTERED
        assert set(done.value) == {"j-1"}

    def test_a_refused_filter_is_not_tried_again(self) -> None:
        api = tamr()
        refused = BadRequestError("filter", status=400)
        done = play(watch().sweep(api, frozenset({"j-1"})), refused, reply(body={"jobs": [job("j-1")]}))
        assert [r.url for r in done.requests] == [FILTERED, f"{JOBS}?pageSize=30"]
        done = play(watch().sweep(api, frozenset({"j-1"})), reply(body={"jobs": []}))
        assert done.requests[0].url == f"{JOBS}?pageSize=30"

    def test_a_list_without_the_filter_answers_for_ended_jobs_too(self) -> None:
        """Each would cost a request of its own otherwise."""
        refused = BadRequestError("filter", status=400)
        page = reply(body={"jobs": [job("j-1", state="DONE")]})
        assert set(play(watch().sweep(tamr(), frozenset({"j-1"})), refused, page).value) == {"j-1"}

    def test_an_unknown_job_is_absent(self) -> None:
        done = play(watch().look(tamr()), NotFoundError("gone", status=404))
        assert done.value.state is RunState.ABSENT

    def test_what_the_server_says_of_an_unknown_job_is_kept(self) -> None:
        gone = NotFoundError("gone", status=404, body="no such job")
        assert play(watch().look(tamr()), gone).value.raw_state == "404: no such job"


class TestLaunch:
    def test_candidates_are_new_jobs_that_do_the_same(self) -> None:
        launch = TamrJobLaunch(api=tamr(), configuration=platform.load("s"))
        date = {"Date": "Fri, 20 Nov 2026 10:00:30 GMT"}
        baseline = play(launch.record_baseline(), reply(body={"jobs": [job("old")]}, headers=date)).value
        listed = [
            job("ours", statusHistory=[{"state": "PENDING", "stateStartTime": "2026-11-20T10:00:25Z"}]),
            job("more", configuration={"load": {"sourceId": "s", "mode": "FULL"}}),
            job("other", configuration={"load": {"sourceId": "t"}}),
            job("old"),
            job("older", statusHistory=[{"state": "PENDING", "stateStartTime": "2026-11-19T10:00:00Z"}]),
        ]
        done = play(launch.find_candidates(baseline, "token"), reply(body={"jobs": listed}))
        assert [s.run_id for s in done.value] == ["ours", "more"]
        assert done.requests[0].url == f"{JOBS}?pageSize=30&sourceId=s"


class TestOpenJobs:
    def test_are_asked_for_by_a_filter(self) -> None:
        done = play(tamr().open_jobs({"sourceId": "s"}), reply(body={"jobs": [job("j-1")]}))
        assert [j.job_id for j in done.value] == ["j-1"]
        assert done.requests[0].url == f"{JOBS}?pageSize=30&sourceId=s&filter=status.state%20%21%3D%20DONE"

    def test_are_picked_out_where_the_filter_is_refused_or_ignored(self) -> None:
        page = reply(body={"jobs": [job("ended", state="DONE"), job("open"), job("odd", state="REHEARSING")]})
        refused = BadRequestError("filter", status=400)
        done = play(tamr().open_jobs({"sourceId": "s"}), refused, page)
        assert [j.job_id for j in done.value] == ["open", "odd"]
        assert done.requests[1].url == f"{JOBS}?pageSize=30&sourceId=s"


class TestSucceededSince:
    def ask(self, *jobs: dict[str, Any], **resource: str) -> Any:
        since = 1_795_168_800.0  # 2026-11-20T10:00:00Z
        return play(tamr().succeeded_since(since, **resource), reply(body={"jobs": list(jobs)})).value

    def run_of(self, created: str, configuration: dict[str, Any], **status: Any) -> dict[str, Any]:
        past = [{"state": "PENDING", "stateStartTime": created}]
        return job("j", state="DONE", configuration=configuration, statusHistory=past, status=status)

    def test_created_at_or_after(self) -> None:
        update = {"update": {"dataProductId": "dp"}}
        assert self.ask(self.run_of("2026-11-20T10:00:00Z", update), data_product_id="dp").job_id == "j"
        assert self.ask(self.run_of("2026-11-20T09:59:59Z", update), data_product_id="dp") is None

    def test_a_publish_of_the_product_is_no_run_of_it(self) -> None:
        publish = {"publish": {"dataProductId": "dp", "destinationId": "d"}}
        assert self.ask(self.run_of("2026-11-20T10:30:00Z", publish), data_product_id="dp") is None
        assert self.ask(self.run_of("2026-11-20T10:30:00Z", publish), destination_id="d").job_id == "j"

    def test_failed_and_running_jobs_do_not_count(self) -> None:
        load = {"load": {"sourceId": "s"}}
        failed = self.run_of("2026-11-20T10:30:00Z", load, error={"reason": "X"})
        assert self.ask(failed, job("r"), source_id="s") is None

    def test_an_end_is_no_creation(self) -> None:
        assert (
            self.ask(job("j", state="DONE", status={"stateStartTime": "2026-11-20T11:00:00Z"}), source_id="s")
            is None
        )


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        None,
        [],
        {"load": {}},
        {"load": {"sourceId": ""}},
        {"load": {"sourceId": " "}},
        {"load": {"sourceId": 5}},
        {"load": {"dataProductId": "x"}},
        {"update": {}},
        {"update": {"dataProductId": "a", "workflowId": "b"}},
        {"publish": {"dataProductId": "a"}},
        {"load": {"sourceId": "s"}, "update": {"workflowId": "w"}},
        {"destroy": {"sourceId": "s"}},
    ],
)
def test_configurations_that_the_platform_would_not_take(configuration: object) -> None:
    with pytest.raises(InvalidArgumentError, match="configuration"):
        platform.check_configuration(configuration)


@pytest.mark.parametrize(
    "host",
    [
        "my-tenant",
        "my-tenant.tamr.cloud",
        "https://my-tenant.tamr.cloud/",
        "https://my-tenant.tamr.cloud/api/v1beta1",
        "https://MY-TENANT.tamr.cloud:443",
    ],
)
def test_a_tenant_is_a_name_a_host_or_a_url(host: str) -> None:
    assert tamr(host=host, port=443).settings.base_url == "https://my-tenant.tamr.cloud"


def test_plain_http_must_be_written_out() -> None:
    assert tamr(host="http://127.0.0.1:8099/tamr").settings.base_url == "http://127.0.0.1:8099/tamr"
    assert tamr(host="localhost.test").settings.base_url == "https://localhost.test"


def test_links_lead_to_the_tenant_or_follow_the_connections_template() -> None:
    assert tamr().job_url("j-1") == "https://my-tenant.tamr.cloud/"
    api = tamr(extra={"link_template": "{base_url}/jobs/{job_id}#{run_id}"})
    launch = TamrJobLaunch(api=api, configuration=platform.load("s"))
    assert launch.watch("j/1").url(api) == "https://my-tenant.tamr.cloud/jobs/j%2F1#j%2F1"
