"""The life of a TRAC job as the rest of the package sees it: submitted, found again, watched, told."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.lifecycle.record import changed, fingerprint
from airflow_provider_dataops.platforms.trac import Tag, import_model
from airflow_provider_dataops.platforms.trac.runs import TracJobLaunch, TracJobWatch
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import trac
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

PLAN = import_model(repository="r", entry_point="a.B", version="v1")
KEY = f"JOB-{JOB_ID}-v1"
TAG_PATH = f"/trac-meta/api/v1/ACME_CORP/JOB/{JOB_ID}/versions/1/tags/latest"
GONE = NotFoundError("HTTP 404 Metadata not found", status=404, body="Metadata not found")


def launch(**given: Any) -> TracJobLaunch:
    return trac().launch(**{"tenant": "ACME_CORP", "job": PLAN, **given})


def watch(job_id: str = JOB_ID, token: str = "", tenant: str = "ACME_CORP") -> TracJobWatch:
    return TracJobWatch(run_id=job_id, tenant=tenant, submission_id=token)


def watch_key(job_id: str, token: str = "") -> str:
    return watch(job_id, token).key


def body(request: Any) -> Any:
    return json.loads(request.body.content)


def paths(done: Any) -> list[str]:
    return [request.path.removeprefix("/trac-meta/api/v1/ACME_CORP/") for request in done.requests]


def result(**members: Any) -> Any:
    told = {
        "statusCode": "SUCCEEDED",
        "logFileId": {**selector("FILE", LOG_ID), "latestTag": True},
        **members,
    }
    return reply(body=tag(header("RESULT", RESULT_ID, at="10:08:00"), told))


def hits(*tags: Any) -> Any:
    return reply(body={"searchResult": list(tags)} if tags else {})


def status(code: str, **members: Any) -> Any:
    return reply(body={"jobId": header("JOB", JOB_ID), "statusCode": code, **members})


class TestSubmit:
    def test_the_token_goes_with_the_jobs_own_attributes(self) -> None:
        done = play(launch(job_attrs={"dag_id": "d"}).submit("t0"), status("QUEUED"))
        assert done.requests[0].path == "/trac-orch/api/v1/ACME_CORP/submit-job"
        assert body(done.requests[0]) == {
            "job": PLAN.definition,
            "jobAttrs": [
                {"attrName": "dag_id", "value": {"stringValue": "d"}},
                {"attrName": "airflow_token", "value": {"stringValue": "t0"}},
            ],
        }
        told = done.value
        assert (told.run_id, told.state, told.raw_state) == (JOB_ID, RunState.PENDING, "QUEUED")
        assert told.started_at == "2026-11-20T10:00:00+00:00"
        assert told.details == {
            "job_id": JOB_ID,
            "job": KEY,
            "job_type": "IMPORT_MODEL",
            "status": "QUEUED",
            "message": "",
            "outputs": {},
            "log_file": None,
            "model": None,
        }

    def test_nothing_is_read_after_the_response_even_if_the_job_has_ended(self) -> None:
        # A failure to read would count as a refusal of the submission, and a retry would start a second job.
        done = play(launch().submit("t0"), status("FAILED", statusMessage="no"))
        assert (len(done.requests), done.value.run_id) == (1, JOB_ID)
        assert (done.value.state, done.value.raw_state) == (RunState.RUNNING, "FAILED")

    def test_an_answer_without_an_id_is_no_job(self) -> None:
        done = play(launch().submit("t0"), reply(body={"statusCode": "QUEUED"}))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("attrs", [{"airflow_token": "mine"}, {"trac_x": 1}, {"a": None}])
    def test_attributes_that_would_hide_it_are_refused(self, attrs: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError, match="job_attrs"):
            launch(job_attrs=attrs)

    def test_it_is_found_again_by_its_token(self) -> None:
        done = play(launch().find_candidates({}, "t0"), hits(job("RUNNING")))
        assert [s.run_id for s in done.value] == [JOB_ID]
        assert body(done.requests[0]) == {
            "objectType": "JOB",
            "search": {
                "term": {
                    "attrName": "airflow_token",
                    "attrType": "STRING",
                    "operator": "EQ",
                    "searchValue": {"stringValue": "t0"},
                }
            },
        }
        assert launch().exact

    def test_nothing_is_asked_before(self) -> None:
        done = play(launch().record_baseline())
        assert (done.value, done.requests) == ({}, [])
        prepared = play(launch().prepare())
        assert (prepared.value.identity(), prepared.requests) == (launch().identity(), [])

    def test_it_cannot_be_stopped(self) -> None:
        assert not launch().cancel_on_kill
        assert not launch().watch(JOB_ID).cancel_on_kill

    def test_attributes_decide_nothing_and_the_rest_does(self) -> None:
        def prints(**given: Any) -> dict[str, str]:
            return fingerprint(launch(**given).identity())

        assert changed(prints(), prints(job_attrs={"try": 2})) == []
        other = import_model(repository="r", entry_point="a.B", version="v2")
        assert changed(prints(), prints(job=other)) == ["job.importModel.version"]
        assert changed(prints(), prints(tenant="OTHER")) == ["tenant"]

    def test_a_run_is_known_by_what_was_asked_for(self) -> None:
        def prints(**given: Any) -> dict[str, str]:
            run = {"model": f"MODEL-{MODEL_ID}", "parameters": {"n": 5, "day": date(2026, 2, 27)}, **given}
            return fingerprint(launch(job=trac().new_run("MODEL", run.pop("model"), **run)).identity())

        assert changed(prints(), prints()) == []
        assert changed(prints(), prints(parameters={"n": 6, "day": date(2026, 2, 27)})) == [
            "job.runModel.parameters.n"
        ]
        assert changed(prints(), prints(model=f"MODEL-{MODEL_ID}-v1")) != []

    def test_a_run_is_looked_up_before_it_is_submitted_and_known_by_what_was_asked_for(self) -> None:
        asked = launch(job=trac().new_run("MODEL", f"MODEL-{MODEL_ID}"))
        before = fingerprint(asked.identity())
        done = play(asked.prepare(), reply(body=tag(header("MODEL", MODEL_ID, 5), {})))
        assert done.value.job.definition["runModel"]["model"] == selector("MODEL", MODEL_ID, 5)
        assert fingerprint(asked.identity()) == before != fingerprint(done.value.identity())
        sent = play(done.value.submit("t0"), status("QUEUED")).requests
        assert [body(request)["job"] for request in sent] == [done.value.job.definition]

    def test_ids_mean_something_within_a_tenant(self) -> None:
        assert launch().id_scope == "http://trac:8080/ACME_CORP"
        assert launch(tenant="B").id_scope != launch().id_scope

    def test_its_link(self) -> None:
        assert launch().watch(JOB_ID).url(trac()) == f"http://trac:8080{TAG_PATH}"


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


class TestWatch:
    def test_one_search_tells_of_all(self) -> None:
        other = "01a1fb77-00d0-74d8-9fb0-12b1baaeb627"
        ended = "01a1fb77-00d0-74d8-9fb0-12b1baaeb628"
        found = hits(
            job("RUNNING", airflow_token="t1"),
            tag(header("JOB", other), airflow_token="t2", trac_job_status="QUEUED"),
            tag(header("JOB", ended), airflow_token="t3", trac_job_status="SUCCEEDED"),
        )
        keys = {
            watch_key(JOB_ID, "t1"),
            watch_key(other, "t2"),
            watch_key(ended, "t3"),
            watch_key(DATA_ID),
        }
        done = play(watch().sweep(trac(), frozenset(keys)), found)
        # What has ended is looked at for its outputs, what has no token because no search finds it.
        assert {key: s.raw_state for key, s in done.value.items()} == {
            f"{JOB_ID} t1": "RUNNING",
            f"{other} t2": "QUEUED",
        }
        (request,) = done.requests
        term = body(request)["search"]["term"]
        assert (term["operator"], [i["stringValue"] for i in term["searchValue"]["arrayValue"]["items"]]) == (
            "IN",
            ["t1", "t2", "t3"],
        )

    def test_a_search_asks_for_no_more_than_it_can_find(self) -> None:
        keys = frozenset(watch_key(f"{n:08x}-0000-0000-0000-000000000000", f"t{n}") for n in range(150))
        done = play(watch().sweep(trac(), keys), hits(), hits())
        sizes = [len(body(r)["search"]["term"]["searchValue"]["arrayValue"]["items"]) for r in done.requests]
        assert sizes == [100, 50]

    def test_nobody_is_asked_where_no_token_is_known(self) -> None:
        assert play(watch().sweep(trac(), frozenset({JOB_ID}))).requests == []

    def test_another_job_with_the_same_token_is_not_ours(self) -> None:
        stranger = tag(header("JOB", DATA_ID), airflow_token="t1", trac_job_status="RUNNING")
        keys = frozenset({watch_key(JOB_ID, "t1")})
        assert play(watch().sweep(trac(), keys), hits(stranger)).value == {}

    @pytest.mark.parametrize("token", ["", "t1"])
    def test_a_look_is_at_the_tag(self, token: str) -> None:
        done = play(watch(token=token).look(trac()), reply(body=job("RUNNING")))
        assert [r.path for r in done.requests] == [TAG_PATH]

    def test_tenants_are_asked_apart(self) -> None:
        assert watch().group != watch(tenant="B").group


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
