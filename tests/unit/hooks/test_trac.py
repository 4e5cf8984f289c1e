"""The results of the TRAC hook. ``test_trac_recordings`` contains all its requests."""

from __future__ import annotations

import base64
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from airflow_provider_dataops.errors import ConflictError, InvalidArgumentError, ServerError
from airflow_provider_dataops.hooks.trac import TracHook
from airflow_provider_dataops.platforms.trac import MAX_CONTENT, SEARCH_LIMIT
from tests.unit.fakes import reply
from tests.unit.platforms.trac.payloads import DATA_ID, JOB_ID, MODEL_ID, header, tag

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.hooks.worker import Worker

FILE = reply(body=header("FILE"))


def test_a_search_with_the_maximum_of_results_logs_a_warning(worker: Worker) -> None:
    hits = [tag(header())] * SEARCH_LIMIT
    worker.wire.expect(reply(body={"searchResult": hits[1:]}), reply(body={"searchResult": hits}))
    hook = worker.trac()
    with structlog.testing.capture_logs() as lines:
        assert not hook.search("DATA").possibly_more
        assert not lines
        assert hook.search("DATA").possibly_more
    (line,) = lines
    assert line["log_level"] == "warning"
    assert "there may be more" in line["event"]


def test_methods_have_the_signature_and_docstring_of_their_calls() -> None:
    shown = inspect.signature(TracHook.read_object)
    assert list(shown.parameters) == ["self", "selector", "tenant"]
    assert shown.return_annotation == "Tag"
    assert inspect.signature(TracHook.list_tenants).return_annotation == "list[Tenant]"
    methods = {name: method for name, method in vars(TracHook).items() if inspect.isfunction(method)}
    assert [name for name, method in methods.items() if name[0] != "_" and not method.__doc__] == []


def test_an_update_is_repeated_after_a_conflict(worker: Worker) -> None:
    worker.wire.expect(
        reply(body=tag(header(tag=1), {})),
        reply(409, headers={"grpc-message": "Prior tag has been superseded"}),
        reply(body=tag(header(tag=2), {})),
        reply(body=header(tag=3)),
    )
    began = worker.clock.now
    assert worker.trac().update_tag(f"DATA-{DATA_ID}-v1", attrs={"n": 1}).tag_version == 3
    assert worker.clock.now - began < 2
    assert json.loads(worker.wire.sent[3].body)["priorVersion"]["tagVersion"] == 2


def test_reads_are_repeated_after_a_short_outage_and_writes_are_sent_once(worker: Worker) -> None:
    worker.wire.expect(reply(503), reply(body=tag(header(), {})), reply(503))
    hook = worker.trac()
    hook.read_object(f"DATA-{DATA_ID}-v1")
    with pytest.raises(ServerError):
        hook.update_tag(header(), attrs={"n": 1})
    assert len(worker.wire.sent) == 3


def test_a_flow_is_planned_and_submitted(worker: Worker) -> None:
    flow = {"nodes": {"m": {"nodeType": "MODEL_NODE"}}}
    worker.wire.expect(
        reply(body=tag(header("FLOW"), flow)),
        reply(body=tag(header("MODEL", MODEL_ID, 5), {})),
        reply(body={"jobId": header("JOB", JOB_ID), "statusCode": "QUEUED"}),
    )
    hook = worker.trac()
    job = hook.plan_flow_run(f"FLOW-{DATA_ID}", models={"m": f"MODEL-{MODEL_ID}"})
    assert hook.submit_job(job, job_attrs={"dag_id": "d"}).status_code == "QUEUED"
    sent = json.loads(worker.wire.sent[2].body)
    assert sent["job"]["runFlow"]["models"]["m"]["objectVersion"] == 5


def test_a_model_is_planned_and_validated(worker: Worker) -> None:
    model = {"parameters": {"n": {"paramType": {"basicType": "FLOAT"}}}}
    worker.wire.expect(
        reply(body=tag(header("MODEL", MODEL_ID), model)), reply(body={"statusCode": "VALIDATED"})
    )
    hook = worker.trac()
    job = hook.plan_model_run(f"MODEL-{MODEL_ID}-v1", parameters={"n": 1})
    assert hook.validate_job(job).status_code == "VALIDATED"
    assert worker.wire.sent[1].url.endswith("/trac-orch/api/v1/ACME_CORP/validate-job")


