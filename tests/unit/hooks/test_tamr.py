"""The requests and results of the Tamr hook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import ConnectionSettingsError, InvalidArgumentError, RateLimitedError
from tests.unit.fakes import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.hooks.tamr import TamrHook
    from tests.unit.hooks.worker import Worker

JOBS = "https://my-tenant.tamr.cloud/api/v1beta1/jobs"
JOB = reply(body={"jobId": "j-1", "status": {"state": "PENDING"}})


@pytest.mark.parametrize(
    ("call", "configuration"),
    [
        (lambda hook: hook.load_source("s"), {"load": {"sourceId": "s"}}),
        (lambda hook: hook.update_data_product("dp"), {"update": {"dataProductId": "dp"}}),
        (lambda hook: hook.run_workflow("w"), {"update": {"workflowId": "w"}}),
        (lambda hook: hook.publish("d"), {"publish": {"destinationId": "d"}}),
        (lambda hook: hook.publish("d", "dp"), {"publish": {"destinationId": "d", "dataProductId": "dp"}}),
        (lambda hook: hook.create_job({"load": {"sourceId": "x"}}), {"load": {"sourceId": "x"}}),
    ],
)
def test_each_method_creates_its_kind_of_job(
    worker: Worker, call: Callable[[TamrHook], Any], configuration: dict[str, Any]
) -> None:
    worker.wire.expect(JOB)
    assert call(worker.tamr()).job_id == "j-1"
    (sent,) = worker.wire.sent
    assert json.loads(sent.body) == {"configuration": configuration}


def test_a_job_without_a_free_slot_is_not_requested_again(worker: Worker) -> None:
    worker.wire.expect(reply(429, {"statusCode": 429, "message": "5 jobs run"}))
    with pytest.raises(RateLimitedError, match=r"Tamr: create job .* HTTP 429: 5 jobs run"):
        worker.tamr().load_source("s")


def test_status_and_stop_requests_are_repeated_after_a_short_outage(worker: Worker) -> None:
    worker.wire.expect(reply(503), JOB, reply(503), reply(body={}))
    hook = worker.tamr()
    assert hook.get_job("j-1").status == "PENDING"
    hook.stop_job("j-1")
    assert [f"{s.method} {s.url.removeprefix(JOBS)}" for s in worker.wire.sent] == [
        *["GET /j-1"] * 2,
        *["POST /j-1:stop"] * 2,
    ]


def test_a_list_ends_at_the_page_limit(worker: Worker) -> None:
    page = reply(body={"jobs": [{"jobId": "j", "status": {}}], "nextPageToken": "more"})
    worker.wire.expect(page)
    assert len(worker.tamr().list_jobs(data_product_id="dp", max_pages=1)) == 1
    assert worker.wire.sent[0].url == f"{JOBS}?pageSize=30&dataProductId=dp"


@pytest.mark.parametrize(
    "call",
    [
        lambda hook: hook.create_job({"load": {"sourceId": "a"}, "update": {"workflowId": "w"}}),
        lambda hook: hook.create_job({}),
        lambda hook: hook.create_job("load"),
        lambda hook: hook.load_source(""),
        lambda hook: hook.update_data_product(None),
        lambda hook: hook.run_workflow(" "),
        lambda hook: hook.publish(""),
        lambda hook: hook.publish("d", 5),
        lambda hook: hook.get_job(""),
        lambda hook: hook.stop_job(None),
        lambda hook: hook.stop_job(".."),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(
    worker: Worker, call: Callable[[TamrHook], Any]
) -> None:
    with pytest.raises(InvalidArgumentError):
        call(worker.tamr())
    assert not worker.wire.sent


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda hook: hook.load_source(""), "source_id"),
        (lambda hook: hook.update_data_product(""), "data_product_id"),
        (lambda hook: hook.run_workflow(""), "workflow_id"),
        (lambda hook: hook.publish("", "dp"), "destination_id"),
        (lambda hook: hook.publish("d", ""), "data_product_id"),
    ],
)
def test_an_error_names_the_argument_of_the_method(
    worker: Worker, call: Callable[[TamrHook], Any], argument: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{argument} must be a non-empty text; given: ''"):
        call(worker.tamr())


@pytest.mark.parametrize(("field", "words"), [("password", "API key"), ("host", "host")])
def test_an_incomplete_connection_fails_before_a_request_is_sent(
    worker: Worker, field: str, words: str
) -> None:
    worker.connect("tamr_default", **{field: ""})
    with pytest.raises(ConnectionSettingsError, match=f"'tamr_default'.*{words}"):
        worker.tamr().load_source("s")
    assert not worker.wire.sent
