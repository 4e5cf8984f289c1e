"""How the responses of Quantemplate are read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import MalformedReplyError
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import MemorySink, quantemplate
from tests.unit.platforms.quantemplate.executions import execution


class TestResponses:
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
    def test_a_status_becomes_a_run_state(self, members: dict[str, Any], state: RunState) -> None:
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
    def test_a_start_raises_an_error_if_the_response_contains_no_execution(self, answer: Any) -> None:
        done = play(quantemplate().execute_pipeline("c-1", "p-1"), answer)
        assert isinstance(done.error, MalformedReplyError)
        assert done.error.may_have_been_processed

    @pytest.mark.parametrize("body", [{}, {"executions": []}, "text", None])
    def test_a_list_must_be_a_json_array(self, body: object) -> None:
        done = play(quantemplate().list_executions("c-1", "p-1"), reply(body=body))
        assert isinstance(done.error, MalformedReplyError)

    def test_204_is_an_empty_file_and_201_is_an_error(self, caplog: pytest.LogCaptureFixture) -> None:
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
    def test_the_error_text_of_the_server_is_kept(self, answer: Any, words: str) -> None:
        assert quantemplate().error_text(answer) == words
