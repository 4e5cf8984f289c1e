"""Tailer over real sockets: each call, each kind of credential, and several runs in one answer."""

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
    """Return how often each action was asked for."""
    entries = tailer.asked()
    return Counter(json.loads(e.body)["action"] for e in entries if e.body.startswith(b'{"action"'))


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

    def test_an_id_is_completed_by_its_environment_on_request(self, tailer: TailerBench) -> None:
        tailer.hook().launch_job(EXPORT.removesuffix("_DEV"), "table-to-storage", append_environment=True)
        assert tailer.sandbox.runs()[0].resource == EXPORT

    def test_a_run_is_checked_from_the_gap_to_its_end(self, tailer: TailerBench) -> None:
        tailer.store.script(hold=True, start_gap=60.0)
        hook = tailer.hook()
        run_id = hook.launch_job(IOWA)
        assert hook.check_run_status(IOWA, run_id) is None
        tailer.finish(run_id)
        ended = hook.check_run_status(IOWA, run_id, "gbq-to-gbq")
        assert (ended.status, ended.state) == ("SUCCESS", RunState.SUCCEEDED)
        assert (ended.account, ended.job_id) == ("000099", f"gbq-to-gbq|{IOWA}")
        assert tailer.sandbox.journal.refusals() == []

    def test_the_last_runs_come_newest_first_and_filtered(self, tailer: TailerBench) -> None:
        good, bad, on = (tailer.store.start(STORES) for _ in range(3))
        tailer.finish(good)
        tailer.store.finish(bad, "FAILED")
        hook, kind = tailer.hook(), "storage-to-storage"
        listed = hook.get_last_status(STORES, kind)
        assert {r.run_id for r in listed} == {good, bad, on}
        assert [r.start_execution_date for r in listed] == sorted(
            (r.start_execution_date for r in listed), reverse=True
        )
        assert [r.run_id for r in hook.get_last_status(STORES, kind, status="failed")] == [bad]
        assert len(hook.get_last_status(STORES, kind, limit=2)) == 2
        assert hook.get_last_status(STORES, kind, started_on="2020-12-09") == []
        (found,) = hook.get_last_status(STORES, kind, status="SUCCESS")
        assert found.last_update_date is None
        assert "{{FD_DATE}}" in found.job_id
        # The id that the list tells is good for asking about the run alone.
        assert hook.check_run_status(STORES, good, kind, job_id=found.job_id).run_id == good
        assert tailer.sandbox.journal.refusals() == []

    def test_runs_of_a_whole_account_are_found_by_status(self, tailer: TailerBench) -> None:
        ended, one, other = tailer.start(), tailer.start(), tailer.start(TRAFFIC)
        tailer.finish(ended)
        found = tailer.hook().get_by_status("table-to-table", "RUNNING")
        assert {r.run_id: r.configuration_id for r in found} == {one: IOWA, other: TRAFFIC}
        assert tailer.sandbox.journal.refusals() == []

    def test_a_failed_run_is_labelled_as_checked(self, tailer: TailerBench) -> None:
        run_id, hook = tailer.start(), tailer.hook()
        tailer.store.finish(run_id, "FAILED")
        hook.set_run_status(IOWA, run_id, "CHECKED")
        assert hook.check_run_status(IOWA, run_id).status == "CHECKED"
        assert tailer.sandbox.journal.refusals() == []

    def test_a_workflow_is_reset(self, tailer: TailerBench) -> None:
        tailer.hook().reset_workflow(WORKFLOW)
        told = configuration(tailer, WORKFLOW)
        assert (told["triggered_jobs"], told["resets"]) == ([], 1)
        assert tailer.sandbox.journal.refusals() == []

    @pytest.mark.parametrize("blank", [False, True])
    def test_a_configuration_is_disabled_enabled_and_archived(self, tailer: TailerBench, blank: bool) -> None:
        tailer.store.configure(blank_ok=blank)
        hook, seen = tailer.hook(), []
        for act in (hook.disable_configuration, hook.enable_configuration, hook.archive_configuration):
            act(TRAFFIC)
            told = configuration(tailer, TRAFFIC)
            seen.append((told["activated"], told["archived"]))
        assert seen == [(False, False), (True, False), (False, True)]
        assert tailer.sandbox.journal.refusals() == []

    def test_a_refusal_with_a_good_status_is_one(self, tailer: TailerBench) -> None:
        with pytest.raises(ApiError, match=r"reset workflow no-such failed: refused with HTTP 200: ko"):
            tailer.hook().reset_workflow("no-such")

    def test_the_connection_is_proved(self, tailer: TailerBench) -> None:
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
        assert run(tailer.ended(tailer.trigger(run_id))).ending is Ending.FINISHED
        assert tailer.sandbox.journal.refusals() == []

    @pytest.mark.parametrize("kind", [kind for kind in CREDENTIALS if kind != "given"])
    def test_a_token_that_expired_is_renewed_once(self, tailer: TailerBench, kind: str) -> None:
        tailer.use(**CREDENTIALS[kind])
        hook, run_id = tailer.hook(), tailer.start()
        tailer.look(hook, run_id)
        tailer.fault("expired_token", operation="run_status", times=1)
        assert tailer.look(hook, run_id).state is RunState.RUNNING
        assert [e.status for e in tailer.asked("run_status")] == [200, 401, 200]

    def test_a_given_token_that_expired_says_that_it_is_never_renewed(self, tailer: TailerBench) -> None:
        tailer.use("bearer")
        hook, run_id = tailer.hook(), tailer.start()
        tailer.look(hook, run_id)
        tailer.expire()
        with pytest.raises(AuthenticationError, match=r"'api_token' is not accepted.* cannot renew it"):
            tailer.look(hook, run_id)
        assert len(tailer.asked("run_status")) == 2

    @pytest.mark.parametrize("kind", ["password", "refresh token"])
    def test_many_who_wait_sign_in_once(self, tailer: TailerBench, kind: str) -> None:
        tailer.use(**CREDENTIALS[kind])
        names = [f"000099_c{n}_DEV" for n in range(8)]
        started = [(tailer.start(name), name) for name in names]
        for run_id, _ in started:
            tailer.finish(run_id)

        async def main() -> list[Any]:
            return await asyncio.gather(*(tailer.ended(tailer.trigger(*one)) for one in started))

        assert {event.ending for event in run(main())} == {Ending.FINISHED}
        assert len(tailer.asked("sign_in")) + len(tailer.asked("refresh_token")) == 1

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
    def test_a_wrong_credential_is_named_and_not_shown(
        self, tailer: TailerBench, kind: str, changes: dict[str, str], words: str
    ) -> None:
        tailer.use(**CREDENTIALS[kind])
        tailer.add_to_connection(**changes)
        with pytest.raises((AuthenticationError, PermissionDeniedError), match=words) as caught:
            tailer.look(tailer.hook(), tailer.start())
        assert "planted-secret" not in str(caught.value)
        assert tailer.asked("run_status") == []

    def test_a_service_account_that_tailer_does_not_know_is_blamed(
        self, tailer: TailerBench, tmp_path: Path
    ) -> None:
        key = json.loads(tailer.store.connection("service_account")["extra"]["service_account_secret_json"])
        (tmp_path / "key.json").write_text(json.dumps(key | {"client_email": "nobody@example.com"}))
        tailer.connect(service_account_secret_json=str(tmp_path / "key.json"))
        with pytest.raises(AuthenticationError, match="'service_account_secret_json'; may it use Tailer"):
            tailer.look(tailer.hook(), tailer.start())

    def test_a_key_file_that_is_missing_in_the_triggerer_is_told_to_the_task(
        self, tailer: TailerBench, tmp_path: Path
    ) -> None:
        tailer.connect(service_account_secret_json=str(tmp_path / "key.json"))
        event = run(tailer.ended(tailer.trigger(tailer.start())))
        assert event.ending is Ending.UNREACHABLE
        assert "key.json' of extra field 'service_account_secret_json' cannot be read: No such file" in (
            event.message
        )


