"""What is asked of Tailer, how its answers are read, and what its statuses mean."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
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
from airflow_provider_dataops.platforms.tailer.arguments import day, require_outcomes
from airflow_provider_dataops.platforms.tailer.model import Configuration, state_of
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import tailer

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.tailer.runs import TailerJobLaunch, TailerRunWatch

IOWA = "000099_iowa_liquor_prepare_pda_DEV"
RUN_ID = "20201230-112837-0a795c70-2557-4a60-ba16-788aa2bea179"
TABLES = Configuration(
    account="000099", environment="DEV", configuration_type="table-to-table", configuration_id=IOWA
)
STORAGE = Configuration(
    account="000099",
    environment="DEV",
    configuration_type="table-to-storage",
    configuration_id="000099_export_DEV",
)
#: As the guide shows it for Tables to Tables, and for Storage to Storage without its last update.
ITEM: dict[str, Any] = {
    "account": "000099",
    "configuration_id": IOWA,
    "configuration_type": "gbq-to-gbq",
    "duration": "0:01:24.002519",
    "environment": "DEV",
    "job_id": f"gbq-to-gbq|{IOWA}",
    "last_update_date": "2020-12-30T11:30:07.960767+00:00",
    "run_id": RUN_ID,
    "start_execution_date": "2020-12-30T11:28:43.861340+00:00",
    "status": "SUCCESS",
}


def item(run_id: str = RUN_ID, status: str = "RUNNING", **changes: Any) -> dict[str, Any]:
    return {**ITEM, "run_id": run_id, "status": status, **changes}


def results(*items: dict[str, Any], **more: Any) -> Any:
    return reply(body={"results": list(items)}, **more)


def asked(done: Any) -> list[dict[str, Any]]:
    return [json.loads(request.body.content) for request in done.requests]


class TestIdentity:
    @pytest.mark.parametrize("account", [99, 123456, "99", "0000999", "00009a", "\u0660" * 6, " "])
    def test_an_account_is_six_digits_as_text(self, account: Any) -> None:
        with pytest.raises(InvalidArgumentError, match=r"account must be a text of six digits .*'000099'"):
            tailer().configuration("x", "workflow", account=account)

    def test_a_number_is_named_as_one(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"given: 99 \(int\)"):
            tailer().configuration("x", "workflow", account=99)  # type: ignore[arg-type]

    def test_the_connections_account_and_environment_are_the_default(self) -> None:
        assert tailer().configuration(IOWA, "table-to-table") == TABLES
        other = tailer().configuration(IOWA, "table-to-table", account="000001", environment="PROD")
        assert (other.account, other.environment) == ("000001", "PROD")

    @pytest.mark.parametrize("name", ["account", "environment"])
    def test_where_there_is_neither_it_is_asked_for(self, name: str) -> None:
        with pytest.raises(InvalidArgumentError, match=f"{name} is empty: .* fill in {name} in connection"):
            tailer(**{name: ""}).configuration("x", "workflow")

    @pytest.mark.parametrize("environment", ["dev", "TEST", 5])
    def test_an_environment_is_one_of_four(self, environment: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="PROD, PREPROD, STAGING, DEV; given: "):
            tailer().configuration("x", "workflow", environment=environment)

    @pytest.mark.parametrize(
        ("given", "append", "sent"),
        [
            ("orders", False, "orders"),
            ("orders", True, "orders_DEV"),
            ("orders_DEV", True, "orders_DEV"),
            ("orders_PROD", True, "orders_PROD_DEV"),
            ("ordersDEV", True, "ordersDEV_DEV"),
        ],
    )
    def test_the_environment_is_appended_only_where_it_is_asked_for_and_missing(
        self, given: str, append: bool, sent: str
    ) -> None:
        for kind in ("table-to-table", "table-to-storage"):
            found = tailer().configuration(given, kind, append_environment=append)
            assert found.configuration_id == sent

    def test_the_old_name_of_tables_to_tables_is_the_same(self) -> None:
        assert tailer().configuration(IOWA, "gbq-to-gbq") == TABLES

    def test_only_the_job_id_of_tables_to_tables_can_be_told(self) -> None:
        assert TABLES.job_id == f"gbq-to-gbq|{IOWA}"
        assert STORAGE.job_id is None


class TestLaunch:
    def test_never_twice(self) -> None:
        assert not next(tailer().launch_job(TABLES)).repeatable  # type: ignore[union-attr]

    @pytest.mark.parametrize("kind", ["storage-to-storage", "workflow", "table_to_table"])
    def test_only_what_can_be_launched(self, kind: str) -> None:
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
    def test_an_id_without_its_environment_is_warned_about_and_sent(
        self, kind: str, name: str, warned: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        api = tailer()
        done = play(api.launch_job(api.configuration(name, kind)), reply(body={"run_id": "r"}))
        assert asked(done)[0]["configuration_id"] == name
        assert ("does not end in _DEV" in caplog.text) is warned

    @pytest.mark.parametrize("body", [{}, {"run_id": ""}, {"run_id": 5}, [], {"message": "ok"}])
    def test_an_answer_without_an_id_says_what_it_was(self, body: Any) -> None:
        error = play(tailer().launch_job(TABLES), reply(body=body)).error
        assert isinstance(error, MalformedReplyError)
        assert json.dumps(body) in str(error)


class TestRuns:
    def test_of_tables_to_tables(self) -> None:
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

    def test_a_run_that_goes_on_has_no_end(self) -> None:
        (run,) = play(tailer().get_last_status(TABLES), results(item())).value
        assert run.snapshot().finished_at is None

    @pytest.mark.parametrize(
        "others",
        [[], [item("other")], [item(account="000001")], [item(environment="PROD")], [item("o"), item("p")]],
    )
    def test_only_the_run_that_was_asked_for_counts(self, others: list[dict[str, Any]]) -> None:
        ask = tailer().check_run_status(TABLES, job_id="j", run_id=RUN_ID)
        assert play(ask, results(*others)).value is None

    def test_it_may_stand_behind_others(self) -> None:
        ask = tailer().check_run_status(TABLES, job_id="j", run_id=RUN_ID)
        assert play(ask, results(item("other"), item())).value.run_id == RUN_ID

    @pytest.mark.parametrize(
        "body",
        [{}, [], {"results": None}, {"results": [{}]}, {"results": [{"run_id": "r"}]}, {"results": [1]}],
    )
    def test_what_is_no_list_of_runs_is_refused(self, body: Any) -> None:
        error = play(tailer().get_last_status(TABLES), reply(body=body)).error
        assert isinstance(error, MalformedReplyError)

    def test_a_limit_is_always_sent(self) -> None:
        api = tailer()
        for ask in (api.get_last_status(TABLES), api.get_by_status("workflow")):
            assert asked(play(ask, results()))[0]["limit"] == 100

    @pytest.mark.parametrize("limit", [0, -1, 1.5, True, "2"])
    def test_a_limit_is_a_number_from_1(self, limit: Any) -> None:
        api = tailer()
        for ask in (
            lambda: play(api.get_last_status(TABLES, limit=limit)),
            lambda: play(api.get_by_status("workflow", limit=limit)),
        ):
            error: Any
            try:
                error = ask().error
            except InvalidArgumentError as refused:
                error = refused
            assert "limit must be a whole number" in str(error)


class TestStatuses:
    @pytest.mark.parametrize(
        ("status", "state", "words"),
        [
            ("WAITING", RunState.PENDING, ""),
            ("RUNNING", RunState.RUNNING, ""),
            ("SUCCESS", RunState.SUCCEEDED, ""),
            ("success", RunState.SUCCEEDED, ""),
            ("FAILED", RunState.FAILED, "see Tailer Studio"),
            ("NO_MATCH", RunState.FAILED, "matches no template"),
            ("CHECKED", RunState.FAILED, "a user marked it as resolved"),
            ("DEACTIVATED", RunState.FAILED, "enable it first"),
            ("WARNING", RunState.UNKNOWN, ""),
        ],
    )
    def test_as_long_as_nobody_says_otherwise(self, status: str, state: RunState, words: str) -> None:
        (run,) = play(tailer().get_last_status(TABLES), results(item(status=status))).value
        assert run.state is state
        assert words in run.snapshot().message
        assert bool(words) == bool(run.snapshot().message)

    def test_which_count_may_be_named(self) -> None:
        outcomes = require_outcomes(["SUCCESS", "checked ", "Warning"], ["stopped"])
        statuses = ("SUCCESS", "CHECKED", "WARNING", "STOPPED", "FAILED", "X")
        assert {status: state_of(status, **outcomes) for status in statuses} == {
            "SUCCESS": RunState.SUCCEEDED,
            "CHECKED": RunState.SUCCEEDED,
            "WARNING": RunState.SUCCEEDED,
            "STOPPED": RunState.FAILED,
            "FAILED": RunState.FAILED,
            "X": RunState.UNKNOWN,
        }

    def test_a_success_that_is_not_wanted_still_ends_the_run(self) -> None:
        assert state_of("SUCCESS", **require_outcomes(["NO_MATCH"], [])) is RunState.FAILED

    @pytest.mark.parametrize(
        ("success", "failure", "words"),
        [
            ("SUCCESS", [], "success_statuses must be a list"),
            (["SUCCESS", 5], [], "success_statuses must be a list"),
            (["SUCCESS"], [" "], "failure_statuses must be a list"),
            (["SUCCESS"], None, "failure_statuses must be a list"),
            ([], [], "success_statuses must contain a status"),
            (["SUCCESS", "running"], [], "must not contain the status of an active run: RUNNING"),
            (["SUCCESS"], ["WAITING"], "must not contain the status of an active run: WAITING"),
            (["SUCCESS", "WARNING"], ["warning"], "both contain WARNING"),
        ],
    )
    def test_which_make_no_sense_are_refused(self, success: Any, failure: Any, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            require_outcomes(success, failure)


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
    def test_ok(self, body: Any) -> None:
        for name, exchange in self.calls().items():
            assert play(exchange, reply(body=body)).error is None, name

    @pytest.mark.parametrize("body", [b"", b"{}"])
    def test_silence_is_taken_as_ok_and_logged(self, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        play(self.calls()["status"], reply(body=body))
        assert "taken as OK" in caplog.text

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
    def test_ko_with_a_good_status_is_a_refusal(self, body: Any, words: str, kind: type[ApiError]) -> None:
        asking = {
            "launch": tailer().launch_job(TABLES),
            "list": tailer().get_last_status(TABLES),
            "check": tailer().check_run_status(TABLES, job_id="j", run_id="r"),
        }
        for name, exchange in (self.calls() | asking).items():
            error = play(exchange, reply(body=body)).error
            unknown = name in {"list", "check"} and kind is ApiError
            assert type(error) is (NotFoundError if unknown else kind), name
            assert words in str(error), name
            assert json.loads(error.body) == body, name
            # A refused launch is not looked for: it would be taken for somebody else's run.
            assert error.may_have_been_processed is (kind is ServerError), name

    @pytest.mark.parametrize("body", [b"ok", b"[]", b'"ok"'])
    def test_what_is_neither_is_told(self, body: bytes) -> None:
        for exchange in self.calls().values():
            assert isinstance(play(exchange, reply(body=body)).error, MalformedReplyError)

    def test_what_may_be_sent_twice(self) -> None:
        repeatable = {name for name, exchange in self.calls().items() if next(exchange).repeatable}
        assert repeatable == {"label", "status"}

    @pytest.mark.parametrize("status", ["WAITING", "DEACTIVATED", "", None])
    def test_a_run_is_given_one_of_five_labels(self, status: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="SUCCESS, FAILED, RUNNING, NO_MATCH, CHECKED"):
            tailer().set_run_status(TABLES, run_id="r", status=status)

    @pytest.mark.parametrize("status", ["on", "ENABLED", None, True])
    def test_a_configuration_has_one_of_three_statuses(self, status: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="enabled, disabled, archived; given"):
            tailer().set_configuration_status(TABLES, status)

    def test_only_workflows_are_reset(self) -> None:
        with pytest.raises(InvalidArgumentError, match="must be workflow"):
            tailer().reset_workflow(TABLES)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, None),
        ("2020-12-09", "2020-12-09"),
        (" 2020-12-09 ", "2020-12-09"),
        (date(2020, 12, 9), "2020-12-09"),
        (datetime(2020, 12, 9, 23, 30, tzinfo=UTC), "2020-12-09"),
        (datetime(2020, 12, 9, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2020-12-08"),
        ("2020-12-09T00:30:00+01:00", "2020-12-08"),
        ("2020-12-09 23:30:00+00:00", "2020-12-09"),
        (datetime(2020, 12, 9, 23, 30), "2020-12-09"),  # noqa: DTZ001 - a user may give one
    ],
)
def test_days(given: Any, told: str | None) -> None:
    assert day("logical_date", given) == told


@pytest.mark.parametrize(
    "given", ["", "2020/12/09", "None", "yesterday", 20201209, 1.5, [], "9999-12-31T23:00:00-05:00"]
)
def test_what_is_no_day_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="started_on must be a date, YYYY-MM-DD; given"):
        day("started_on", given)


class TestLife:
    def launch(self, **changes: Any) -> TailerJobLaunch:
        return tailer().launch(**{"configuration": TABLES, **changes})

    def test_a_launched_run_is_pending_under_its_configuration(self) -> None:
        snapshot = play(self.launch().submit("token"), reply(body={"run_id": "r-1"})).value
        assert (snapshot.run_id, snapshot.state) == ("r-1", RunState.PENDING)
        assert snapshot.details["job_id"] == TABLES.job_id
        assert snapshot.details["configuration_id"] == IOWA

    def test_what_a_task_returns_has_the_same_fields_from_the_launch_to_the_end(self) -> None:
        launched = play(self.launch().submit("token"), reply(body={"run_id": RUN_ID})).value
        ended = play(self.launch().watch(RUN_ID).look(tailer()), results(ITEM)).value
        assert launched.as_result("u").keys() == ended.as_result("u").keys()

    def test_candidates_are_new_runs_of_the_configuration(self) -> None:
        launch = self.launch()
        date = {"Date": "Wed, 30 Dec 2020 11:28:40 GMT"}
        baseline = play(launch.record_baseline(), results(item("old"), headers=date)).value
        json.dumps(baseline)
        listed = [
            item("ours"),
            item("waiting", status="WAITING", start_execution_date=None),
            item("other", configuration_id="000099_other_DEV"),
            item("theirs", account="000001"),
            item("old"),
            item("older", start_execution_date="2020-12-30T11:20:00+00:00"),
            item("stamped by another clock", start_execution_date="2020-12-30T11:28:00+00:00"),
        ]
        done = play(launch.find_candidates(baseline, "token"), results(*listed))
        found = ["ours", "waiting", "stamped by another clock"]
        assert [snapshot.run_id for snapshot in done.value] == found
        assert asked(done)[0] == {
            "action": "get_last_status",
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "configuration_id": IOWA,
            "limit": 100,
        }

    def test_a_baseline_leads_back_to_its_own_configuration(self) -> None:
        baseline = play(self.launch(job_id="j{{FD_DATE}}").record_baseline(), results()).value
        found = self.launch(configuration=STORAGE).earlier(json.loads(json.dumps(baseline)))
        assert (found.configuration, found.job_id) == (TABLES, "j{{FD_DATE}}")

    def test_what_decides_the_work(self) -> None:
        base = self.launch().identity()
        assert base == self.launch(success_statuses=["CHECKED"]).identity()
        others = [
            self.launch(configuration=STORAGE),
            self.launch(execution_date="2020-12-09"),
            self.launch(job_id="j"),
        ]
        assert all(other.identity() != base for other in others)

    def test_cannot_be_stopped(self) -> None:
        found = self.launch().watch("r-1")
        assert not found.cancel_on_kill
        with pytest.raises(NotImplementedError, match="Tailer cannot cancel r-1"):
            found.cancel(tailer())


def watch(configuration: Configuration = TABLES, run_id: str = RUN_ID, **changes: Any) -> TailerRunWatch:
    outcomes = {"success_statuses": ["SUCCESS"], "failure_statuses": []}
    return tailer().watch_run(configuration, run_id, **{"job_id": None, **outcomes, **changes})


class TestWatch:
    @pytest.mark.parametrize("answer", [results(), results(item("other")), NotFoundError("x", status=404)])
    def test_a_run_without_a_record_is_absent(self, answer: Any) -> None:
        assert play(watch(run_id="r-1").look(tailer()), answer).value.state is RunState.ABSENT

    def test_one_run_is_asked_about_by_itself(self) -> None:
        done = play(watch(run_id="r-1").sweep(tailer(), frozenset({RUN_ID})), results(ITEM))
        assert asked(done)[0] | {"action": ""} == {
            "action": "",
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "configuration_id": IOWA,
            "job_id": f"gbq-to-gbq|{IOWA}",
            "run_id": RUN_ID,
        }
        assert asked(done)[0]["action"] == "check_run_status"
        assert done.value[RUN_ID].state is RunState.SUCCEEDED

    def test_several_are_told_of_by_one_list(self) -> None:
        listed = [item("a"), item("b", "FAILED"), item("x"), item("c", account="000001")]
        done = play(watch().sweep(tailer(), frozenset({"a", "b", "c"})), results(*listed))
        assert [a["action"] for a in asked(done)] == ["get_last_status"]
        assert {run_id: s.state for run_id, s in done.value.items()} == {
            "a": RunState.RUNNING,
            "b": RunState.FAILED,
        }

    def test_without_a_job_id_the_list_has_to_do(self) -> None:
        listed = item("a", configuration_id=STORAGE.configuration_id, job_id="table-to-storage|x")
        done = play(watch(STORAGE, "a").look(tailer()), results(listed))
        assert asked(done)[0]["action"] == "get_last_status"
        assert done.value.details["job_id"] == "table-to-storage|x"
        missed = play(watch(STORAGE, "b").look(tailer()), results(listed), results())
        assert missed.value.state is RunState.ABSENT
        # The job's id that the list shows finds a run that the list does not show.
        assert asked(missed)[1]["action"] == "check_run_status"
        assert asked(missed)[1]["job_id"] == "table-to-storage|x"

    def test_a_given_job_id_is_used_as_it_is(self) -> None:
        job_id = "storage-to-storage|000099|x|DEV|stores-{{FD_DATE}}-{{FD_TIME}}.csv"
        done = play(watch(STORAGE, "a", job_id=job_id).look(tailer()), results())
        assert (asked(done)[0]["action"], asked(done)[0]["job_id"]) == ("check_run_status", job_id)

    def test_runs_that_mean_something_else_are_no_group(self) -> None:
        watches = [
            watch(),
            watch(STORAGE),
            watch(job_id="j"),
            watch(success_statuses=["SUCCESS", "WARNING"]),
            watch(failure_statuses=["WARNING"]),
        ]
        assert len({watch.group for watch in watches}) == 5
        assert watch(run_id="r-1", success_statuses=["success "]).group == watches[0].group


class TestLinks:
    def test_lead_to_studio_as_no_page_is_documented(self) -> None:
        assert tailer().run_url(TABLES, "r") == "https://studio.tailer.ai"
        assert tailer(studio_url="https://s.example/x").run_url(TABLES, "r") == "https://s.example/x"

    def test_follow_the_template(self) -> None:
        template = "https://studio.tailer.ai/{account}/{environment}/{configuration_type}/{configuration_id}/{run_id}"
        assert tailer(link_template=template).run_url(TABLES, "r/1") == (
            f"https://studio.tailer.ai/000099/DEV/table-to-table/{IOWA}/r%2F1"
        )