class TestFiles:
    def test_a_file_has_the_name_of_its_source(self, worker: Worker, tmp_path: Path) -> None:
        (tmp_path / "claims.csv").write_bytes(b"a;b\n")
        worker.wire.expect(FILE)
        worker.trac().create_small_file(source=str(tmp_path / "claims.csv"))
        sent = json.loads(worker.wire.sent[0].body)
        assert (sent["name"], base64.b64decode(sent["content"])) == ("claims.csv", b"a;b\n")

    def test_text_is_sent_as_utf_8(self, worker: Worker) -> None:
        worker.wire.expect(FILE, reply(body=header()))
        worker.trac().create_small_file(content="é", name="a.txt")
        schema = {"schemaType": "TABLE_SCHEMA"}
        worker.trac().create_small_dataset(content="é", schema=schema)
        assert [base64.b64decode(json.loads(s.body)["content"]) for s in worker.wire.sent] == [
            "é".encode()
        ] * 2

    def test_a_file_that_is_too_large_is_not_sent(self, worker: Worker, tmp_path: Path) -> None:
        (tmp_path / "large.csv").write_bytes(b"x" * (MAX_CONTENT + 1))
        with pytest.raises(InvalidArgumentError, match=r"source 'large\.csv' must have at most 735000 bytes"):
            worker.trac().create_small_file(source=str(tmp_path / "large.csv"))
        assert not worker.wire.sent

    @pytest.mark.parametrize("kind", ["FILE", "DATA"])
    def test_a_download_writes_only_a_complete_file(self, worker: Worker, tmp_path: Path, kind: str) -> None:
        worker.wire.expect(
            reply(body=b"hal", headers={"Content-Length": "8"}),
            reply(body=b"complete", headers={"Content-Length": "8"}),
        )
        hook = worker.trac()
        call = hook.download_file if kind == "FILE" else hook.download_data
        assert call(f"{kind}-{DATA_ID}-v1", destination=str(tmp_path / "out")) == 8
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"complete"]
        assert "Accept" not in worker.wire.sent[0].headers

    def test_small_files_and_datasets_are_returned(self, worker: Worker) -> None:
        worker.wire.expect(reply(body={"content": "eA=="}), reply(body={"content": "eQ=="}))
        hook = worker.trac()
        assert hook.read_small_file(f"FILE-{DATA_ID}").content == b"x"
        assert hook.read_small_dataset(f"DATA-{DATA_ID}", limit=5).content == b"y"


def test_objects_are_read_in_the_order_of_their_selectors(worker: Worker) -> None:
    worker.wire.expect(reply(body=tag(header("MODEL", MODEL_ID), {})), reply(body=tag(header(), {})))
    found = worker.trac().read_batch([f"MODEL-{MODEL_ID}", f"DATA-{DATA_ID}"])
    assert [t.header.object_type for t in found] == ["MODEL", "DATA"]


def test_resources_of_old_platforms_are_listed_and_read(worker: Worker) -> None:
    resource = {"resourceType": "MODEL_REPOSITORY", "resourceKey": "models"}
    worker.wire.expect(reply(body={"resources": [resource]}), reply(body=resource))
    hook = worker.trac()
    assert hook.list_resources("MODEL_REPOSITORY") == [hook.resource_info("MODEL_REPOSITORY", "models")]


def test_a_login_is_sent_with_each_request_but_not_in_errors(worker: Worker) -> None:
    worker.connect("trac_default", login="ann", password="pa55-word")
    basic = base64.b64encode(b"ann:pa55-word").decode()
    worker.wire.expect(reply(401, f"unknown user {basic}, pa55-word"))
    with pytest.raises(Exception, match="401") as caught:
        worker.trac().list_tenants()
    assert worker.wire.sent[0].headers["Authorization"] == f"Basic {basic}"
    assert basic not in repr(vars(caught.value))
    assert "pa55-word" not in repr(vars(caught.value))


def test_the_test_button_checks_the_tenant(worker: Worker) -> None:
    worker.wire.expect(reply(body={"tenants": [{"tenantCode": "OTHER"}]}), reply(406, "planted"))
    assert worker.trac().test_connection() == (
        False,
        "extra field 'tenant' must be a tenant that the gateway lists; given: 'ACME_CORP'",
    )
    assert worker.trac().test_connection() == (
        False,
        "TRAC: list tenants: HTTP 406: unexpected response; does the field 'Gateway URL' name the platform?",
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda hook: hook.create_object(object_type="MODEL", definition={}),
        lambda hook: hook.update_object(object_type="CUSTOM", definition={}, prior_version=""),
        lambda hook: hook.update_tag("", attrs={}),
        lambda hook: hook.read_object(None),
        lambda hook: hook.read_batch("x"),
        lambda hook: hook.get_object("DATA", "x", 1, 1),
        lambda hook: hook.get_latest_object("DATA", "../x"),
        lambda hook: hook.get_latest_tag("DATA", DATA_ID, 0),
        lambda hook: hook.search("DATA", "region = UK"),
        lambda hook: hook.write_batch(),
        lambda hook: hook.validate_job({}),
        lambda hook: hook.submit_job({"jobType": "RUN_MODEL"}),
        lambda hook: hook.check_job(f"DATA-{DATA_ID}"),
        lambda hook: hook.plan_model_run(""),
        lambda hook: hook.list_resources("a b"),
        lambda hook: hook.resource_info("MODEL_REPOSITORY", ""),
        lambda hook: hook.list_config_entries(""),
        lambda hook: hook.search("DATA", tenant="a/b"),
        lambda hook: hook.create_small_file(content="x"),
        lambda hook: hook.create_small_file(content="x", source="y", name="z"),
        lambda hook: hook.create_small_file(content=b"", name="z"),
        lambda hook: hook.create_small_dataset(content="x"),
        lambda hook: hook.create_small_dataset(source="/no/such/file", schema={}),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(
    worker: Worker, call: Callable[[TracHook], Any]
) -> None:
    with pytest.raises(InvalidArgumentError):
        call(worker.trac())
    assert not worker.wire.sent


def test_a_running_job_is_not_tagged(worker: Worker) -> None:
    worker.wire.expect(reply(body=tag(header("JOB", JOB_ID), {}, trac_job_status="RUNNING")))
    with pytest.raises(ConflictError, match="is RUNNING"):
        worker.trac().update_tag(header("JOB", JOB_ID), attrs={"n": 1})
    assert len(worker.wire.sent) == 1
