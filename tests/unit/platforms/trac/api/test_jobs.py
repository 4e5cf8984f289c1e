"""How a job of TRAC stands: its state, its outputs, its log."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import MalformedReplyError, NotFoundError, ServerError, TransportError
from airflow_provider_dataops.platforms.trac import Tag
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.jobs import KEY, TAG_PATH, body, hits, launch
from tests.unit.platforms.trac.told import (
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
    told = {
        "statusCode": "SUCCEEDED",
        "logFileId": {**selector("FILE", LOG_ID), "latestTag": True},
        **members,
    }
    return reply(body=tag(header("RESULT", RESULT_ID, at="10:08:00"), told))


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
    def test_one_request_tells_of_a_job_that_goes_on(self, code: str, state: RunState) -> None:
        done = self.look(reply(body=job(code)))
        assert [r.path for r in done.requests] == [TAG_PATH]
        assert (done.value.state, done.value.raw_state, done.value.finished_at) == (state, code, None)

    def test_a_job_without_a_state_goes_on(self) -> None:
        told = self.look(reply(body=tag(header("JOB", JOB_ID), {}))).value
        assert (told.state, told.raw_state) == (RunState.UNKNOWN, "JOB_STATUS_CODE_NOT_SET")

    def test_an_unknown_job_is_absent(self) -> None:
        told = self.look(GONE).value
        assert (told.state, told.raw_state) == (RunState.ABSENT, "404: Metadata not found")

    def test_the_result_tells_outputs_and_log(self) -> None:
        outputs = {"report": {**selector("FILE", DATA_ID), "tagVersion": 1, "latestTag": None}}
        done = self.look(reply(body=job("SUCCEEDED")), result(outputs=outputs))
        assert paths(done) == [TAG_PATH.rpartition("ACME_CORP/")[2], "read-object"]
        assert body(done.requests[1])["objectId"] == RESULT_ID
        told = done.value
        assert told.details["outputs"] == {"report": f"FILE-{DATA_ID}-v1"}
        assert told.details["log_file"] == f"FILE-{LOG_ID}-v1"
        assert (told.started_at, told.finished_at) == (
            "2026-11-20T10:00:00+00:00",
            "2026-11-20T10:08:00+00:00",
        )

    def test_selectors_of_later_platforms_are_read(self) -> None:
        outputs = {"report": {**selector("FILE", DATA_ID), "placement": "eu"}}
        told = self.look(reply(body=job("SUCCEEDED")), result(outputs=outputs)).value
        assert told.details["outputs"] == {"report": f"FILE-{DATA_ID}-v1"}

    @pytest.mark.parametrize("output", [None, {"objectType": "FILE"}, "FILE"])
    def test_an_output_that_is_none_is_an_answer_that_cannot_be_read(self, output: Any) -> None:
        done = self.look(reply(body=job("SUCCEEDED")), result(outputs={"report": output}))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("outputs", ["report", ["report"], 1])
    def test_so_are_outputs_of_another_shape(self, outputs: Any) -> None:
        done = self.look(reply(body=job("SUCCEEDED")), result(outputs=outputs))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("definition", ["x", ["x"], 1])
    def test_a_tag_has_no_definition_that_is_no_object(self, definition: Any) -> None:
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
        # A newer version names its own job there, and the creator's as before.
        assert (term["attrName"], term["searchValue"]["stringValue"]) == ("trac_update_job", KEY)

    def test_the_log_is_no_output(self) -> None:
        log = tag(header("FILE", LOG_ID), trac_create_job=KEY, trac_job_output="trac_job_log_file")
        done = self.look(reply(body=job("SUCCEEDED")), result(), hits(), hits(), hits(), hits(log))
        assert done.value.details["outputs"] == {}
        assert done.value.details["log_file"] == f"FILE-{LOG_ID}-v1"

    def test_outputs_of_old_platforms_are_searched_for(self) -> None:
        made = {"trac_create_job": KEY, "trac_job_output": "scored"}
        done = self.look(
            reply(body=job("SUCCEEDED", with_result=False)),
            # They name the creator alone. By now another job has made a second version of what ours created.
            hits(),
            hits(tag(header(version=2), **made)),
            # The log has no name of an output.
            hits(),
            hits(tag(header("FILE", LOG_ID), trac_create_job=KEY)),
        )
        assert [body(r)["objectType"] for r in done.requests[1:]] == ["DATA", "DATA", "FILE", "FILE"]
        assert done.value.details["outputs"] == {"scored": f"DATA-{DATA_ID}-v1"}
        assert done.value.finished_at == "2026-11-20T10:09:00+00:00"

    def test_why_it_failed(self) -> None:
        failed = reply(body=job("FAILED", trac_job_error_message="the model raised"))
        done = self.look(failed, result(statusCode="FAILED", statusMessage="longer words"))
        assert (done.value.state, done.value.message) == (RunState.FAILED, "the model raised")
        assert done.value.details["log_file"] == f"FILE-{LOG_ID}-v1"
        assert len(done.requests) == 2

    def test_the_results_words_do_where_the_job_has_none(self) -> None:
        told = self.look(reply(body=job("FAILED")), result(statusMessage="lost executor")).value
        assert told.message == told.details["message"] == "lost executor"

    def test_a_failed_job_may_have_neither_result_nor_log(self) -> None:
        told = self.look(reply(body=job("FAILED")), GONE).value
        assert (told.state, told.details["log_file"]) == (RunState.FAILED, None)


class TestCheck:
    @pytest.mark.parametrize("error", [ServerError("HTTP 500", status=500), TransportError("reset")])
    def test_what_the_orchestrator_does_not_tell_the_tag_does(self, error: Any) -> None:
        told = reply(body=job("FAILED", trac_job_error_message="no"))
        done = play(trac().check_job(JOB_ID), error, told)
        assert [r.path for r in done.requests] == ["/trac-orch/api/v1/ACME_CORP/check-job", TAG_PATH]
        assert (done.value.status_code, done.value.status_message) == ("FAILED", "no")

    def test_an_unknown_job_is_told(self) -> None:
        done = play(trac().check_job(JOB_ID), ServerError("HTTP 500", status=500), GONE)
        assert done.error is GONE
