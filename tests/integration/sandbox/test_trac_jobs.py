"""TRAC's jobs, the files and datasets that they read and write, and the methods that control them."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dataops_sandbox.trac.store import ENTRY_POINT, REPOSITORY
from tests.integration.sandbox.clients import PATIENCE
from tests.integration.sandbox.trac_client import DATA, META, ORCH, TracClient, selector_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox import ManualClock, Sandbox

IMPORT: dict[str, Any] = {
    "jobType": "IMPORT_MODEL",
    "importModel": {
        "language": "python",
        "repository": REPOSITORY,
        "path": "src",
        "entryPoint": ENTRY_POINT,
        "version": "v1",
    },
}
SCHEMA = {
    "schemaType": "TABLE_SCHEMA",
    "table": {
        "fields": [
            {"fieldName": "position_id", "fieldType": "INTEGER"},
            {"fieldName": "amount", "fieldOrder": 1, "fieldType": "DECIMAL"},
        ]
    },
}
CSV = b"position_id,amount\n1,2.5\n2, 3\n"
READ_BACK = b"position_id,amount\n1,2.500000000000\n2,3.000000000000\n"
"""The same rows, in the form in which the platform writes them."""
OUTPUT = b"POSITION_ID,AMOUNT,ROW_NUMBER\n1,2.500000000000,1\n2,3.000000000000,2\n"
PARAMETERS: dict[str, Any] = {
    "confidence": {"type": {"basicType": "FLOAT"}, "floatValue": 0.99},
    "as_of": {"type": {"basicType": "DATE"}, "dateValue": {"isoDate": "2026-02-27"}},
}


def dataset(content: bytes = CSV, **members: Any) -> dict[str, Any]:
    """Return the body of a create-small-dataset call."""
    encoded = base64.b64encode(content).decode()
    return {"schema": SCHEMA, "format": "text/csv", "content": encoded, **members}


def importing(**members: Any) -> dict[str, Any]:
    """Return the definition of an import job."""
    return {**IMPORT, "importModel": {**IMPORT["importModel"], **members}}


@pytest.fixture
def model(trac: TracClient, clock: ManualClock) -> dict[str, Any]:
    """Import the model that exists at the start, and return its selector."""
    job = trac.submit(IMPORT)
    clock.advance(10)
    return selector_of(made_by(trac, job, "MODEL")["header"])


@pytest.fixture
def positions(trac: TracClient) -> dict[str, Any]:
    """Create the model's input dataset, and return its selector."""
    return selector_of(trac.ok(f"{DATA}/create-small-dataset", dataset()))


