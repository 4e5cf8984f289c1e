"""The requests to Tamr Cloud. ``test_wire`` compares all their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.http import Body
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
)
from airflow_provider_dataops.platforms.tamr import configurations as platform
from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch
from tests.unit.fakes import first_request, play, reply
from tests.unit.platforms.apis import tamr
from tests.unit.platforms.tamr.jobs import JOBS, job

if TYPE_CHECKING:
    from tests.unit.fakes import Answer


REJECTIONS = [BadRequestError, ConflictError, NotFoundError, ServerError]


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
    def test_create_job_sends_compact_json(self, configuration: dict[str, Any], body: bytes) -> None:
        (request,) = play(tamr().create_job(configuration), reply(body=job())).requests
        assert (request.method, request.url) == ("POST", JOBS)
        assert request.body == Body(body, "application/json")

    def test_all_requests_except_create_are_repeatable(self) -> None:
        api = tamr()
        calls = {
            "create": api.create_job(platform.load("s")),
            "get": api.get_job("j"),
            "list": api.list_jobs(),
            "stop": api.stop_job("j"),
            "test": api.test(),
        }
        assert {name for name, exchange in calls.items() if not first_request(exchange).repeatable} == {
            "create"
        }

    @pytest.mark.parametrize("dots", [".", ".."])
    def test_an_id_of_dots_is_rejected(self, dots: str) -> None:
        for ask in (tamr().get_job, tamr().stop_job):
            with pytest.raises(InvalidArgumentError):
                play(ask(dots))

    @pytest.mark.parametrize("error", REJECTIONS)
    def test_stopping_a_job_that_has_ended_is_no_failure(self, error: type[ApiError]) -> None:
        done = play(tamr().stop_job("j-1"), error("it has ended"), reply(body=job(state="DONE")))
        assert done.error is None

    @pytest.mark.parametrize("error", REJECTIONS)
    @pytest.mark.parametrize(
        "status_response", [reply(body=job()), ServerError("away"), NotFoundError("no such job")]
    )
    def test_stopping_a_job_fails_if_tamr_rejects_it_while_the_job_runs(
        self, error: type[ApiError], status_response: Answer
    ) -> None:
        done = play(tamr().stop_job("j-1"), error("not now"), status_response)
        assert type(done.error) is error
        assert "not now" in str(done.error)

    def test_list_jobs_follows_the_pages(self) -> None:
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

    def test_a_repeated_page_token_ends_the_list(self) -> None:
        page = reply(body={"jobs": [job()], "nextPageToken": "again"})
        assert len(play(tamr().list_jobs(), page, page).requests) == 2

    def test_the_api_key_is_sent_as_a_header(self) -> None:
        assert tamr().credentials() == {"X-API-KEY": "apk_s3cret"}


class TestOpenJobs:
    def test_are_requested_by_a_filter(self) -> None:
        done = play(tamr().open_jobs({"sourceId": "s"}), reply(body={"jobs": [job("j-1")]}))
        assert [j.job_id for j in done.value] == ["j-1"]
        assert done.requests[0].url == f"{JOBS}?pageSize=30&sourceId=s&filter=status.state%20%21%3D%20DONE"

    def test_are_selected_from_the_list_if_tamr_rejects_or_ignores_the_filter(self) -> None:
        page = reply(body={"jobs": [job("ended", state="DONE"), job("open"), job("odd", state="REHEARSING")]})
        rejected = BadRequestError("filter", status=400)
        done = play(tamr().open_jobs({"sourceId": "s"}), rejected, page)
        assert [j.job_id for j in done.value] == ["open", "odd"]
        assert done.requests[1].url == f"{JOBS}?pageSize=30&sourceId=s"


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


def test_plain_http_is_used_only_if_the_host_begins_with_it() -> None:
    assert tamr(host="http://127.0.0.1:8099/tamr").settings.base_url == "http://127.0.0.1:8099/tamr"
    assert tamr(host="localhost.test").settings.base_url == "https://localhost.test"


def test_links_lead_to_the_tenant_or_follow_the_connections_template() -> None:
    assert tamr().job_url("j-1") == "https://my-tenant.tamr.cloud/"
    api = tamr(extra={"link_template": "{base_url}/jobs/{job_id}#{run_id}"})
    launch = TamrJobLaunch(api=api, configuration=platform.load("s"))
    assert launch.watch("j/1").url(api) == "https://my-tenant.tamr.cloud/jobs/j%2F1#j%2F1"
