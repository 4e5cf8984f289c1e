"""Tailer over real sockets: each call, each kind of credential, and several runs in one response."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import ApiError, AuthenticationError, PermissionDeniedError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending
from airflow_provider_dataops.triggers.tailer import TailerLastStatusTrigger
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.bench.tailer import TailerBench

pytestmark = pytest.mark.usefixtures("quick")

IOWA = "000099_iowa_liquor_prepare_pda_DEV"
TRAFFIC = "000099_Load_PDA_f_traffic_ma_DEV"
EXPORT = "000099_export_pda_DEV"
STORES = "000099-jarvis-demo-iowa-liquor-storage-to-storage"
WORKFLOW = "000099-iowa-liquor-load-pda"
CREDENTIALS: dict[str, dict[str, Any]] = {
    "service account": {"auth_type": "service_account"},
    "password": {"auth_type": "firebase"},
    "refresh token": {"auth_type": "firebase", "refresh_token": True},
    "given": {"auth_type": "bearer"},
}


def actions(tailer: TailerBench) -> Counter[str]:
    """Return the number of requests for each action."""
    # A request that a trigger has cut off has no body.
    bodies = [entry.body or b"" for entry in tailer.requests()]
    return Counter(json.loads(body)["action"] for body in bodies if body.startswith(b'{"action"'))


def configuration(tailer: TailerBench, configuration_id: str) -> dict[str, Any]:
    (found,) = [c for c in tailer.store.configurations() if c["configuration_id"] == configuration_id]
    return dict(found)


class TestCalls:
    def test_a_job_is_launched_for_a_day(self, tailer: TailerBench) -> None:
        run_id = tailer.hook().launch_job(IOWA, logical_date="2026-11-20")
        (started,) = tailer.sandbox.runs()
        assert (started.run_id, started.resource) == (run_id, IOWA)
        assert started.detail["execution_date"] == "2026-11-20"
        assert tailer.sandbox.journal.refusals() == []

    def test_append_environment_adds_the_environment_to_the_id(self, tailer: TailerBench) -> None:
        tailer.hook().launch_job(EXPORT.removesuffix("_DEV"), "table-to-storage", append_environment=True)
        assert tailer.sandbox.runs()[0].resource == EXPORT

    def test_check_run_status_returns_none_before_tailer_knows_the_run(self, tailer: TailerBench) -> None:
        tailer.store.script(hold=True, start_gap=60.0)
        hook = tailer.hook()
        run_id = hook.launch_job(IOWA)
        assert hook.check_run_status(IOWA, run_id) is None
        tailer.finish(run_id)
        ended = hook.check_run_status(IOWA, run_id, "gbq-to-gbq")
        assert (ended.status, ended.state) == ("SUCCESS", RunState.SUCCEEDED)
        assert (ended.account, ended.job_id) == ("000099", f"gbq-to-gbq|{IOWA}")
        assert tailer.sandbox.journal.refusals() == []

    def test_get_last_status_returns_the_newest_runs_first_and_filters_them(
        self, tailer: TailerBench
    ) -> None:
        good, bad, active = (tailer.store.start(STORES) for _ in range(3))
        tailer.finish(good)
        tailer.store.finish(bad, "FAILED")
        hook, kind = tailer.hook(), "storage-to-storage"
        listed = hook.get_last_status(STORES, kind)
        assert {r.run_id for r in listed} == {good, bad, active}
        assert [r.start_execution_date for r in listed] == sorted(
            (r.start_execution_date for r in listed), reverse=True
        )
        assert [r.run_id for r in hook.get_last_status(STORES, kind, status="failed")] == [bad]
        assert len(hook.get_last_status(STORES, kind, limit=2)) == 2
        assert hook.get_last_status(STORES, kind, started_on="2020-12-09") == []
        (found,) = hook.get_last_status(STORES, kind, status="SUCCESS")
        assert found.last_update_date is None
        assert "{{FD_DATE}}" in found.job_id
        # With the job id from the list, one run can be read alone.
        assert hook.check_run_status(STORES, good, kind, job_id=found.job_id).run_id == good
        assert tailer.sandbox.journal.refusals() == []

    def test_get_by_status_returns_the_runs_of_the_whole_account(self, tailer: TailerBench) -> None:
        ended, one, other = tailer.start(), tailer.start(), tailer.start(TRAFFIC)
        tailer.finish(ended)
        found = tailer.hook().get_by_status("table-to-table", "RUNNING")
        assert {r.run_id: r.configuration_id for r in found} == {one: IOWA, other: TRAFFIC}
        assert tailer.sandbox.journal.refusals() == []

    def test_set_run_status_marks_a_failed_run_as_checked(self, tailer: TailerBench) -> None:
        run_id, hook = tailer.start(), tailer.hook()
        tailer.store.finish(run_id, "FAILED")
        hook.set_run_status(IOWA, run_id, "CHECKED")
        assert hook.check_run_status(IOWA, run_id).status == "CHECKED"
        assert tailer.sandbox.journal.refusals() == []

    def test_a_workflow_is_reset(self, tailer: TailerBench) -> None:
        tailer.hook().reset_workflow(WORKFLOW)
        workflow = configuration(tailer, WORKFLOW)
        assert (workflow["triggered_jobs"], workflow["resets"]) == ([], 1)
        assert tailer.sandbox.journal.refusals() == []

    @pytest.mark.parametrize("blank", [False, True])
    def test_a_configuration_is_disabled_enabled_and_archived(self, tailer: TailerBench, blank: bool) -> None:
        tailer.store.configure(blank_ok=blank)
        hook, seen = tailer.hook(), []
        for act in (hook.disable_configuration, hook.enable_configuration, hook.archive_configuration):
            act(TRAFFIC)
            state = configuration(tailer, TRAFFIC)
            seen.append((state["activated"], state["archived"]))
        assert seen == [(False, False), (True, False), (False, True)]
        assert tailer.sandbox.journal.refusals() == []

    def test_an_error_in_a_response_with_status_200_raises_an_error(self, tailer: TailerBench) -> None:
        with pytest.raises(ApiError, match=r"reset workflow no-such failed: refused with HTTP 200: ko"):
            tailer.hook().reset_workflow("no-such")

    def test_the_connection_test_succeeds(self, tailer: TailerBench) -> None:
        assert tailer.hook().test_connection() == (
            True,
            "the credentials are accepted for account 000099, DEV",
        )
        assert tailer.sandbox.journal.refusals() == []


class TestCredentials:
    @pytest.mark.parametrize("kind", CREDENTIALS)
    def test_each_kind_is_accepted_on_a_worker_and_in_the_triggerer(
        self, tailer: TailerBench, kind: str
    ) -> None:
        tailer.use(**CREDENTIALS[kind])
        run_id = tailer.hook().launch_job(IOWA)
        tailer.finish(run_id)
        assert run(tailer.event_of(tailer.trigger(run_id))).ending is Ending.FINISHED
        assert tailer.sandbox.journal.refusals() == []

    @pytest.mark.parametrize("kind", [kind for kind in CREDENTIALS if kind != "given"])
    def test_an_expired_token_is_renewed_once(self, tailer: TailerBench, kind: str) -> None:
        tailer.use(**CREDENTIALS[kind])
        hook, run_id = tailer.hook(), tailer.start()
        tailer.look(hook, run_id)
        tailer.fault("expired_token", operation="run_status", times=1)
        assert tailer.look(hook, run_id).state is RunState.RUNNING
        assert [e.status for e in tailer.requests("run_status")] == [200, 401, 200]

    def test_the_error_for_an_expired_api_token_says_that_it_cannot_be_renewed(
        self, tailer: TailerBench
    ) -> None:
        tailer.use("bearer")
        hook, run_id = tailer.hook(), tailer.start()
        tailer.look(hook, run_id)
        tailer.expire()
        with pytest.raises(AuthenticationError, match=r"'api_token' is not accepted.* cannot renew it"):
            tailer.look(hook, run_id)
        assert len(tailer.requests("run_status")) == 2

    @pytest.mark.parametrize("kind", ["password", "refresh token"])
    def test_many_triggers_sign_in_only_once(self, tailer: TailerBench, kind: str) -> None:
        tailer.use(**CREDENTIALS[kind])
        names = [f"000099_c{n}_DEV" for n in range(8)]
        started = [(tailer.start(name), name) for name in names]
        for run_id, _ in started:
            tailer.finish(run_id)

        async def main() -> list[Any]:
            return await asyncio.gather(*(tailer.event_of(tailer.trigger(*one)) for one in started))

        assert {event.ending for event in run(main())} == {Ending.FINISHED}
        assert len(tailer.requests("sign_in")) + len(tailer.requests("refresh_token")) == 1

    @pytest.mark.parametrize(
        ("kind", "changes", "words"),
        [
            ("password", {"password": "planted-secret"}, r"sign in with login and password failed: HTTP 400"),
            (
                "refresh token",
                {"refresh_token": "planted-secret"},
                r"renew the token by refresh_token failed",
            ),
            ("refresh token", {"firebase_api_key": "planted-secret"}, r"'firebase_api_key'"),
        ],
    )
    def test_the_error_names_a_wrong_credential_and_does_not_show_it(
        self, tailer: TailerBench, kind: str, changes: dict[str, str], words: str
    ) -> None:
        tailer.use(**CREDENTIALS[kind])
        tailer.add_to_connection(**changes)
        with pytest.raises((AuthenticationError, PermissionDeniedError), match=words) as caught:
            tailer.look(tailer.hook(), tailer.start())
        assert "planted-secret" not in str(caught.value)
        assert tailer.requests("run_status") == []

    def test_the_error_names_a_service_account_that_tailer_does_not_know(
        self, tailer: TailerBench, tmp_path: Path
    ) -> None:
        key = json.loads(tailer.store.connection("service_account")["extra"]["service_account_secret_json"])
        (tmp_path / "key.json").write_text(json.dumps(key | {"client_email": "nobody@example.com"}))
        tailer.connect(service_account_secret_json=str(tmp_path / "key.json"))
        with pytest.raises(AuthenticationError, match="'service_account_secret_json'; check that this"):
            tailer.look(tailer.hook(), tailer.start())

    def test_the_task_gets_the_error_if_the_key_file_is_missing_in_the_triggerer(
        self, tailer: TailerBench, tmp_path: Path
    ) -> None:
        tailer.connect(service_account_secret_json=str(tmp_path / "key.json"))
        event = run(tailer.event_of(tailer.trigger(tailer.start())))
        assert event.ending is Ending.UNREACHABLE
        assert "key.json' of extra field 'service_account_secret_json' cannot be read: No such file" in (
            event.message
        )


class TestWaiting:
    def ended(
        self, tailer: TailerBench, started: list[str], until: Callable[[Counter[str]], bool]
    ) -> set[Any]:
        """Wait for these runs with a trigger each. End them when the requests so far fulfil a condition.

        :param started: the ids of the runs. Each belongs to the configuration ``000099_cNUMBER_DEV``.
        :return: the states of the runs at the end.
        """

        async def main() -> list[Any]:
            triggers = [tailer.trigger(run_id, f"000099_c{n}_DEV") for n, run_id in enumerate(started)]
            waiting = [asyncio.ensure_future(tailer.event_of(trigger)) for trigger in triggers]
            await asyncio.to_thread(tailer.sandbox.wait_for, lambda _: until(actions(tailer)))
            for run_id in started:
                tailer.finish(run_id)
            return await asyncio.gather(*waiting)

        states = {event.snapshot.state for event in run(main())}
        assert tailer.sandbox.journal.refusals() == []
        return states

    @pytest.fixture
    def started(self, tailer: TailerBench) -> list[str]:
        return [tailer.start(f"000099_c{n}_DEV") for n in range(20)]

    def test_one_list_request_polls_the_runs_of_many_configurations(
        self, tailer: TailerBench, started: list[str]
    ) -> None:
        states = self.ended(tailer, started, lambda sent: sent["get_by_status"] >= 3)
        assert states == {RunState.SUCCEEDED}
        # Each run is read once alone when it has left the list. The first two may also be read before the
        # other triggers have started.
        assert actions(tailer)["check_run_status"] <= len(started) + 2
        assert actions(tailer)["get_last_status"] == 0

    def test_runs_that_a_full_list_leaves_out_are_requested_singly(
        self, tailer: TailerBench, started: list[str]
    ) -> None:
        tailer.store.configure(most_listed=12)
        states = self.ended(tailer, started, lambda sent: sent["check_run_status"] >= 16)
        assert states == {RunState.SUCCEEDED}

    @pytest.mark.parametrize(("by_status", "lists"), [("no results", 1), ("ko", 2)])
    def test_runs_are_requested_singly_for_a_minute_if_tailer_does_not_list_them(
        self,
        tailer: TailerBench,
        started: list[str],
        caplog: pytest.LogCaptureFixture,
        by_status: str,
        lists: int,
    ) -> None:
        tailer.store.configure(by_status=by_status)
        states = self.ended(tailer, started, lambda sent: sent["check_run_status"] >= 60)
        assert states == {RunState.SUCCEEDED}
        assert actions(tailer)["get_by_status"] == lists
        assert [
            line.message.rpartition("; ")[2] for line in caplog.records if line.levelname == "WARNING"
        ] == ["the runs of ('000099', 'DEV', 'table-to-table') are read one by one"]

    @pytest.mark.parametrize("job_id", [None, "as listed"])
    def test_a_trigger_waits_for_a_run_of_another_type_with_and_without_its_job_id(
        self, tailer: TailerBench, job_id: str | None
    ) -> None:
        run_id = tailer.store.start(STORES)
        if job_id:
            (listed,) = tailer.hook().get_last_status(STORES, "storage-to-storage")
            job_id = listed.job_id
        tailer.finish(run_id)
        trigger = tailer.trigger(
            run_id,
            STORES,
            configuration_type="storage-to-storage",
            job_id=job_id,
            success_statuses=["SUCCESS"],
        )
        assert run(tailer.event_of(trigger)).ending is Ending.FINISHED
        assert actions(tailer)["check_run_status"] == bool(job_id)

    def test_each_trigger_decides_which_statuses_are_a_success(self, tailer: TailerBench) -> None:
        run_id = tailer.start()
        tailer.store.finish(run_id, "NO_MATCH")

        async def main() -> list[Any]:
            triggers = (tailer.trigger(run_id), tailer.trigger(run_id, success_statuses=["NO_MATCH"]))
            return await asyncio.gather(*(tailer.event_of(trigger) for trigger in triggers))

        strict, lenient = run(main())
        assert (strict.snapshot.state, lenient.snapshot.state) == (RunState.FAILED, RunState.SUCCEEDED)

    def test_a_wait_for_a_status_ends_when_a_run_of_that_day_has_it(self, tailer: TailerBench) -> None:
        run_id, failed = tailer.store.start(STORES), tailer.store.start(STORES)
        tailer.store.finish(failed, "FAILED")
        today = time.strftime("%Y-%m-%d", time.gmtime())
        trigger = TailerLastStatusTrigger(
            conn_id=tailer.conn_id,
            deadline=time.time() + 20,
            poke_interval=0.05,
            account="000099",
            environment="DEV",
            configuration_type="storage-to-storage",
            configuration_id=STORES,
            status="SUCCESS",
            started_on=today,
        )

        async def main() -> ConditionEvent:
            async def met() -> ConditionEvent:
                [payload] = [event.payload async for event in trigger.run()]
                return ConditionEvent.from_json(payload)

            waiting = asyncio.ensure_future(met())
            await asyncio.to_thread(tailer.sandbox.wait_for, lambda _: len(tailer.requests()) > 2)
            assert not waiting.done()
            tailer.finish(run_id)
            return await waiting

        event = run(main())
        assert event.value is not None
        assert event.value["run_id"] == run_id
        assert tailer.sandbox.journal.refusals() == []

    def test_the_end_of_a_deferred_task_sends_no_request_and_logs_that_the_run_keeps_running(
        self, tailer: TailerBench, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run_id = tailer.start()
        tailer.connect(link_template="")
        run(tailer.trigger(run_id).on_kill())
        assert tailer.requests() == []
        log = capsys.readouterr().out
        assert f"Tailer run {run_id} keeps running: https://studio.tailer.ai" in log

    @pytest.mark.parametrize("changes", [{"account": "99"}, {"environment": "dev"}, {"success_statuses": []}])
    def test_a_trigger_with_an_invalid_argument_ends_its_own_wait_only(
        self, tailer: TailerBench, changes: dict[str, Any]
    ) -> None:
        event = run(tailer.event_of(tailer.trigger("r-1", **changes)))
        assert event.ending is Ending.UNREACHABLE
        assert next(iter(changes)) in event.message
        assert tailer.requests() == []