class TestWaiting:
    def test_several_runs_of_a_configuration_are_told_of_by_one_list(self, tailer: TailerBench) -> None:
        run_ids = [tailer.start() for _ in range(10)]

        async def main() -> list[Any]:
            waiting = [asyncio.ensure_future(tailer.ended(tailer.trigger(run_id))) for run_id in run_ids]
            await asyncio.to_thread(
                tailer.sandbox.wait_for, lambda _: actions(tailer)["get_last_status"] >= 2
            )
            for run_id in run_ids:
                tailer.finish(run_id)
            return await asyncio.gather(*waiting)

        events = run(main())
        assert [event.snapshot.state for event in events] == [RunState.SUCCEEDED] * 10
        assert actions(tailer)["check_run_status"] == 0

    @pytest.mark.parametrize("job_id", [None, "as listed"])
    def test_a_run_of_another_type_is_waited_for_with_and_without_its_job_id(
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
        assert run(tailer.ended(trigger)).ending is Ending.FINISHED
        assert actions(tailer)["check_run_status"] == bool(job_id)

    def test_statuses_mean_what_the_waiter_says(self, tailer: TailerBench) -> None:
        run_id = tailer.start()
        tailer.store.finish(run_id, "NO_MATCH")

        async def main() -> list[Any]:
            triggers = (tailer.trigger(run_id), tailer.trigger(run_id, success_statuses=["NO_MATCH"]))
            return await asyncio.gather(*(tailer.ended(trigger) for trigger in triggers))

        strict, lenient = run(main())
        assert (strict.snapshot.state, lenient.snapshot.state) == (RunState.FAILED, RunState.SUCCEEDED)

    def test_a_success_of_that_day_ends_the_wait_for_one(self, tailer: TailerBench) -> None:
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
            await asyncio.to_thread(tailer.sandbox.wait_for, lambda _: len(tailer.asked()) > 2)
            assert not waiting.done()
            tailer.finish(run_id)
            return await waiting

        event = run(main())
        assert event.value is not None
        assert event.value["run_id"] == run_id
        assert tailer.sandbox.journal.refusals() == []

    def test_the_end_of_a_task_changes_nothing_at_the_platform(
        self, tailer: TailerBench, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run_id = tailer.start()
        tailer.connect(link_template="")
        run(tailer.trigger(run_id).on_kill())
        assert tailer.asked() == []
        told = capsys.readouterr().out
        assert f"Tailer run {run_id} was running, and it keeps running: https://studio.tailer.ai" in told

    @pytest.mark.parametrize("changes", [{"account": "99"}, {"environment": "dev"}, {"success_statuses": []}])
    def test_what_a_stored_row_cannot_mean_ends_one_wait_alone(
        self, tailer: TailerBench, changes: dict[str, Any]
    ) -> None:
        event = run(tailer.ended(tailer.trigger("r-1", **changes)))
        assert event.ending is Ending.UNREACHABLE
        assert next(iter(changes)) in event.message
        assert tailer.asked() == []
