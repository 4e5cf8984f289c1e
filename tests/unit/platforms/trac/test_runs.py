"""The life of a TRAC job: submitted, found again, watched."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError
from airflow_provider_dataops.lifecycle.record import changed, fingerprint
from airflow_provider_dataops.platforms.trac import import_model
from airflow_provider_dataops.platforms.trac.limits import SEARCH_LIMIT
from airflow_provider_dataops.platforms.trac.runs import TracJobWatch
from tests.unit.fakes import play, reply, sweep
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.jobs import KEY, PLAN, TAG_PATH, body, hits, launch
from tests.unit.platforms.trac.payloads import DATA_ID, JOB_ID, MODEL_ID, header, job, selector, tag


def watch(job_id: str = JOB_ID, token: str = "", tenant: str = "ACME_CORP") -> TracJobWatch:
    return TracJobWatch(run_id=job_id, tenant=tenant, submission_id=token)


def status(code: str, **members: Any) -> Any:
    return reply(body={"jobId": header("JOB", JOB_ID), "statusCode": code, **members})


class TestSubmit:
    def test_the_token_is_sent_with_the_jobs_own_attributes(self) -> None:
        done = play(launch(job_attrs={"dag_id": "d"}).submit("t0"), status("QUEUED"))
        assert done.requests[0].path == "/trac-orch/api/v1/ACME_CORP/submit-job"
        assert body(done.requests[0]) == {
            "job": PLAN.definition,
            "jobAttrs": [
                {"attrName": "dag_id", "value": {"stringValue": "d"}},
                {"attrName": "airflow_token", "value": {"stringValue": "t0"}},
            ],
        }
        snapshot = done.value
        assert (snapshot.run_id, snapshot.state, snapshot.raw_state) == (JOB_ID, RunState.PENDING, "QUEUED")
        assert snapshot.started_at == "2026-11-20T10:00:00+00:00"
        assert snapshot.details == {
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
        # A failed read would look like a rejected submission, and a retry would start a second job.
        done = play(launch().submit("t0"), status("FAILED", statusMessage="no"))
        assert (len(done.requests), done.value.run_id) == (1, JOB_ID)
        assert (done.value.state, done.value.raw_state) == (RunState.RUNNING, "FAILED")

    def test_a_response_without_an_id_is_malformed(self) -> None:
        done = play(launch().submit("t0"), reply(body={"statusCode": "QUEUED"}))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("attrs", [{"airflow_token": "mine"}, {"trac_x": 1}, {"a": None}])
    def test_attributes_that_would_replace_the_token_are_rejected(self, attrs: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError, match="job_attrs"):
            launch(job_attrs=attrs)

    def test_a_job_is_found_again_by_its_token(self) -> None:
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

    @pytest.mark.parametrize("object_id", ["a\x00b", "no uuid", "x" * 2000])
    def test_a_job_with_an_unreadable_id_is_malformed(self, object_id: str) -> None:
        found = job("RUNNING")
        found["header"]["objectId"] = object_id
        done = play(launch().find_candidates({}, "t0"), hits(found))
        assert isinstance(done.error, MalformedReplyError)

    def test_baseline_and_preparation_send_no_request(self) -> None:
        done = play(launch().record_baseline())
        assert (done.value, done.requests) == ({}, [])
        prepared = play(launch().prepare())
        assert (prepared.value.identity(), prepared.requests) == (launch().identity(), [])

    def test_a_job_cannot_be_cancelled(self) -> None:
        assert not launch().cancel_on_kill
        assert not launch().watch(JOB_ID).cancel_on_kill

    def test_the_identity_contains_job_and_tenant_but_no_attributes(self) -> None:
        def prints(**given: Any) -> dict[str, str]:
            return fingerprint(launch(**given).identity())

        assert changed(prints(), prints(job_attrs={"try": 2})) == []
        other = import_model(repository="r", entry_point="a.B", version="v2")
        assert changed(prints(), prints(job=other)) == ["job.importModel.version"]
        assert changed(prints(), prints(tenant="OTHER")) == ["tenant"]

    def test_the_identity_of_a_model_run_contains_its_arguments(self) -> None:
        def prints(**given: Any) -> dict[str, str]:
            run = {"model": f"MODEL-{MODEL_ID}", "parameters": {"n": 5, "day": date(2026, 2, 27)}, **given}
            return fingerprint(launch(job=trac().new_run("MODEL", run.pop("model"), **run)).identity())

        assert changed(prints(), prints()) == []
        assert changed(prints(), prints(parameters={"n": 6, "day": date(2026, 2, 27)})) == [
            "job.runModel.parameters.n"
        ]
        assert changed(prints(), prints(model=f"MODEL-{MODEL_ID}-v1")) != []

    def test_prepare_looks_up_the_latest_versions_and_keeps_the_identity(self) -> None:
        unplanned = launch(job=trac().new_run("MODEL", f"MODEL-{MODEL_ID}"))
        before = fingerprint(unplanned.identity())
        done = play(unplanned.prepare(), reply(body=tag(header("MODEL", MODEL_ID, 5), {})))
        assert done.value.job.definition["runModel"]["model"] == selector("MODEL", MODEL_ID, 5)
        assert fingerprint(unplanned.identity()) == before != fingerprint(done.value.identity())
        sent = play(done.value.submit("t0"), status("QUEUED")).requests
        assert [body(request)["job"] for request in sent] == [done.value.job.definition]

    def test_job_ids_are_unique_within_a_tenant(self) -> None:
        assert launch().id_scope == "http://trac:8080/ACME_CORP"
        assert launch(tenant="B").id_scope != launch().id_scope

    def test_the_link_leads_to_the_jobs_tag(self) -> None:
        assert launch().watch(JOB_ID).url(trac()) == f"http://trac:8080{TAG_PATH}"


class TestWatch:
    def test_one_search_returns_all_active_jobs(self) -> None:
        other = "01a1fb77-00d0-74d8-9fb0-12b1baaeb627"
        ended = "01a1fb77-00d0-74d8-9fb0-12b1baaeb628"
        found = hits(
            job("RUNNING", airflow_token="t1"),
            tag(header("JOB", other), airflow_token="t2", trac_job_status="QUEUED"),
            tag(header("JOB", ended), airflow_token="t3", trac_job_status="SUCCEEDED"),
        )
        watches = [watch(JOB_ID, "t1"), watch(other, "t2"), watch(ended, "t3"), watch(DATA_ID)]
        done = play(sweep(trac(), *watches), found)
        # No search finds a job without a token, and an ended job needs a request for its outputs.
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

    def test_a_search_contains_no_more_tokens_than_it_can_return(self) -> None:
        assert watch().sweep_limit == SEARCH_LIMIT

    def test_a_sweep_without_tokens_sends_no_request(self) -> None:
        assert play(sweep(trac(), watch())).requests == []

    def test_another_job_with_the_same_token_is_ignored(self) -> None:
        stranger = tag(header("JOB", DATA_ID), airflow_token="t1", trac_job_status="RUNNING")
        assert play(sweep(trac(), watch(token="t1")), hits(stranger)).value == {}

    @pytest.mark.parametrize("token", ["", "t1"])
    def test_a_status_request_reads_the_tag(self, token: str) -> None:
        done = play(watch(token=token).look(trac()), reply(body=job("RUNNING")))
        assert [r.path for r in done.requests] == [TAG_PATH]

    def test_tenants_are_not_grouped(self) -> None:
        assert watch().group != watch(tenant="B").group
