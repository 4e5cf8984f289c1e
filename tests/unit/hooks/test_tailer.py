"""The requests of the Tailer hook: each action, byte for byte."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import ApiError, ConnectionSettingsError, InvalidArgumentError
from tests.unit.fakes import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.hooks.tailer import TailerHook
    from tests.unit.hooks.worker import Worker

HOST = "https://tailer-api-nqonovswsq-ew.a.run.app"
IOWA = "000099_iowa_liquor_prepare_pda_DEV"
SCOPE = '"account":"000099","environment":"DEV"'
TABLES = f'"configuration_type":"table-to-table","configuration_id":"{IOWA}"'
TRAFFIC = '"configuration_type":"table-to-table","configuration_id":"000099_Load_PDA_f_traffic_ma_DEV"'
STORAGE_ID = "000099-jarvis-demo-iowa-liquor-storage-to-storage"
STORAGE = f'"configuration_type":"storage-to-storage","configuration_id":"{STORAGE_ID}"'
RUN_ID = "20201230-112837-0a795c70-2557-4a60-ba16-788aa2bea179"
LAUNCHED, OK, NONE = reply(body={"run_id": "r-1"}), reply(body={"message": "ok"}), reply(body={"results": []})

CALLS: dict[str, tuple[Callable[[TailerHook], Any], Any, str, str]] = {
    "launch": (
        lambda hook: hook.launch_job(IOWA),
        LAUNCHED,
        "/v1/dag/launch",
        f'{{"action":"launch_job",{SCOPE},{TABLES}}}',
    ),
    "launch for a day": (
        lambda hook: hook.launch_job(
            "000001_é",
            "gbq-to-gbq",
            account="000001",
            environment="PROD",
            logical_date=date(2020, 12, 9),
            job_id="x|{{FD_DATE}}",
            append_environment=True,
        ),
        LAUNCHED,
        "/v1/dag/launch",
        (
            '{"action":"launch_job","account":"000001","environment":"PROD",'
            '"configuration_type":"table-to-table","configuration_id":"000001_é_PROD",'
            '"job_id":"x|{{FD_DATE}}","execution_date":"2020-12-09"}'
        ),
    ),
    "check": (
        lambda hook: hook.check_run_status(IOWA, RUN_ID),
        NONE,
        "/v1/dag/status",
        f'{{"action":"check_run_status",{SCOPE},{TABLES},"job_id":"gbq-to-gbq|{IOWA}","run_id":"{RUN_ID}"}}',
    ),
    "check another type": (
        lambda hook: hook.check_run_status(STORAGE_ID, "r", "storage-to-storage", job_id="s|{{FD_TIME}}.csv"),
        NONE,
        "/v1/dag/status",
        f'{{"action":"check_run_status",{SCOPE},{STORAGE},"job_id":"s|{{{{FD_TIME}}}}.csv","run_id":"r"}}',
    ),
    "last status": (
        lambda hook: hook.get_last_status(IOWA),
        NONE,
        "/v1/dag/status",
        f'{{"action":"get_last_status",{SCOPE},{TABLES},"limit":100}}',
    ),
    "last status with filters": (
        lambda hook: hook.get_last_status(
            STORAGE_ID,
            "storage-to-storage",
            started_on="2020-12-09",
            status="success",
            limit=2,
            job_id="j",
        ),
        NONE,
        "/v1/dag/status",
        (
            f'{{"action":"get_last_status",{SCOPE},{STORAGE},"job_id":"j","execution_date":"2020-12-09",'
            '"status":"SUCCESS","limit":2}'
        ),
    ),
    "by status": (
        lambda hook: hook.get_by_status(
            "storage-to-storage", "running", started_on="2024-09-23", limit=15, environment="PROD"
        ),
        NONE,
        "/v1/dag/status",
        (
            '{"action":"get_by_status","account":"000099","environment":"PROD",'
            '"configuration_type":"storage-to-storage","execution_date":"2024-09-23","status":"RUNNING","limit":15}'
        ),
    ),
    "set run status": (
        lambda hook: hook.set_run_status(IOWA, RUN_ID, "checked"),
        OK,
        "/v1/dag/status",
        f'{{"action":"set_run_status",{SCOPE},{TABLES},"run_id":"{RUN_ID}","status":"CHECKED"}}',
    ),
    "reset": (
        lambda hook: hook.reset_workflow("000099-iowa-liquor-load-pda"),
        reply(body={"code": 200, "data": {}, "message": "ok"}),
        "/v1/workflow/status",
        (
            f'{{"action":"reset_workflow_status",{SCOPE},'
            '"configuration_type":"workflow","configuration_id":"000099-iowa-liquor-load-pda"}'
        ),
    ),
    "disable": (
        lambda hook: hook.disable_configuration("000099_Load_PDA_f_traffic_ma_DEV"),
        reply(),
        "/v1/configuration/status",
        f'{{"action":"set_configuration_status",{SCOPE},{TRAFFIC},"activated":false,"archived":false}}',
    ),
    "enable": (
        lambda hook: hook.enable_configuration("000099_Load_PDA_f_traffic_ma_DEV"),
        reply(),
        "/v1/configuration/status",
        f'{{"action":"set_configuration_status",{SCOPE},{TRAFFIC},"activated":true,"archived":false}}',
    ),
    "archive": (
        lambda hook: hook.archive_configuration("000099_Load_PDA_f_traffic_ma_DEV"),
        reply(),
        "/v1/configuration/status",
        f'{{"action":"set_configuration_status",{SCOPE},{TRAFFIC},"activated":false,"archived":true}}',
    ),
    "set configuration status": (
        lambda hook: hook.set_configuration_status(STORAGE_ID, "disabled", "storage-to-storage"),
        OK,
        "/v1/configuration/status",
        f'{{"action":"set_configuration_status",{SCOPE},{STORAGE},"activated":false,"archived":false}}',
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_action_sends_exactly_its_request(worker: Worker, name: str) -> None:
    call, answer, path, body = CALLS[name]
    worker.wire.expect(answer)
    call(worker.tailer())
    (sent,) = worker.wire.sent
    assert (sent.method, sent.url) == ("POST", HOST + path)
    assert sent.body.decode() == body
    assert sent.headers == {
        "User-Agent": "airflow-provider-dataops",
        "Authorization": "Bearer t0ken-of-tailer",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Content-Length": str(len(body.encode())),
    }


def test_a_launch_returns_the_runs_id(worker: Worker) -> None:
    worker.wire.expect(LAUNCHED)
    assert worker.tailer().launch_job(IOWA) == "r-1"


def test_an_unlisted_run_is_none(worker: Worker) -> None:
    item = {"run_id": "r-1", "status": "WAITING"}
    worker.wire.expect(reply(body={"results": [item]}), NONE)
    found = worker.tailer().check_run_status(IOWA, "r-1")
    assert found is not None
    assert (found.status, found.configuration_id) == ("WAITING", None)
    assert worker.tailer().check_run_status(IOWA, "r-1") is None


@pytest.mark.parametrize("name", ["check", "last status", "by status", "set run status", "enable"])
def test_idempotent_requests_are_repeated_after_a_short_outage(worker: Worker, name: str) -> None:
    call, answer, _, _ = CALLS[name]
    worker.wire.expect(reply(503), answer)
    call(worker.tailer())
    assert len(worker.wire.sent) == 2


@pytest.mark.parametrize("name", ["launch", "reset"])
def test_other_requests_are_sent_once(worker: Worker, name: str) -> None:
    worker.wire.expect(reply(503))
    with pytest.raises(ApiError, match="HTTP 503"):
        CALLS[name][0](worker.tailer())


def test_a_ko_response_is_raised_with_its_message_and_not_repeated(worker: Worker) -> None:
    worker.wire.expect(reply(body={"code": 200, "message": "ko: no such workflow"}))
    with pytest.raises(ApiError, match=r"Tailer: reset workflow w failed: .*ko: no such workflow"):
        worker.tailer().reset_workflow("w")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda hook: hook.launch_job(""), "configuration_id"),
        (lambda hook: hook.launch_job(IOWA, "workflow"), "configuration_type"),
        (lambda hook: hook.launch_job(IOWA, account=99), "account"),
        (lambda hook: hook.launch_job(IOWA, environment="dev"), "environment"),
        (lambda hook: hook.launch_job(IOWA, logical_date="9/12/2020"), "logical_date"),
        (lambda hook: hook.launch_job(IOWA, job_id=""), "job_id"),
        (lambda hook: hook.check_run_status(IOWA, ""), "run_id"),
        (lambda hook: hook.check_run_status("x", "r", "storage-to-storage"), "job_id must be given"),
        (lambda hook: hook.get_last_status(IOWA, status=""), "status"),
        (lambda hook: hook.get_last_status(IOWA, started_on="today"), "started_on"),
        (lambda hook: hook.get_last_status(IOWA, limit=0), "limit"),
        (lambda hook: hook.get_by_status(""), "configuration_type"),
        (lambda hook: hook.get_by_status("workflow", status=" "), "status"),
        (lambda hook: hook.get_by_status("workflow", account="99"), "account"),
        (lambda hook: hook.set_run_status(IOWA, "r", "STOPPED"), "status"),
        (lambda hook: hook.set_run_status(IOWA, "", "CHECKED"), "run_id"),
        (lambda hook: hook.reset_workflow(" "), "configuration_id"),
        (lambda hook: hook.set_configuration_status(IOWA, "off"), "status"),
        (lambda hook: hook.archive_configuration(None), "configuration_id"),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(
    worker: Worker, call: Callable[[TailerHook], Any], named: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=named):
        call(worker.tailer())
    assert not worker.wire.sent


def test_an_incomplete_connection_fails_before_a_request_is_sent(worker: Worker) -> None:
    worker.connect("tailer_default", extra={})
    with pytest.raises(ConnectionSettingsError, match=r"'tailer_default'.*service_account_secret_json"):
        worker.tailer().launch_job(IOWA)
    assert not worker.wire.sent


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (NONE, (True, "the credentials are accepted for account 000099, DEV")),
        (
            reply(401, {"message": "planted"}),
            (False, "Tailer: get runs of 000099 by status: HTTP 401: the credentials are not accepted"),
        ),
    ],
)
def test_the_test_button_shows_the_result(
    worker: Worker, answer: Any, result: tuple[bool, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.wire.expect(answer)
    assert worker.tailer().test_connection() == result
    assert json.loads(worker.wire.sent[0].body)["action"] == "get_by_status"
