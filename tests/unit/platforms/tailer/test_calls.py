"""The requests to Tailer, and how its responses are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
)
from tests.unit.fakes import Play, first_request, play, reply
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.runs import ITEM, RUN_ID, STORAGE, TABLES, item, results, sent_payloads

if TYPE_CHECKING:
    from collections.abc import Callable


class TestLaunch:
    def test_is_not_repeatable(self) -> None:
        assert not first_request(tailer().launch_job(TABLES)).repeatable

    @pytest.mark.parametrize("kind", ["storage-to-storage", "workflow", "table_to_table"])
    def test_rejects_configuration_types_that_cannot_be_launched(self, kind: str) -> None:
        other = tailer().configuration("x", kind)
        with pytest.raises(InvalidArgumentError, match="table-to-table or table-to-storage to launch"):
            tailer().launch_job(other)

    @pytest.mark.parametrize(
        ("kind", "name", "warned"),
        [
            ("table-to-table", "orders_DEV", False),
            ("table-to-table", "orders", True),
            ("table-to-table", "orders_PROD", True),
            ("table-to-storage", "orders", False),
        ],
    )
    def test_an_id_without_its_environment_is_sent_with_a_warning(
        self, kind: str, name: str, warned: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        api = tailer()
        done = play(api.launch_job(api.configuration(name, kind)), reply(body={"run_id": "r"}))
        assert sent_payloads(done)[0]["configuration_id"] == name
        assert ("does not end in _DEV" in caplog.text) is warned

    @pytest.mark.parametrize("body", [{}, {"run_id": ""}, {"run_id": 5}, [], {"message": "ok"}])
    def test_a_response_without_a_run_id_is_shown_in_the_error(self, body: Any) -> None:
        error = play(tailer().launch_job(TABLES), reply(body=body)).error
        assert isinstance(error, MalformedReplyError)
        assert json.dumps(body) in str(error)


class TestRuns:
    def test_of_table_to_table_are_read(self) -> None:
        done = play(
            tailer().check_run_status(TABLES, job_id=str(TABLES.job_id), run_id=RUN_ID), results(ITEM)
        )
        run = done.value
        assert (run.status, run.state, run.configuration_type) == (
            "SUCCESS",
            RunState.SUCCEEDED,
            "table-to-table",
        )
        snapshot = run.snapshot()
        assert (snapshot.started_at, snapshot.finished_at) == (
            ITEM["start_execution_date"],
            ITEM["last_update_date"],
        )
        assert snapshot.details["duration"] == "0:01:24.002519"

    def test_a_last_update_may_be_missing(self) -> None:
        listed = item(status="SUCCESS")
        del listed["last_update_date"], listed["duration"]
        (run,) = play(tailer().get_last_status(STORAGE), results(listed)).value
        assert (run.last_update_date, run.duration, run.snapshot().finished_at) == (None, None, None)

    def test_an_active_run_has_no_end_time(self) -> None:
        (run,) = play(tailer().get_last_status(TABLES), results(item())).value
        assert run.snapshot().finished_at is None

    @pytest.mark.parametrize(
        "others",
        [[], [item("other")], [item(account="000001")], [item(environment="PROD")], [item("o"), item("p")]],
    )
    def test_only_the_requested_run_counts(self, others: list[dict[str, Any]]) -> None:
        ask = tailer().check_run_status(TABLES, job_id="j", run_id=RUN_ID)
        assert play(ask, results(*others)).value is None

    def test_the_requested_run_may_follow_others(self) -> None:
        ask = tailer().check_run_status(TABLES, job_id="j", run_id=RUN_ID)
        assert play(ask, results(item("other"), item())).value.run_id == RUN_ID

    @pytest.mark.parametrize(
        "body",
        [{}, [], {"results": None}, {"results": [{}]}, {"results": [{"run_id": "r"}]}, {"results": [1]}],
    )
    def test_a_response_without_a_list_of_runs_raises_an_error(self, body: Any) -> None:
        error = play(tailer().get_last_status(TABLES), reply(body=body)).error
        assert isinstance(error, MalformedReplyError)

    def test_a_limit_is_always_sent(self) -> None:
        api = tailer()
        for ask in (api.get_last_status(TABLES), api.get_by_status("workflow")):
            assert sent_payloads(play(ask, results()))[0]["limit"] == 100

    @pytest.mark.parametrize("limit", [0, -1, 1.5, True, "2"])
    def test_a_limit_is_a_whole_number_from_1(self, limit: Any) -> None:
        api = tailer()
        calls: tuple[Callable[[], Play], ...] = (
            lambda: play(api.get_last_status(TABLES, limit=limit)),
            lambda: play(api.get_by_status("workflow", limit=limit)),
        )
        for call in calls:
            error: Any
            try:
                error = call().error
            except InvalidArgumentError as raised:
                error = raised
            assert "limit must be a whole number" in str(error)


class TestOkAndKo:
    def calls(self) -> dict[str, Any]:
        api = tailer()
        return {
            "label": api.set_run_status(TABLES, run_id="r", status="CHECKED"),
            "reset": api.reset_workflow(api.configuration("w", "workflow")),
            "status": api.set_configuration_status(TABLES, "disabled"),
        }

    @pytest.mark.parametrize(
        "body",
        [
            {"code": 200, "data": {}, "message": "ok"},
            {"message": "OK"},
            {"message": "ok", "code": "200"},
            {},
            {"data": {}},
            "",
            "  \n",
        ],
    )
    def test_an_ok_response_is_accepted(self, body: Any) -> None:
        for name, exchange in self.calls().items():
            assert play(exchange, reply(body=body)).error is None, name

    @pytest.mark.parametrize("body", [b"", b"{}"])
    def test_an_empty_response_counts_as_ok_and_is_logged(
        self, body: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        play(self.calls()["status"], reply(body=body))
        assert "it counts as OK" in caplog.text

    @pytest.mark.parametrize(
        ("body", "words", "kind"),
        [
            ({"code": 200, "message": "KO"}, "KO", ApiError),
            ({"message": "ko: no such workflow"}, "ko: no such workflow", ApiError),
            ({"code": 500, "message": "ok"}, "code 500", ServerError),
            ({"code": 404}, "code 404", NotFoundError),
            ({"message": None}, "None", ApiError),
        ],
    )
    def test_ko_with_status_code_200_is_an_error(self, body: Any, words: str, kind: type[ApiError]) -> None:
        requests = {
            "launch": tailer().launch_job(TABLES),
            "list": tailer().get_last_status(TABLES),
            "check": tailer().check_run_status(TABLES, job_id="j", run_id="r"),
        }
        for name, exchange in (self.calls() | requests).items():
            error = play(exchange, reply(body=body)).error
            unknown = name in {"list", "check"} and kind is ApiError
            assert type(error) is (NotFoundError if unknown else kind), name
            assert words in str(error), name
            assert json.loads(error.body) == body, name
            # A rejected launch is not searched for: the search could find somebody else's run.
            assert error.may_have_been_processed is (kind is ServerError), name

    @pytest.mark.parametrize("body", [b"ok", b"[]", b'"ok"'])
    def test_a_response_that_is_neither_is_an_error(self, body: bytes) -> None:
        for exchange in self.calls().values():
            assert isinstance(play(exchange, reply(body=body)).error, MalformedReplyError)

    def test_label_and_status_requests_are_repeatable(self) -> None:
        repeatable = {name for name, exchange in self.calls().items() if first_request(exchange).repeatable}
        assert repeatable == {"label", "status"}

    @pytest.mark.parametrize("status", ["WAITING", "DEACTIVATED", "", None])
    def test_the_label_of_a_run_is_one_of_five(self, status: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="SUCCESS, FAILED, RUNNING, NO_MATCH, CHECKED"):
            tailer().set_run_status(TABLES, run_id="r", status=status)

    @pytest.mark.parametrize("status", ["on", "ENABLED", None, True])
    def test_a_configuration_has_one_of_three_statuses(self, status: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="enabled, disabled, archived; given"):
            tailer().set_configuration_status(TABLES, status)

    def test_only_workflows_can_be_reset(self) -> None:
        with pytest.raises(InvalidArgumentError, match="must be workflow"):
            tailer().reset_workflow(TABLES)
