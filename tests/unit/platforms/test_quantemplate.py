"""What is asked of Quantemplate, and how its answers are read. What is on the wire: ``test_wire``."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.http import FileBody
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    MalformedReplyError,
)
from airflow_provider_dataops.platforms.quantemplate.runs import (
    QuantemplateExecutionLaunch,
    QuantemplateExecutionWatch,
)
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import MemorySink, MemorySource, quantemplate

BASE = "https://fabric.prod.quantemplate.com/external/v1"
EXECUTIONS = f"{BASE}/organisations/c-1/pipelines/p-1/executions"


def execution(**members: Any) -> dict[str, Any]:
    return {
        "id": "e-7",
        "runNumber": 7,
        "createdAt": "2026-11-20T10:00:00.000Z",
        "createdBy": "u-1",
        "version": 3,
        "status": "Started",
        **members,
    }


class TestToken:
    def test_is_masked(self) -> None:
        done = play(quantemplate().login(), reply(body={"access_token": "t0ken", "expires_in": 300}))
        assert done.secrets == ["t0ken"]

    def test_of_a_signed_token_the_signature_is_masked(self) -> None:
        done = play(quantemplate().login(), reply(body={"access_token": "head.body.signature"}))
        assert done.secrets == ["signature"]

    @pytest.mark.parametrize(
        ("life", "good_until"),
        [(600, 540), (300, 240), (100, 80), (None, 48), (-5, 48), (True, 48), ("300", 48)],
    )
    def test_is_renewed_before_it_ends(self, life: object, good_until: float) -> None:
        now = [0.0]
        api = quantemplate(clock=lambda: now[0])
        assert api.needs_login()
        play(api.login(), reply(body={"access_token": "t0ken", "expires_in": life}))
        now[0] = good_until - 0.1
        assert not api.needs_login()
        now[0] = good_until
        assert api.needs_login()

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": null}', b"<html>"])
    def test_that_is_none_is_refused_without_repeating_the_answer(self, body: bytes) -> None:
        done = play(quantemplate().login(), reply(body=body))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("status", [400, 401])
    def test_refusals_are_about_credentials(self, status: int) -> None:
        request = play(quantemplate().login(), reply(body={"access_token": "t"})).requests[0]
        assert quantemplate().error_class(request, reply(status)) is AuthenticationError

    def test_a_400_elsewhere_is_a_bad_request(self) -> None:
        api = quantemplate()
        request = play(api.execute_pipeline("c-1", "p-1"), reply(body=execution())).requests[0]
        assert api.error_class(request, reply(400)) is BadRequestError


class TestRequests:
    def test_all_but_a_start_do_no_harm_when_sent_twice(self) -> None:
        api, sink = quantemplate(), MemorySink()
        calls = {
            "upload": api.upload_dataset("c-1", "d-1", MemorySource(b"a")),
            "execute": api.execute_pipeline("c-1", "p-1"),
            "list": api.list_executions("c-1", "p-1"),
            "get": api.get_execution("c-1", "p-1", "e-1"),
            "dataset": api.download_dataset("c-1", "d-1", sink),
            "output": api.download_output("c-1", "p-1", "e-1", "o-1", sink),
            "token": api.login(),
        }
        assert {name for name, exchange in calls.items() if not next(exchange).repeatable} == {"execute"}

    def test_a_file_is_read_and_written_by_the_driver(self) -> None:
        file, sink = MemorySource(b"a"), MemorySink()
        (upload,) = play(quantemplate().upload_dataset("c-1", "d-1", file), reply()).requests
        assert upload.body == FileBody(file, "application/octet-stream")
        (download,) = play(quantemplate().download_dataset("c-1", "d-1", sink), reply()).requests
        assert download.sink is sink

    @pytest.mark.parametrize("dots", [".", ".."])
    def test_an_id_never_leads_elsewhere(self, dots: str) -> None:
        with pytest.raises(InvalidArgumentError):
            play(quantemplate().list_executions("c-1", dots))

    def test_every_request_carries_the_token(self) -> None:
        api = quantemplate()
        play(api.login(), reply(body={"access_token": "t0ken"}))
        assert api.credentials() == {"Authorization": "Bearer t0ken"}


class TestAnswers:
    @pytest.mark.parametrize(
        ("members", "state"),
        [
            ({"status": "Started"}, RunState.RUNNING),
            ({"status": "Succeeded"}, RunState.SUCCEEDED),
            ({"status": "SUCCEEDED"}, RunState.SUCCEEDED),
            ({"status": "Failed"}, RunState.FAILED),
            ({"status": "Cancelled"}, RunState.CANCELLED),
            ({"status": "Canceled"}, RunState.CANCELLED),
            ({"status": "Queued"}, RunState.UNKNOWN),
            ({"status": "Exploded", "finishedAt": "2026-11-20T10:00:00Z"}, RunState.FAILED),
        ],
    )
    def test_states(self, members: dict[str, Any], state: RunState) -> None:
        (found,) = play(
            quantemplate().list_executions("c-1", "p-1"), reply(body=[execution(**members)])
        ).value
        assert found.state is state

    @pytest.mark.parametrize(
        "outputs", [None, [], [{"id": "o-1", "name": "A: b"}, {"id": "o-2", "name": "c"}]]
    )
    def test_outputs_may_be_absent_or_many(self, outputs: Any) -> None:
        body = execution() if outputs is None else execution(outputs=outputs)
        started = play(quantemplate().execute_pipeline("c-1", "p-1"), reply(body=body)).value
        assert [(o.id, o.name) for o in started.outputs] == [(o["id"], o["name"]) for o in outputs or []]

    @pytest.mark.parametrize(
        "answer",
        [
            reply(204),
            reply(body=b""),
            reply(body=b"<html>", headers={"Content-Type": "text/html"}),
            reply(body={}),
            reply(body=[]),
            reply(body=execution(id=None)),
            reply(body=execution(runNumber="7")),
            reply(body=execution(status=None)),
            reply(body=execution(outputs=["o-1"])),
        ],
    )
    def test_a_start_without_an_execution_is_not_taken_for_one(self, answer: Any) -> None:
        done = play(quantemplate().execute_pipeline("c-1", "p-1"), answer)
        assert isinstance(done.error, MalformedReplyError)
        assert done.error.may_have_been_processed

    @pytest.mark.parametrize("body", [{}, {"executions": []}, "text", None])
    def test_a_list_is_a_bare_array(self, body: object) -> None:
        done = play(quantemplate().list_executions("c-1", "p-1"), reply(body=body))
        assert isinstance(done.error, MalformedReplyError)

    def test_204_is_a_file_without_a_byte_and_201_none(self, caplog: pytest.LogCaptureFixture) -> None:
        done = play(quantemplate().download_dataset("c-1", "d-1", MemorySink()), reply(204))
        assert done.error is None
        assert "the file is empty" in caplog.text
        done = play(quantemplate().download_dataset("c-1", "d-1", MemorySink()), reply(201))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (reply(403, "Not shared", {"Content-Type": "text/plain"}), "Not shared"),
            (reply(404, {"executionId": {"value": "e-1"}}), '{"executionId": {"value": "e-1"}}'),
            (reply(500, {"message": {"code": 5}}), '{"message": {"code": 5}}'),
            (reply(401, {"error": "invalid_client", "error_description": "Bad secret"}), "Bad secret"),
        ],
    )
    def test_the_servers_words_are_kept(self, answer: Any, words: str) -> None:
        assert quantemplate().error_text(answer) == words


class TestRuns:
    def launch(self) -> QuantemplateExecutionLaunch:
        return QuantemplateExecutionLaunch(api=quantemplate(), organisation_id="c-1", pipeline_id="p-1")

    def test_the_baseline_is_the_highest_run_number_in_any_order(self) -> None:
        body = [
            execution(id="e-2", runNumber=2),
            execution(id="e-9", runNumber=9),
            execution(id="e-3", runNumber=3),
        ]
        assert play(self.launch().record_baseline(), reply(body=body)).value["highest"] == 9
        assert play(self.launch().record_baseline(), reply(body=[])).value["highest"] == 0

    def test_candidates_are_above_the_baseline(self) -> None:
        body = [execution(id="e-10", runNumber=10), execution(id="e-9", runNumber=9)]
        baseline = {"pipeline": ["c-1", "p-1"], "highest": 9}
        found = play(self.launch().find_candidates(baseline, "token"), reply(body=body)).value
        assert [snapshot.run_id for snapshot in found] == ["e-10"]

    def test_one_list_tells_of_all_who_wait(self) -> None:
        watch = QuantemplateExecutionWatch(run_id="e-1", organisation_id="c-1", pipeline_id="p-1")
        body = [
            execution(id="e-1", runNumber=1, status="Succeeded"),
            execution(id="e-2"),
            {"id": "e-4", "odd": True},
        ]
        done = play(watch.sweep(quantemplate(), frozenset({"e-1", "e-2", "e-3"})), reply(body=body))
        assert {k: v.state for k, v in done.value.items()} == {
            "e-1": RunState.SUCCEEDED,
            "e-2": RunState.RUNNING,
            "e-3": RunState.ABSENT,
        }
        assert len(done.requests) == 1

    def test_the_next_execution_is_the_lowest_above(self) -> None:
        body = [execution(id=f"e-{n}", runNumber=n) for n in (9, 4, 6, 5)]
        found = play(quantemplate().next_execution("c-1", "p-1", 4), reply(body=body)).value
        assert found.id == "e-5"
        assert play(quantemplate().next_execution("c-1", "p-1", 9), reply(body=body)).value is None

    def test_a_result_names_everything_a_next_task_needs(self) -> None:
        body = execution(
            status="Succeeded", outputs=[{"id": "o-1", "name": "out"}], startedAt="s", finishedAt="f"
        )
        started = play(quantemplate().execute_pipeline("c-1", "p-1"), reply(body=body)).value
        assert started.snapshot("p-1", "c-1").as_result("https://ui") == {
            "run_id": "e-7",
            "execution_id": "e-7",
            "state": "succeeded",
            "url": "https://ui",
            "started_at": "s",
            "finished_at": "f",
            "pipeline_id": "p-1",
            "organisation_id": "c-1",
            "run_number": 7,
            "version": 3,
            "outputs": [{"id": "o-1", "name": "out"}],
        }


class TestLinks:
    def test_lead_to_the_app_since_no_page_is_documented(self) -> None:
        assert quantemplate().execution_url("c-1", "p-1", "e-1") == "https://app.quantemplate.com/"

    def test_follow_the_connections_template(self) -> None:
        template = "https://ui/{organisation_id}/{pipeline_id}/{execution_id}?again={run_id}"
        api = quantemplate(extra={"link_template": template})
        launch = QuantemplateExecutionLaunch(api=api, organisation_id="c-1", pipeline_id="p/1")
        assert launch.watch("e-1").url(api) == "https://ui/c-1/p%2F1/e-1?again=e-1"

    def test_of_a_dataset(self) -> None:
        assert quantemplate().dataset_url("c/1", "d 1") == (
            "https://app.quantemplate.com/c%2F1/dataset/d%201/preview"
        )
