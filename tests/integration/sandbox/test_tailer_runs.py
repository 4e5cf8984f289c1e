"""Tailer's runs and configurations from start to end."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.clients import Client
from tests.integration.sandbox.tailer_client import JOB, STORAGE, TABLE, WORKFLOW, TailerClient

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox

UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SCOPE = {name: TABLE[name] for name in ("account", "environment", "configuration_type")}
EXPORT = {"configuration_type": "table-to-storage", "configuration_id": "000099_export_pda_DEV"}


def today(sandbox: Sandbox) -> str:
    timeline = sandbox.tailer.world.timeline
    return timeline.wall(timeline.now()).date().isoformat()


class TestStates:
    def test_run_has_no_record_then_is_running_then_succeeds(
        self, tailer: TailerClient, clock: ManualClock
    ) -> None:
        run = tailer.launch()
        assert tailer.check(run) == []
        clock.advance(0.29)
        assert tailer.check(run) == []
        clock.advance(0.01)
        assert tailer.status(run) == "RUNNING"
        clock.advance(9.99)
        assert tailer.status(run) == "RUNNING"
        clock.advance(0.01)
        assert tailer.status(run) == "SUCCESS"

    def test_run_can_wait_before_it_is_running(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        sandbox.tailer.configure(start_gap=0)
        sandbox.tailer.script(TABLE["configuration_id"], waiting=3, duration=2, running_status="WARNING")
        run = tailer.launch()
        assert tailer.status(run) == "WAITING"
        clock.advance(3)
        assert tailer.status(run) == "WARNING"
        clock.advance(2)
        assert tailer.status(run) == "SUCCESS"

    @pytest.mark.parametrize("outcome", ["FAILED", "NO_MATCH", "DEACTIVATED", "STOPPED"])
    def test_run_ends_as_scripted(self, sandbox: Sandbox, tailer: TailerClient, outcome: str) -> None:
        sandbox.tailer.script(start_gap=0, duration=0, outcome=outcome)
        assert tailer.status(tailer.launch()) == outcome

    def test_run_with_hold_ends_only_by_finish(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        sandbox.tailer.script(hold=True, start_gap=0)
        run = tailer.launch()
        clock.advance(100_000)
        assert tailer.status(run) == "RUNNING"
        sandbox.tailer.finish(run, "FAILED")
        assert tailer.status(run) == "FAILED"
        with pytest.raises(ValueError, match="already ended"):
            sandbox.tailer.finish(run)

    def test_run_that_is_finished_early_has_a_record_at_once(
        self, sandbox: Sandbox, tailer: TailerClient
    ) -> None:
        run = tailer.launch()
        sandbox.tailer.finish(run)
        assert tailer.status(run) == "SUCCESS"

    def test_each_launch_starts_a_new_run(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        runs = [tailer.launch() for _ in range(3)]
        assert len(set(runs)) == 3
        assert [record.run_id for record in sandbox.runs()] == runs

    def test_forgotten_run_is_not_found(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        sandbox.tailer.configure(start_gap=0)
        run = tailer.launch()
        sandbox.tailer.forget(run)
        assert tailer.check(run) == []

    @pytest.mark.parametrize("behaviour", [{"duration": -1}, {"waiting": None}, {"outcome": 7}])
    def test_invalid_script_is_rejected(self, sandbox: Sandbox, behaviour: Any) -> None:
        with pytest.raises(ValueError, match=f"{next(iter(behaviour))}: Input should be"):
            sandbox.tailer.script(**behaviour)


class TestRecords:
    def test_show_user_configuration_and_date_of_the_launch(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        run = tailer.launch(execution_date="2020-12-09", job_id=JOB)
        [record] = sandbox.runs()
        assert (record.state, record.finished, record.started_at) == ("WAITING", False, None)
        clock.advance(20)

        [record] = sandbox.runs()

        assert (record.run_id, record.resource, record.state) == (run, TABLE["configuration_id"], "SUCCESS")
        assert record.created_by == "user@tailer.example"
        assert record.started_at is not None
        assert record.finished_at is not None
        assert record.started_at - record.created_at == pytest.approx(0.3, abs=0.01)
        assert record.finished_at - record.started_at == pytest.approx(10, abs=0.01)
        assert record.detail == {
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "job_id": JOB,
            "execution_date": "2020-12-09",
        }

    def test_another_user_can_start_a_run_of_any_type(self, sandbox: Sandbox) -> None:
        sandbox.tailer.start(STORAGE["configuration_id"])
        assert sandbox.runs()[0].created_by == "anna@tailer.example"
        with pytest.raises(KeyError):
            sandbox.tailer.start(STORAGE["configuration_id"], "PROD")


class TestItems:
    def test_table_to_table(self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock) -> None:
        run = tailer.launch()
        clock.advance(0.3)
        [active] = tailer.check(run)
        clock.advance(84)

        [item] = tailer.check(run)

        assert re.fullmatch(f"[0-9]{{8}}-[0-9]{{6}}-{UUID}", run)
        assert active.keys() == item.keys() - {"duration"}
        start = datetime.fromisoformat(item["start_execution_date"])
        end = datetime.fromisoformat(item["last_update_date"])
        assert item == {
            **TABLE,
            "job_id": JOB,
            "run_id": run,
            "duration": "0:00:10",
            "status": "SUCCESS",
            "start_execution_date": start.isoformat(timespec="microseconds"),
            "last_update_date": end.isoformat(timespec="microseconds"),
        }
        assert item["start_execution_date"].endswith("+00:00")
        assert timedelta(seconds=9.9) < end - start < timedelta(seconds=10.1)

    def test_duration_has_pythons_timedelta_format(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        sandbox.tailer.script(start_gap=0, duration=90_061.5, times=1)
        run = tailer.launch()
        sandbox.tailer.run(run).advance(100_000)

        assert tailer.check(run)[0]["duration"] == "1 day, 1:01:01.500000"

    def test_storage_to_storage_has_no_last_update_and_the_unrendered_template(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        run = sandbox.tailer.start(STORAGE["configuration_id"])
        clock.advance(20)

        [item] = tailer.ask("get_last_status", **STORAGE)

        assert re.fullmatch(f"[0-9]{{8}}-{UUID}", run)
        assert "last_update_date" not in item
        assert item["job_id"] == (
            "storage-to-storage|000099|000099-jarvis-demo-iowa-liquor-storage-to-storage|DEV|"
            "stores-{{FD_DATE}}-{{FD_TIME}}.csv"
        )
        assert item["configuration_type"] == "storage-to-storage"
        assert re.search(r"T\d\d:\d\d:\d\d\+00:00$", item["start_execution_date"])
        assert tailer.ask("check_run_status", **STORAGE, job_id=item["job_id"], run_id=run) == [item]

    def test_launch_accepts_table_to_storage_and_the_old_name_of_table_to_table(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        export, alias = tailer.launch(**EXPORT), tailer.launch(configuration_type="gbq-to-gbq")
        clock.advance(1)

        assert tailer.ask("get_last_status", **{**TABLE, **EXPORT})[0]["run_id"] == export
        assert tailer.check(alias)[0]["configuration_type"] == "table-to-table"
        as_alias = {**TABLE, "configuration_type": "gbq-to-gbq"}
        [item] = tailer.ask("check_run_status", **as_alias, job_id=JOB, run_id=alias)
        assert item["configuration_type"] == "table-to-table"

    def test_lists_use_the_old_name_of_the_type(self, tailer: TailerClient, clock: ManualClock) -> None:
        tailer.launch()
        clock.advance(1)

        for action, scope in (("get_last_status", TABLE), ("get_by_status", SCOPE)):
            assert [item["configuration_type"] for item in tailer.ask(action, **scope)] == ["gbq-to-gbq"]

    @pytest.mark.parametrize(
        "other",
        [
            {"job_id": "gbq-to-gbq|000099_iowa_liquor_prepare_pda"},
            {"configuration_id": "000099_Load_PDA_f_traffic_ma_DEV"},
            {"environment": "PROD"},
            {"account": "000098"},
            {"run_id": "20201230-112837-0a795c70-2557-4a60-ba16-788aa2bea179"},
        ],
    )
    def test_run_is_found_only_by_its_full_identity(
        self, tailer: TailerClient, clock: ManualClock, other: dict[str, str]
    ) -> None:
        run = tailer.launch()
        clock.advance(1)
        assert tailer.ask("check_run_status", **{**TABLE, "job_id": JOB, "run_id": run, **other}) == []


class TestLists:
    @pytest.fixture
    def runs(self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock) -> list[str]:
        """Return four runs, newest first: one is running, two failed, and one is three days old."""
        sandbox.tailer.configure(start_gap=0)
        made = [tailer.launch()]
        clock.advance(3 * 86_400)
        sandbox.tailer.script(outcome="FAILED", duration=0, times=2)
        for _ in range(2):
            made.append(tailer.launch())
            clock.advance(1)
        made.append(tailer.launch())
        return made[::-1]

    def ids(self, items: list[dict[str, Any]]) -> list[str]:
        return [item["run_id"] for item in items]

    def test_are_newest_first_and_have_three_items_by_default(
        self, tailer: TailerClient, runs: list[str]
    ) -> None:
        assert self.ids(tailer.ask("get_last_status", **TABLE)) == runs[:3]
        assert self.ids(tailer.ask("get_by_status", **SCOPE)) == runs[:3]

    def test_are_filtered(self, sandbox: Sandbox, tailer: TailerClient, runs: list[str]) -> None:
        def ask(**filters: Any) -> list[str]:
            return self.ids(tailer.ask("get_last_status", **TABLE, **filters))

        assert ask(limit=1) == runs[:1]
        assert ask(limit=100) == runs
        assert ask(status="FAILED") == runs[1:3]
        assert ask(status="FAILED", limit=1) == runs[1:2]
        assert ask(status="CHECKED") == []
        old = ask(execution_date=runs[3][:4] + "-" + runs[3][4:6] + "-" + runs[3][6:8])
        assert old == runs[3:]
        assert ask(execution_date=today(sandbox), status="RUNNING") == runs[:1]
        assert ask(job_id=JOB, limit=9) == runs
        assert ask(job_id="gbq-to-gbq|other") == []

    def test_are_a_hundred_at_most(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        sandbox.tailer.configure(start_gap=0)
        started = [sandbox.tailer.start(TABLE["configuration_id"]) for _ in range(120)]
        for action, subject in (("get_last_status", TABLE), ("get_by_status", SCOPE)):
            assert self.ids(tailer.ask(action, **subject, limit=1000)) == started[:19:-1]

    def test_by_status_contain_all_configurations_of_a_type(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        sandbox.tailer.add_configuration("000099_other_PROD", environment="PROD")
        first = tailer.launch()
        clock.advance(1)
        second = tailer.launch(configuration_id="000099_Load_PDA_f_traffic_ma_DEV")
        tailer.launch(**EXPORT)
        sandbox.tailer.start("000099_other_PROD", "PROD")
        clock.advance(1)

        assert self.ids(tailer.ask("get_by_status", **SCOPE, status="RUNNING")) == [second, first]
        assert self.ids(tailer.ask("get_last_status", **TABLE)) == [first]

    def test_by_status_without_an_environment_contain_all_environments(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        sandbox.tailer.add_configuration("000099_other_PROD", environment="PROD")
        runs = [tailer.launch(), tailer.launch(configuration_id="000099_other_PROD", environment="PROD")]
        clock.advance(1)
        anywhere = {name: value for name, value in SCOPE.items() if name != "environment"}

        items = tailer.ask("get_by_status", **anywhere)

        assert self.ids(items) == runs[::-1]
        assert [item["environment"] for item in items] == ["PROD", "DEV"]
        assert tailer.ask("get_by_status", **{**anywhere, "account": "000098"}) == []

    def test_are_as_long_as_the_setting_allows(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        sandbox.tailer.configure(start_gap=0, most_listed=200)
        for _ in range(120):
            sandbox.tailer.start(TABLE["configuration_id"])
        assert len(tailer.ask("get_by_status", **SCOPE, limit=1000)) == 120

    def test_by_status_lack_the_results_or_are_rejected_if_a_test_says_so(
        self, sandbox: Sandbox, tailer: TailerClient, runs: list[str]
    ) -> None:
        def answer() -> dict[str, Any]:
            body = {"action": "get_by_status", **SCOPE}
            return dict(tailer.ok("POST", "/v1/dag/status", json=body))

        sandbox.tailer.configure(by_status="no results")
        assert answer() == {"message": "ok"}
        sandbox.tailer.configure(by_status="ko")
        assert answer()["message"].startswith("ko")
        assert self.ids(tailer.ask("get_last_status", **TABLE)) == runs[:3]

    def test_are_empty_for_an_unknown_configuration(self, tailer: TailerClient) -> None:
        assert tailer.ask("get_last_status", **{**TABLE, "configuration_id": "none"}) == []


class TestSetRunStatus:
    def test_changes_the_label_and_not_the_run(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        run = tailer.launch()
        clock.advance(1)
        for status in ("SUCCESS", "FAILED", "RUNNING", "NO_MATCH", "CHECKED"):
            body = {"action": "set_run_status", **TABLE, "run_id": run, "status": status}
            assert tailer.ok("POST", "/v1/dag/status", json=body) == {"message": "ok"}
            assert tailer.status(run) == status
        assert not sandbox.runs()[0].finished
        clock.advance(10)
        assert sandbox.runs()[0].finished
        assert tailer.status(run) == "CHECKED"

    def test_finds_the_run_without_an_environment(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        sandbox.tailer.add_configuration(TABLE["configuration_id"], environment="PROD")
        run, other = tailer.launch(environment="PROD"), tailer.launch()
        clock.advance(1)
        body = {"action": "set_run_status", **TABLE, "run_id": run, "status": "CHECKED"}
        assert tailer.ok("POST", "/v1/dag/status", json=body)["message"].startswith("ko"), "it runs elsewhere"
        del body["environment"]

        assert tailer.ok("POST", "/v1/dag/status", json=body) == {"message": "ok"}
        states = {record.run_id: record.state for record in sandbox.runs()}
        assert states == {run: "CHECKED", other: "RUNNING"}

    def test_does_not_find_the_run_of_another_configuration(
        self, tailer: TailerClient, clock: ManualClock
    ) -> None:
        run = tailer.launch()
        clock.advance(1)
        other = {**TABLE, "configuration_id": "000099_Load_PDA_f_traffic_ma_DEV"}
        body = {"action": "set_run_status", **other, "run_id": run, "status": "CHECKED"}
        assert tailer.ok("POST", "/v1/dag/status", json=body)["message"].startswith("ko")
        assert tailer.status(run) == "RUNNING"


class TestConfigurations:
    def test_runs_of_a_disabled_one_end_as_deactivated(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        assert tailer.switch(activated=False) == {"message": "ok"}
        run = tailer.launch()
        assert tailer.check(run) == []
        assert not sandbox.runs()[0].finished
        clock.advance(0.3)
        assert tailer.status(run) == "DEACTIVATED"
        tailer.switch(activated=True)
        again = tailer.launch()
        clock.advance(0.3)
        assert (tailer.status(again), tailer.status(run)) == ("RUNNING", "DEACTIVATED")

    def test_archived_one_and_its_runs_stay_hidden(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        run = tailer.launch()
        clock.advance(1)
        for _ in range(2):
            assert tailer.switch(activated=False, archived=True) == {"message": "ok"}

        assert tailer.check(run) == tailer.ask("get_last_status", **TABLE) == []
        body = {"action": "launch_job", **TABLE}
        assert tailer.ok("POST", "/v1/dag/launch", json=body)["message"].startswith("ko")
        assert tailer.switch(activated=True)["message"].startswith("ko")
        assert sandbox.tailer.configuration(TABLE["configuration_id"]).archived

    def test_setting_gives_the_empty_response_of_the_older_guide(
        self, sandbox: Sandbox, tailer: TailerClient
    ) -> None:
        sandbox.tailer.configure(blank_ok=True)
        body = {"action": "set_configuration_status", **TABLE, "activated": False, "archived": False}
        response = tailer.send("POST", "/v1/configuration/status", json=body)
        assert (response.status_code, response.content) == (200, b"")
        assert not sandbox.tailer.configuration(TABLE["configuration_id"]).activated

    def test_reset_clears_the_triggered_jobs(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        workflow = sandbox.tailer.configuration(WORKFLOW["configuration_id"])
        assert workflow.triggered_jobs == ["JA", "JB"]

        answer = tailer.ok(
            "POST", "/v1/workflow/status", json={"action": "reset_workflow_status", **WORKFLOW}
        )

        assert answer == {"code": 200, "data": {}, "message": "ok"}
        assert (workflow.triggered_jobs, workflow.resets) == ([], 1)

    def test_can_be_listed_and_added_by_another_process(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        with Client(sandbox.url + "/_sandbox", {}) as control:
            added = {"platform": "tailer", "configuration_id": "000099_new_DEV", "activated": False}
            control.ok("POST", "/add_configuration", json=added)
            listed = control.ok("POST", "/configurations", json={"platform": "tailer"})["result"]

        assert listed[-1] == {
            **TABLE,
            "configuration_id": "000099_new_DEV",
            "activated": False,
            "archived": False,
            "triggered_jobs": [],
            "resets": 0,
        }
        assert tailer.launch(configuration_id="000099_new_DEV")

    def test_added_one_can_be_archived(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        sandbox.tailer.add_configuration("000099_old_DEV", archived=True)
        body = {"action": "launch_job", **TABLE, "configuration_id": "000099_old_DEV"}
        answer = tailer.ok("POST", "/v1/dag/launch", json=body)
        assert answer["message"] == "ko: configuration 000099_old_DEV not found"

    @pytest.mark.parametrize(
        "wrong", [{"configuration_type": "x"}, {"environment": "dev"}, {"triggered_jobs": "JA"}]
    )
    def test_invalid_one_is_rejected(self, sandbox: Sandbox, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}: Input should be"):
            sandbox.tailer.add_configuration("000099_new_DEV", **wrong)
