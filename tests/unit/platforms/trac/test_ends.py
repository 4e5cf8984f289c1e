"""How many requests read the end of a TRAC job, and which responses they believe."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import InvalidArgumentError, NotFoundError
from airflow_provider_dataops.platforms.trac.runs import TracJobWatch
from tests.unit.fakes import play, reply, sweep
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.jobs import TAG_PATH, body, hits
from tests.unit.platforms.trac.payloads import DATA_ID, JOB_ID, LOG_ID, RESULT_ID, header, job, selector, tag

RESULT_KEY = f"RESULT-{RESULT_ID}-v1"
READ_OBJECT = "/trac-meta/api/v1/ACME_CORP/read-object"


def watch(result_key: str = RESULT_KEY) -> TracJobWatch:
    return TracJobWatch(run_id=JOB_ID, tenant="ACME_CORP", submission_id="t1", result_key=result_key)


def hit(status: str = "SUCCEEDED") -> dict[str, Any]:
    """Return a job as a search returns it: without its definition."""
    found = job(status, airflow_token="t1")
    del found["definition"]
    return found


def result(status: str = "SUCCEEDED", job_id: str = JOB_ID) -> Any:
    contents = {
        "jobId": {"objectType": "JOB", "objectId": job_id, "objectVersion": 1, "tagVersion": 1},
        "statusCode": status,
        "logFileId": selector("FILE", LOG_ID),
        "outputs": {"report": selector("FILE", DATA_ID)},
    }
    return reply(body=tag(header("RESULT", RESULT_ID, at="10:08:00"), contents))


def test_a_status_request_learns_which_result_the_job_will_have() -> None:
    waiting = watch(result_key="")
    play(waiting.look(trac()), reply(body=job("RUNNING")))
    assert waiting.arguments()["result_key"] == RESULT_KEY


@pytest.mark.parametrize("strange", [5, {"objectType": "RESULT"}, selector("DATA", DATA_ID)], ids=str)
def test_an_active_job_whose_definition_names_no_result_is_still_active(strange: object) -> None:
    active, waiting = job("RUNNING"), watch(result_key="")
    active["definition"]["job"]["resultId"] = strange
    assert play(waiting.look(trac()), reply(body=active)).value.state is RunState.RUNNING
    assert waiting.result_key == ""


def test_after_the_search_one_request_reads_the_end() -> None:
    waiting = watch()
    assert play(sweep(trac(), waiting), hits(hit())).value == {}
    done = play(waiting.look(trac()), result())
    (request,) = done.requests
    assert (request.path, body(request)["objectId"]) == (READ_OBJECT, RESULT_ID)
    # The task gets the same as after a search that did not show the end.
    assert done.value == play(watch().look(trac()), reply(body=job("SUCCEEDED")), result()).value
    assert done.value.details["outputs"] == {"report": f"FILE-{DATA_ID}-v1"}


def test_if_the_result_is_not_known_the_job_is_read_first() -> None:
    waiting = watch(result_key="")
    play(sweep(trac(), waiting), hits(hit()))
    done = play(waiting.look(trac()), reply(body=job("SUCCEEDED")), result())
    assert [request.path for request in done.requests] == [TAG_PATH, READ_OBJECT]


@pytest.mark.parametrize(
    "first",
    [result("FAILED"), result(job_id=DATA_ID), NotFoundError("gone", status=404)],
    ids=["other status", "other job", "no result"],
)
def test_a_result_that_contradicts_the_search_is_not_believed(first: Any) -> None:
    waiting = watch()
    play(sweep(trac(), waiting), hits(hit()))
    done = play(waiting.look(trac()), first, reply(body=job("SUCCEEDED")), result())
    assert [request.path for request in done.requests] == [READ_OBJECT, TAG_PATH, READ_OBJECT]
    assert done.value.state is RunState.SUCCEEDED


def test_an_end_that_a_later_search_does_not_confirm_is_forgotten() -> None:
    waiting = watch()
    play(sweep(trac(), waiting), hits(hit()))
    play(sweep(trac(), waiting), hits(hit("RUNNING")))
    done = play(waiting.look(trac()), reply(body=job("RUNNING")))
    assert [request.path for request in done.requests] == [TAG_PATH]


def test_the_key_of_the_result_is_checked() -> None:
    watch().check()
    with pytest.raises(InvalidArgumentError, match="result_key"):
        watch(f"JOB-{JOB_ID}-v1").check()
