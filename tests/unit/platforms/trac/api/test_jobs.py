"""The status of a TRAC job: its state, its outputs, its log."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import MalformedReplyError, NotFoundError, ServerError, TransportError
from airflow_provider_dataops.platforms.trac import Tag
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.jobs import KEY, TAG_PATH, body, hits, launch
from tests.unit.platforms.trac.payloads import (
    DATA_ID,
    JOB_ID,
    LOG_ID,
    MODEL_ID,
    RESULT_ID,
    header,
    job,
    selector,
    tag,
)

GONE = NotFoundError("HTTP 404 Metadata not found", status=404, body="Metadata not found")


def paths(done: Any) -> list[str]:
    return [request.path.removeprefix("/trac-meta/api/v1/ACME_CORP/") for request in done.requests]


def result(**members: Any) -> Any:
    definition = {
        "statusCode": "SUCCEEDED",
        "logFileId": {**selector("FILE", LOG_ID), "latestTag": True},
        **members,
    }
    return reply(body=tag(header("RESULT", RESULT_ID, at="10:08:00"), definition))


class TestLook:
    def look(self, *answers: Any) -> Any:
        return play(launch().watch(JOB_ID).look(trac()), *answers)

    @pytest.mark.parametrize(
        ("code", "state"),
        [
            ("QUEUED", RunState.PENDING),
            ("PREPARING", RunState.PENDING),
            ("RUNNING", RunState.RUNNING),
            ("VALIDATED", RunState.UNKNOWN),
            ("REHEARSING", RunState.UNKNOWN),
        ],
    )
    def test_one_request_reads_the_state_of_an_active_job(self, code: str, state: RunState) -> None:
        done = self.look(reply(body=job(code)))
        assert [r.path for r in done.requests] == [TAG_PATH]
        assert (done.value.state, done.value.raw_state, done.value.finished_at) == (state, code, None)

    def test_a_job_without_a_status_has_an_unknown_state(self) -> None:
        snapshot = self.look(reply(body=tag(header("JOB", JOB_ID), {}))).value
        assert (snapshot.state, snapshot.raw_state) == (RunState.UNKNOWN, "JOB_STATUS_CODE_NOT_SET")

    def test_an_unknown_job_is_absent(self) -> None:
        snapshot = self.look(GONE).value
        assert (snapshot.state, snapshot.raw_state) == (RunState.ABSENT, "404: Metadata not found")

    def test_outputs_and_log_are_read_from_the_result(self) -> None:
        outputs = {"report": {**selector("FILE", DATA_ID), "tagVersion": 1, "latestTag": None}}
        done = self.look(reply(body=job("SUCCEEDED")), result(outputs=outputs))
        assert paths(done) == [TAG_PATH.rpartition("ACME_CORP/")[2], "read-object"]
        assert body(done.requests[1])["objectId"] == RESULT_ID
        snapshot = done.value
        assert snapshot.details["outputs"] == {"report": f"FILE-{DATA_ID}-v1"}
        assert snapshot.details["log_file"] == f"FILE-{LOG_ID}-v1"
        assert (snapshot.started_at, snapshot.finished_at) == (
            "2026-11-20T10:00:00+00:00",
            "2026-11-20T10:08:00+00:00",
        )

    def test_unknown_fields_of_selectors_are_ignored(self) -> None:
        outputs = {"report": {**selector("FILE", DATA_ID), "placement": "eu"}}
        snapshot = self.look(reply(body=job("SUCCEEDED")), result(outputs=outputs)).value
        assert snapshot.details["outputs"] == {"report": f"FILE-{DATA_ID}-v1"}

    @pytest.mark.parametrize("output", [None, {"objectType": "FILE"}, "FILE"])
    def test_an_invalid_output_is_a_malformed_response(self, output: Any) -> None:
        done = self.look(reply(body=job("SUCCEEDED")), result(outputs={"report": output}))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("outputs", ["report", ["report"], 1])
    def test_outputs_of_another_shape_are_a_malformed_response(self, outputs: Any) -> None:
        done = self.look(reply(body=job("SUCCEEDED")), result(outputs=outputs))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("definition", ["x", ["x"], 1])
    def test_a_definition_that_is_not_an_object_is_rejected(self, definition: Any) -> None:
        with pytest.raises(ValueError, match="the definition is not a JSON object"):
            Tag.from_json({**job("SUCCEEDED"), "definition": definition})

    def test_an_imported_model_is_searched_for(self) -> None:
        model = tag(header("MODEL", MODEL_ID, 3), trac_update_job=KEY)
        done = self.look(reply(body=job("SUCCEEDED", kind="IMPORT_MODEL")), result(), hits(model))
        assert done.value.details["outputs"] == {"model": f"MODEL-{MODEL_ID}-v3"}
        assert done.value.details["model"] == f"MODEL-{MODEL_ID}-v3"
        sent = body(done.requests[2])
        assert (sent["objectType"], sent["priorVersions"]) == ("MODEL", True)
        term = sent["search"]["term"]
        # A newer version has its own job in this attribute. `trac_create_job` stays the same.
        assert (term["attrName"], term["searchValue"]["stringValue"]) == ("trac_update_job", KEY)

    def test_the_log_file_is_not_an_output(self) -> None:
        log = tag(header("FILE", LOG_ID), trac_create_job=KEY, trac_job_output="trac_job_log_file")
        done = self.look(reply(body=job("SUCCEEDED")), result(), hits(), hits(), hits(), hits(log))
        assert done.value.details["outputs"] == {}
        assert done.value.details["log_file"] == f"FILE-{LOG_ID}-v1"

    def test_outputs_of_old_releases_are_searched_for(self) -> None:
        made: dict[str, Any] = {"trac_create_job": KEY, "trac_job_output": "scored"}
        done = self.look(
            reply(body=job("SUCCEEDED", with_result=False)),
            # Old releases store only the creator. Here another job has made a second version since.
            hits(),
            hits(tag(header(version=2), **made)),
            # The log file has no output name.
            hits(),
            hits(tag(header("FILE", LOG_ID), trac_create_job=KEY)),
        )
        assert [body(r)["objectType"] for r in done.requests[1:]] == ["DATA", "DATA", "FILE", "FILE"]
        assert done.value.details["outputs"] == {"scored": f"DATA-{DATA_ID}-v1"}
        assert done.value.finished_at == "2026-11-20T10:09:00+00:00"

    def test_a_failed_job_has_its_error_message(self) -> None:
        failed = reply(body=job("FAILED", trac_job_error_message="the model raised"))
        done = self.look(failed, result(statusCode="FAILED", statusMessage="longer words"))
        assert (done.value.state, done.value.message) == (RunState.FAILED, "the model raised")
        assert done.value.details["log_file"] == f"FILE-{LOG_ID}-v1"
        assert len(done.requests) == 2

    def test_the_message_of_the_result_is_used_if_the_job_has_none(self) -> None:
        snapshot = self.look(reply(body=job("FAILED")), result(statusMessage="lost executor")).value
        assert snapshot.message == snapshot.details["message"] == "lost executor"

    def test_a_failed_job_may_have_neither_result_nor_log(self) -> None:
        snapshot = self.look(reply(body=job("FAILED")), GONE).value
        assert (snapshot.state, snapshot.details["log_file"]) == (RunState.FAILED, None)


class TestCheck:
    @pytest.mark.parametrize("error", [ServerError("HTTP 500", status=500), TransportError("reset")])
    def test_the_tag_is_read_if_the_orchestrator_fails(self, error: Any) -> None:
        tag_response = reply(body=job("FAILED", trac_job_error_message="no"))
        done = play(trac().check_job(JOB_ID), error, tag_response)
        assert [r.path for r in done.requests] == ["/trac-orch/api/v1/ACME_CORP/check-job", TAG_PATH]
        assert (done.value.status_code, done.value.status_message) == ("FAILED", "no")

    def test_an_unknown_job_raises_a_not_found_error(self) -> None:
        done = play(trac().check_job(JOB_ID), ServerError("HTTP 500", status=500), GONE)
        assert done.error is GONE