@pytest.fixture
def running(model: dict[str, Any], positions: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of a job that runs the model."""
    details = {"model": model, "parameters": PARAMETERS, "inputs": {"positions": positions}}
    return {"jobType": "RUN_MODEL", "runModel": details}


def made_by(trac: TracClient, job: dict[str, Any], object_type: str) -> dict[str, Any]:
    """Return the only object of a type that a job has created."""
    key = {"stringValue": f"JOB-{job['objectId']}-v1"}
    term = {"attrName": "trac_create_job", "attrType": "STRING", "operator": "EQ", "searchValue": key}
    (found,) = trac.search(object_type, {"term": term})
    return dict(found)


def status(trac: TracClient, job: dict[str, Any]) -> tuple[str, str, int]:
    """Return the status in check-job, the status in the tag, and the number of the tag."""
    tag = trac.read(job)
    tagged = tag["attrs"]["trac_job_status"]["stringValue"]
    return trac.check(job)["statusCode"], tagged, tag["header"]["tagVersion"]


class TestStates:
    def test_come_in_order(self, trac: TracClient, clock: ManualClock) -> None:
        job = trac.submit(IMPORT)
        seen = [status(trac, job)]
        for seconds in (0.5, 0.5, 2, 6, 1):
            clock.advance(seconds)
            seen.append(status(trac, job))
        assert seen == [
            ("QUEUED", "QUEUED", 1),
            ("PREPARING", "PREPARING", 2),
            ("SUBMITTED", "PREPARING", 2),
            ("RUNNING", "RUNNING", 3),
            ("FINISHING", "RUNNING", 3),
            ("SUCCEEDED", "SUCCEEDED", 4),
        ]

    def test_each_step_has_the_time_at_which_it_happened(self, trac: TracClient, clock: ManualClock) -> None:
        job = trac.submit(IMPORT)
        clock.advance(500)
        header = trac.read(job)["header"]
        assert header["tagVersion"] == 4
        assert (
            trac.read({**job, "tagAsOf": header["objectTimestamp"], "latestTag": None})["header"][
                "tagVersion"
            ]
            == 1
        )

    def test_the_result_exists_only_at_the_end(self, trac: TracClient, clock: ManualClock) -> None:
        job = trac.submit(IMPORT)
        result = trac.read(job)["definition"]["job"]["resultId"]
        assert trac.post(f"{META}/read-object", result).status == 404
        clock.advance(10)
        definition = trac.read(result)["definition"]["result"]
        assert definition["statusCode"] == "SUCCEEDED"
        assert b"SUCCEEDED" in download(trac, definition["logFileId"])

    def test_check_job_knows_a_job_for_two_minutes(self, trac: TracClient, clock: ManualClock) -> None:
        job = trac.submit(IMPORT)
        clock.advance(10 + 119)
        assert trac.check(job)["statusCode"] == "SUCCEEDED"
        clock.advance(1)
        for selector in (job, {**job, "objectId": str(uuid.uuid4())}):
            reply = trac.post(f"{ORCH}/check-job", selector)
            assert (reply.status, reply.reason) == (500, "Internal server error")
        assert trac.read(job)["attrs"]["trac_job_status"]["stringValue"] == "SUCCEEDED"

    def test_a_job_never_ends_if_a_client_changes_its_tag(self, trac: TracClient, clock: ManualClock) -> None:
        job = trac.submit(IMPORT)
        clock.advance(4)
        prior = selector_of(trac.read(job)["header"])
        trac.ok(f"{META}/update-tag", {"objectType": "JOB", "priorVersion": prior})
        clock.advance(1000)
        assert status(trac, job) == ("FINISHING", "RUNNING", 4)
        assert trac.search("MODEL") == []

    def test_a_scripted_failure_has_its_message_everywhere(
        self, sandbox: Sandbox, trac: TracClient, clock: ManualClock
    ) -> None:
        sandbox.trac.script(ENTRY_POINT, times=1, duration=4, outcome="FAILED", message="no room")
        job, other = trac.submit(IMPORT), trac.submit(IMPORT)
        clock.advance(4)
        assert trac.check(job)["statusMessage"] == "no room"
        tag = trac.read(job)
        assert tag["attrs"]["trac_job_error_message"]["stringValue"] == "no room"
        result = trac.read(tag["definition"]["job"]["resultId"])["definition"]["result"]
        assert (result["statusCode"], result["statusMessage"]) == ("FAILED", "no room")
        assert trac.check(other)["statusCode"] == "RUNNING"

    def test_a_job_with_hold_ends_only_by_finish(
        self, sandbox: Sandbox, trac: TracClient, clock: ManualClock
    ) -> None:
        sandbox.trac.script(hold=True, running_status="REORGANISING")
        job = trac.submit(IMPORT)
        clock.advance(10_000)
        assert status(trac, job) == ("REORGANISING", "REORGANISING", 3)
        sandbox.trac.finish(job["objectId"])
        assert status(trac, job) == ("SUCCEEDED", "SUCCEEDED", 4)
        with pytest.raises(ValueError, match="already ended"):
            sandbox.trac.finish(job["objectId"])

    def test_a_restart_of_the_orchestrator_loses_the_job(
        self, sandbox: Sandbox, trac: TracClient, clock: ManualClock
    ) -> None:
        job = trac.submit(IMPORT)
        clock.advance(5)
        sandbox.trac.restart_orchestrator()
        clock.advance(1000)
        assert trac.post(f"{ORCH}/check-job", job).status == 500
        assert trac.read(job)["attrs"]["trac_job_status"]["stringValue"] == "RUNNING"
        sandbox.trac.script(duration=0)
        assert trac.check(trac.submit(IMPORT))["statusCode"] == "SUCCEEDED"


class TestRefusals:
    def test_an_import_needs_all_its_members(self, trac: TracClient) -> None:
        job = {"jobType": "IMPORT_MODEL", "importModel": {}}
        names = ("language", "repository", "entryPoint", "version")
        items = trac.post(f"{ORCH}/submit-job", {"job": job}).items
        assert items.keys() == {f"job.importModel.{name}" for name in names}

    def test_job_attributes_must_follow_the_rules_of_tags(self, trac: TracClient) -> None:
        attrs = [{"attrName": "trac_token", "value": {"stringValue": "x"}}]
        reply = trac.post(f"{ORCH}/submit-job", {"job": IMPORT, "jobAttrs": attrs})
        assert list(reply.items) == ["jobAttrs[0].attrName"]
        assert trac.search("JOB") == []

    @pytest.mark.parametrize(
        ("group", "change", "path"),
        [
            ("parameters", {"confidence": None}, "runModel.parameters[confidence]"),
            ("parameters", {"other": {"stringValue": "x"}}, "runModel.parameters[other]"),
            ("parameters", {"as_of": {"stringValue": "2026"}}, "runModel.parameters[as_of]"),
            ("inputs", {"positions": None}, "runModel.inputs[positions]"),
        ],
    )
    def test_parameters_and_inputs_must_fit_the_model(
        self, trac: TracClient, running: dict[str, Any], group: str, change: dict[str, Any], path: str
    ) -> None:
        members = {**running["runModel"][group], **change}
        details = {**running["runModel"], group: {k: v for k, v in members.items() if v is not None}}
        reply = trac.post(f"{ORCH}/validate-job", {"job": {**running, "runModel": details}})
        assert (reply.status, list(reply.items)) == (412, [path])

    def test_inputs_must_have_a_fixed_version(self, trac: TracClient, running: dict[str, Any]) -> None:
        loose = {**running["runModel"]["inputs"]["positions"], "latestObject": True}
        del loose["objectVersion"]
        details = {**running["runModel"], "inputs": {"positions": loose}}
        reply = trac.post(f"{ORCH}/validate-job", {"job": {**running, "runModel": details}})
        assert list(reply.items) == ["job.runModel.inputs[positions]"]

    def test_outputs_and_other_types_of_jobs_cause_a_500(
        self, trac: TracClient, running: dict[str, Any], positions: dict[str, Any]
    ) -> None:
        details = {**running["runModel"], "outputs": {"report": positions}}
        for job in ({**running, "runModel": details}, {"jobType": "JOB_GROUP", "jobGroup": {}}):
            assert trac.post(f"{ORCH}/submit-job", {"job": job}).status == 500


class TestWork:
    def test_the_output_is_computed_from_the_input(
        self, trac: TracClient, clock: ManualClock, running: dict[str, Any]
    ) -> None:
        running["runModel"]["outputAttrs"] = [{"attrName": "kind", "value": {"stringValue": "eod"}}]
        job = trac.submit(running, airflow_token="t1")
        clock.advance(10)
        report = made_by(trac, job, "DATA")
        assert report["attrs"]["trac_job_output"]["stringValue"] == "report"
        assert report["attrs"]["kind"]["stringValue"] == "eod"
        assert report["attrs"]["trac_data_row_count"]["integerValue"] == "2"
        result = trac.read(trac.read(job)["definition"]["job"]["resultId"])["definition"]["result"]
        assert result["outputs"] == {"report": selector_of(report["header"])}
        assert download(trac, result["outputs"]["report"], "?format=csv") == OUTPUT

    def test_a_prior_output_gets_a_new_version(
        self, trac: TracClient, clock: ManualClock, running: dict[str, Any]
    ) -> None:
        first = trac.submit(running)
        clock.advance(10)
        report = selector_of(made_by(trac, first, "DATA")["header"])
        running["runModel"]["priorOutputs"] = {"report": report}
        second = trac.submit(running)
        clock.advance(10)
        newest = trac.read({**report, "objectVersion": 2})
        assert newest["attrs"]["trac_update_job"]["stringValue"] == f"JOB-{second['objectId']}-v1"
        assert newest["attrs"]["trac_create_job"]["stringValue"] == f"JOB-{first['objectId']}-v1"

    def test_a_job_with_a_superseded_prior_output_fails(
        self, trac: TracClient, clock: ManualClock, running: dict[str, Any]
    ) -> None:
        first = trac.submit(running)
        clock.advance(10)
        report = selector_of(made_by(trac, first, "DATA")["header"])
        running["runModel"]["priorOutputs"] = {"report": report}
        jobs = [trac.submit(running), trac.submit(running)]
        clock.advance(10)
        assert [trac.check(job)["statusCode"] for job in jobs] == ["SUCCEEDED", "FAILED"]
        assert "superseded" in trac.check(jobs[1])["statusMessage"]

    def test_a_parameter_without_a_type_is_accepted_and_fails_the_job_later(
        self, trac: TracClient, clock: ManualClock, running: dict[str, Any]
    ) -> None:
        running["runModel"]["parameters"] = {**PARAMETERS, "confidence": {"floatValue": 0.9}}
        assert trac.ok(f"{ORCH}/validate-job", {"job": running}) == {"statusCode": "VALIDATED"}
        job = trac.submit(running)
        clock.advance(10)
        checked = trac.check(job)
        assert (checked["statusCode"], checked["statusMessage"]) == ("FAILED", "Missing type information")
        assert len(trac.search("DATA")) == 1

    def test_a_parameter_that_is_not_a_value_of_its_type_fails_the_job_later(
        self, trac: TracClient, clock: ManualClock, running: dict[str, Any]
    ) -> None:
        never = {"type": {"basicType": "DATE"}, "dateValue": {"isoDate": "2026-02-30"}}
        running["runModel"]["parameters"] = {**PARAMETERS, "as_of": never}
        job = trac.submit(running)
        clock.advance(10)
        assert "[as_of]" in trac.check(job)["statusMessage"]

    def test_an_import_of_a_missing_model_fails_the_job(self, trac: TracClient, clock: ManualClock) -> None:
        job = trac.submit(importing(entryPoint="no.Such"))
        clock.advance(10)
        assert "could not be checked out" in trac.check(job)["statusMessage"]

    def test_a_prior_model_gets_a_new_version(
        self, sandbox: Sandbox, trac: TracClient, clock: ManualClock, model: dict[str, Any]
    ) -> None:
        trac.submit(importing(version="v2", priorModel=model))
        clock.advance(10)
        newest = trac.read({**model, "objectVersion": 2})
        assert newest["definition"]["model"]["version"] == "v2"
        sandbox.trac.configure(generation="0.8")
        assert trac.post(f"{ORCH}/submit-job", {"job": importing(priorModel=model)}).status == 400

    def test_a_flow_passes_data_to_its_models(
        self,
        sandbox: Sandbox,
        trac: TracClient,
        clock: ManualClock,
        model: dict[str, Any],
        positions: dict[str, Any],
    ) -> None:
        sandbox.trac.add_model("risk.Note", inputs={"table": {"x": "STRING"}}, outputs={"note": "FILE"})
        job = trac.submit(importing(entryPoint="risk.Note"))
        clock.advance(10)
        note = selector_of(made_by(trac, job, "MODEL")["header"])
        flow = {
            "nodes": {
                "positions": {"nodeType": "INPUT_NODE"},
                "note": {"nodeType": "MODEL_NODE", "inputs": ["table"], "outputs": ["note"]},
                "value": {"nodeType": "MODEL_NODE", "inputs": ["positions"], "outputs": ["report"]},
                "out": {"nodeType": "OUTPUT_NODE"},
            },
            "edges": [
                {"source": {"node": "positions"}, "target": {"node": "value", "socket": "positions"}},
                {
                    "source": {"node": "value", "socket": "report"},
                    "target": {"node": "note", "socket": "table"},
                },
                {"source": {"node": "note", "socket": "note"}, "target": {"node": "out"}},
            ],
        }
        header = trac.create({"objectType": "FLOW", "flow": flow})
        details = {
            "flow": {**selector_of(header)},
            "parameters": PARAMETERS,
            "inputs": {"positions": positions},
            "models": {"value": model},
        }
        job_definition = {"jobType": "RUN_FLOW", "runFlow": details}
        reply = trac.post(f"{ORCH}/validate-job", {"job": job_definition})
        assert (reply.status, list(reply.items)) == (412, ["runFlow.models[note]"])
        details["models"] = {"value": model, "note": note}
        job = trac.submit(job_definition)
        clock.advance(10)
        result = trac.read(trac.read(job)["definition"]["job"]["resultId"])["definition"]["result"]
        expected = f"table={hashlib.sha256(OUTPUT).hexdigest()}\n".encode()
        assert download(trac, result["outputs"]["out"]) == expected


def download(trac: TracClient, selector: dict[str, Any], query: str = "") -> bytes:
    """Download a file or a dataset by its link, as a browser does."""
    place = f"{selector['objectType']}/{selector['objectId']}/versions/{selector['objectVersion']}"
    reply = trac.send("GET", f"{DATA}/{place}/any.name{query}", {"Accept": "text/html"})
    assert reply.status == 200, reply.reason
    return reply.body


class TestData:
    def test_a_file_is_returned_unchanged(self, trac: TracClient) -> None:
        content = base64.b64encode(bytes(range(256)) * 1000).decode()
        body = {"name": "a.tar.gz", "mimeType": "application/gzip", "size": 256_000, "content": content}
        header = trac.ok(f"{DATA}/create-small-file", body)
        file = trac.ok(f"{DATA}/read-small-file", {"selector": selector_of(header)})
        assert file["content"] == content
        assert (file["fileDefinition"]["extension"], file["fileDefinition"]["size"]) == ("gz", "256000")
        storage = trac.read(file["fileDefinition"]["storageId"])
        assert storage["header"]["objectType"] == "STORAGE"
        attrs = trac.read(selector_of(header))["attrs"]
        assert attrs["trac_file_size"]["integerValue"] == "256000"
        path = f"{DATA}/FILE/{header['objectId']}/versions/latest/x"
        assert trac.send("GET", path, {}).headers["content-type"] == "application/gzip"

    def test_an_update_creates_a_version_and_keeps_the_old_content(self, trac: TracClient) -> None:
        first = trac.ok(f"{DATA}/create-small-dataset", dataset())
        body = dataset(b"position_id,amount\n9,1\n", priorVersion=selector_of(first))
        second = trac.ok(f"{DATA}/update-small-dataset", body)
        assert second["objectVersion"] == 2
        assert download(trac, selector_of(first), "?format=csv") == READ_BACK
        assert trac.post(f"{DATA}/update-small-dataset", body).status == 409

    def test_a_dataset_with_a_schema_object_is_read_in_parts(self, trac: TracClient) -> None:
        schema = trac.create({"objectType": "SCHEMA", "schema": SCHEMA})
        body = dataset(schemaId=selector_of(schema))
        del body["schema"]
        header = trac.ok(f"{DATA}/create-small-dataset", body)
        wanted = {"selector": selector_of(header), "format": "text/csv", "offset": 1, "limit": "1"}
        part = trac.ok(f"{DATA}/read-small-dataset", wanted)
        assert base64.b64decode(part["content"]) == b"position_id,amount\n2,3.000000000000\n"
        assert part["schema"]["table"]["fields"][0]["fieldName"] == "position_id"

    @pytest.mark.parametrize("content", [b"any,header\nx,2\n", b"position_id,amount\n1\n", b"\xff"])
    def test_garbled_content_is_refused(self, trac: TracClient, content: bytes) -> None:
        reply = trac.post(f"{DATA}/create-small-dataset", dataset(content))
        assert (reply.status, reply.headers["grpc-status"]) == (500, "15")
        assert trac.search("DATA") == trac.search("STORAGE") == []

    def test_the_error_names_all_missing_members(self, trac: TracClient) -> None:
        assert trac.post(f"{DATA}/create-small-file", {}).items.keys() == {"name", "mimeType", "content"}
        assert trac.post(f"{DATA}/update-small-dataset", {}).items.keys() == {
            "schemaSpecifier",
            "format",
            "priorVersion",
            "content",
        }
        wrong_size = {"name": "a", "mimeType": "text/plain", "size": 3, "content": "AQ=="}
        assert trac.post(f"{DATA}/create-small-file", wrong_size).headers["grpc-status"] == "15"

    def test_a_download_of_data_needs_the_format(self, trac: TracClient, positions: dict[str, Any]) -> None:
        reply = trac.send("GET", f"{DATA}/DATA/{positions['objectId']}/versions/latest/x.csv", {})
        assert list(reply.items) == ["format"]


class TestControl:
    @pytest.fixture(autouse=True)
    def close(self) -> Iterator[None]:
        with requests.Session() as self.session:
            yield

    def test_actions_change_runs(self, sandbox: Sandbox, trac: TracClient, clock: ManualClock) -> None:
        def act(name: str, **payload: Any) -> Any:
            url = f"{sandbox.url}/_sandbox/{name}"
            return self.session.post(url, json={"platform": "trac", **payload}, timeout=PATIENCE)

        run_id = act("start", job=IMPORT).json()["result"]
        clock.advance(4)
        (run,) = sandbox.runs()
        assert (run.run_id, run.resource, run.state, run.finished) == (
            run_id,
            ENTRY_POINT,
            "RUNNING",
            False,
        )
        assert run.started_at == pytest.approx(run.created_at + 3, abs=0.01)
        assert act("finish", run_id=run_id, status="FAILED", message="stop").status_code == 200
        assert sandbox.runs()[0].finished
        assert act("forget", run_id=run_id).status_code == 200
        job = {"objectType": "JOB", "objectId": run_id, "objectVersion": 1, "latestTag": True}
        assert trac.post(f"{ORCH}/check-job", job).status == 500
        assert act("start", job={"jobType": "IMPORT_DATA"}).status_code == 400
        assert act("add_model", entry_point="x", outputs={"y": "TABLE"}).status_code == 400

    def test_an_unknown_state_fault_changes_the_state_of_jobs_everywhere(
        self, sandbox: Sandbox, trac: TracClient
    ) -> None:
        job = trac.submit(IMPORT)
        sandbox.add_fault("unknown_state", platform="trac", state="NEW_STATE")
        assert status(trac, job) == ("NEW_STATE", "NEW_STATE", 1)
        (found,) = trac.search("JOB")
        assert found["attrs"]["trac_job_status"]["stringValue"] == "NEW_STATE"

    @pytest.mark.parametrize(("wanted", "code"), [(503, "14"), (409, "6"), (429, "13")])
    def test_a_status_fault_has_the_error_format_of_the_platform(
        self, sandbox: Sandbox, trac: TracClient, wanted: int, code: str
    ) -> None:
        sandbox.add_fault("status", platform="trac", operation="submit_job", status=wanted, times=1)
        reply = trac.post(f"{ORCH}/submit-job", {"job": IMPORT})
        assert (reply.status, reply.reason) == (wanted, "a fault of the sandbox caused this error")
        assert (reply.body, reply.headers["grpc-status"]) == (b"", code)
        assert trac.search("JOB") == []

    def test_the_job_exists_although_its_response_was_lost(self, sandbox: Sandbox, trac: TracClient) -> None:
        sandbox.add_fault("reset_after", platform="trac", operation="submit_job", times=1)
        with pytest.raises(ConnectionError):
            trac.post(f"{ORCH}/submit-job", {"job": IMPORT})
        assert len(trac.search("JOB")) == len(sandbox.runs()) == 1

    def test_a_reset_removes_everything(self, sandbox: Sandbox, trac: TracClient) -> None:
        trac.submit(IMPORT)
        sandbox.trac.configure(generation="0.8", auth="basic")
        sandbox.reset()
        assert trac.search("JOB") == []
        assert sandbox.runs() == []
        assert sandbox.trac.connection() == {
            "conn_type": "trac",
            "host": f"{sandbox.url}/trac",
            "extra": {"tenant": "ACME_CORP"},
        }

    def test_the_journal_contains_the_names_of_the_calls(self, sandbox: Sandbox, trac: TracClient) -> None:
        job = trac.submit(IMPORT)
        trac.get(f"{META}/JOB/{job['objectId']}/versions/1/tags/latest")
        assert [entry.operation for entry in sandbox.journal] == ["submit_job", "get_latest_tag"]
        assert json.loads(next(iter(sandbox.journal)).body or b"")["job"] == IMPORT
