"""How the responses of Tamr Cloud are read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import MalformedReplyError
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import tamr
from tests.unit.platforms.tamr.jobs import job


class TestResponses:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ({"state": "PENDING"}, RunState.PENDING),
            ({"state": "RUNNING"}, RunState.RUNNING),
            ({"state": "STOPPING"}, RunState.RUNNING),
            ({"state": "done"}, RunState.SUCCEEDED),
            ({"state": "DONE", "error": None}, RunState.SUCCEEDED),
            ({"state": "DONE", "error": {}}, RunState.SUCCEEDED),
            ({"state": "DONE", "error": {"reason": "PLANNING_FAILED", "message": "no"}}, RunState.FAILED),
            ({"state": "DONE", "error": {"message": "no"}}, RunState.FAILED),
            ({"state": "DONE", "error": "no"}, RunState.FAILED),
            ({"state": "DONE", "error": {"reason": "STOPPED_BY_USER"}}, RunState.CANCELLED),
            ({"state": "STATE_UNSPECIFIED"}, RunState.UNKNOWN),
            ({"state": "REHEARSING"}, RunState.UNKNOWN),
            ({"state": 4}, RunState.UNKNOWN),
            ({}, RunState.UNKNOWN),
        ],
    )
    def test_a_status_becomes_a_run_state(self, status: dict[str, Any], state: RunState) -> None:
        found = play(tamr().get_job("j-1"), reply(body={"jobId": "j-1", "status": status})).value
        assert found.state is state

    def test_reason_and_message_reach_the_error(self) -> None:
        error = {"reason": "PLANNING_FAILED", "message": "column gone"}
        found = play(tamr().get_job("j-1"), reply(body=job(state="DONE", status={"error": error}))).value
        assert found.snapshot().message == "PLANNING_FAILED: column gone"

    def test_empty_ids_in_a_configuration_are_dropped(self) -> None:
        body = job(configuration={"publish": {"destinationId": "d", "dataProductId": ""}})
        assert play(tamr().get_job("j"), reply(body=body)).value.configuration == {
            "publish": {"destinationId": "d"}
        }

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{}", b'{"jobId": "j"}', b'{"jobId": "", "status": {}}', b"<a>"]
    )
    def test_a_response_without_a_job_raises_an_error(self, body: bytes) -> None:
        assert isinstance(play(tamr().get_job("j"), reply(body=body)).error, MalformedReplyError)

    @pytest.mark.parametrize("with_current", [True, False])
    def test_the_history_is_in_order_and_contains_each_status_once(self, with_current: bool) -> None:
        past = [
            {"state": "RUNNING", "stateStartTime": "2026-11-20T10:01:00.000Z"},
            {"state": "PENDING", "stateStartTime": "2026-11-20T10:00:00.000Z"},
        ]
        now = {"state": "DONE", "stateStartTime": "2026-11-20T10:05:00.000Z"}
        body = job(state="DONE", statusHistory=[*past, now] if with_current else past)
        found = play(tamr().get_job("j"), reply(body=body)).value
        assert [s.state for s in found.history] == ["PENDING", "RUNNING", "DONE"]
        snapshot = found.snapshot()
        assert (snapshot.started_at, snapshot.finished_at) == (
            past[0]["stateStartTime"],
            now["stateStartTime"],
        )

    def test_the_error_text_of_the_server_is_kept(self) -> None:
        assert tamr().error_text(reply(429, {"statusCode": 429, "message": "5 jobs run"})) == "5 jobs run"
        assert tamr().error_text(reply(502, "<html>bad gateway</html>")) == "<html>bad gateway</html>"
