"""The sensors wait for a given run, or for any run of a configuration with a given status."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import PokeReturnValue

from airflow_provider_dataops.errors import NotFoundError, RunFailedError, RunLostError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.sensors.tailer import TailerLastStatusSensor, TailerRunSensor
from airflow_provider_dataops.triggers.tailer import TailerLastStatusTrigger, TailerRunTrigger
from tests.unit.operators.stage import Attempt, Hook
from tests.unit.operators.tailer_account import Account
from tests.unit.platforms.apis import tailer

CONTEXT = Attempt().context()
STORES = {
    "account": "000099",
    "environment": "DEV",
    "configuration_type": "storage-to-storage",
    "configuration_id": "stores",
}
JOB_ID = "storage-to-storage|000099|stores|DEV|stores-{{FD_DATE}}.csv"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """Let the sensors send their requests to an account with one running run."""
    fake = Account()
    fake.add("r-1", **STORES)
    for sensor in (TailerRunSensor, TailerLastStatusSensor):
        monkeypatch.setattr(sensor, "make_hook", lambda _: Hook(fake, lambda _: None, tailer()))
    return fake


def run_sensor(**arguments: Any) -> TailerRunSensor:
    given = {
        "task_id": "t",
        "run_id": "r-1",
        "configuration_id": "stores",
        "configuration_type": "storage-to-storage",
        "job_id": JOB_ID,
        **arguments,
    }
    return TailerRunSensor(**given)


def status_sensor(**arguments: Any) -> TailerLastStatusSensor:
    given = {
        "task_id": "t",
        "configuration_id": "stores",
        "configuration_type": "storage-to-storage",
        **arguments,
    }
    return TailerLastStatusSensor(**given)


def value_of(result: Any) -> dict[str, Any]:
    assert isinstance(result, PokeReturnValue)
    assert isinstance(result.xcom_value, dict)
    return result.xcom_value


class TestRun:
    @pytest.mark.parametrize("job_id", [JOB_ID, None])
    def test_the_sensor_waits_for_the_end(self, account: Account, job_id: str | None) -> None:
        assert run_sensor(job_id=job_id).poke(CONTEXT) is False
        account.end()
        result = value_of(run_sensor(job_id=job_id).poke(CONTEXT))
        assert (result["run_id"], result["state"], result["url"]) == (
            "r-1",
            "succeeded",
            "https://studio.tailer.ai",
        )

    def test_a_run_without_success_fails_the_sensor(self, account: Account) -> None:
        account.end("NO_MATCH")
        with pytest.raises(RunFailedError, match="matches no template"):
            run_sensor().poke(CONTEXT)
        assert value_of(run_sensor(success_statuses=["NO_MATCH"]).poke(CONTEXT))["status"] == "NO_MATCH"
        account.end("WARNING")
        with pytest.raises(RunFailedError, match="ended WARNING"):
            run_sensor(failure_statuses=["WARNING"]).poke(CONTEXT)

    @pytest.mark.parametrize("how", ["empty", "404"])
    def test_a_run_that_is_never_listed_is_lost(
        self, account: Account, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "ABSENT_SECONDS", 0.0)
        account.hidden = True
        if how == "404":
            account.submit_errors = [NotFoundError("404", status=404) for _ in range(progress.ABSENT_POLLS)]
        sensor = run_sensor()
        for _ in range(progress.ABSENT_POLLS - 1):
            assert sensor.poke(CONTEXT) is False
        with pytest.raises(RunLostError, match="r-1"):
            sensor.poke(CONTEXT)

    def test_the_trigger_gets_the_arguments(self, account: Account) -> None:
        with pytest.raises(TaskDeferred) as caught:
            run_sensor(deferrable=True, success_statuses=("SUCCESS", "CHECKED")).execute(CONTEXT)
        trigger = caught.value.trigger
        assert isinstance(trigger, TailerRunTrigger)
        assert trigger.serialize()[1].items() >= ({"run_id": "r-1", "job_id": JOB_ID} | STORES).items()
        assert trigger.success_statuses == ["CHECKED", "SUCCESS"]

    def test_all_modes_return_the_same_result(self, account: Account) -> None:
        account.end()
        polled = run_sensor().execute(CONTEXT)
        hook = Hook(account, lambda _: None, tailer())
        snapshot = hook.run(run_sensor().watch(hook.api).look(hook.api)).as_json()
        event = {
            "ending": "finished",
            "run_id": "r-1",
            "snapshot": snapshot,
            "message": "",
            "permanent": False,
        }
        assert run_sensor(deferrable=True).execute(CONTEXT) == polled
        assert run_sensor().execute_complete(CONTEXT, event) == polled

    def test_the_job_id_is_not_rendered(self, account: Account) -> None:
        sensor = run_sensor(run_id="{{ found }}")
        context: Any = {"found": "r-1"}
        sensor.render_template_fields(context)
        sensor.poke(CONTEXT)
        assert (account.requests[0]["run_id"], account.requests[0]["job_id"]) == ("r-1", JOB_ID)


class TestLastStatus:
    def test_the_sensor_ignores_other_statuses(self, account: Account) -> None:
        assert status_sensor().poke(CONTEXT) is False
        account.end("FAILED")
        assert status_sensor().poke(CONTEXT) is False
        account.end()
        assert value_of(status_sensor().poke(CONTEXT))["run_id"] == "r-1"

    def test_a_404_means_that_no_run_has_the_status_yet(self, account: Account) -> None:
        account.submit_errors = [NotFoundError("404", status=404)]
        sensor = status_sensor()
        assert sensor.poke(CONTEXT) is False
        account.end()
        assert value_of(sensor.poke(CONTEXT))["run_id"] == "r-1"

    @pytest.mark.parametrize(
        ("status", "state"), [("failed", "failed"), ("RUNNING", "running"), ("WARNING", "unknown")]
    )
    def test_the_sensor_can_wait_for_any_status(self, account: Account, status: str, state: str) -> None:
        account.end(status.upper())
        result = value_of(status_sensor(status=status).poke(CONTEXT))
        assert (result["status"], result["state"]) == (status.upper(), state)

    @pytest.mark.parametrize("started_on", [date(2020, 12, 9), "2020-12-09", "{{ ds }}"])
    def test_the_filters_are_sent(self, account: Account, started_on: Any) -> None:
        sensor = status_sensor(started_on=started_on)
        context: Any = {"ds": "2020-12-09"}
        sensor.render_template_fields(context)
        sensor.poke(CONTEXT)
        assert account.requests == [
            {
                "action": "get_last_status",
                **STORES,
                "execution_date": "2020-12-09",
                "status": "SUCCESS",
                "limit": 100,
            }
        ]

    def test_the_sensor_ignores_a_run_that_does_not_match_the_filter(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            Account, "_of", lambda self, payload: [{**self.runs[0], "status": payload["status"]}]
        )
        account.runs[0] |= {"account": "000001"}
        assert status_sensor().poke(CONTEXT) is False

    def test_the_trigger_gets_the_arguments(self, account: Account) -> None:
        with pytest.raises(TaskDeferred) as caught:
            status_sensor(deferrable=True, started_on="2020-12-09", status="success").execute(CONTEXT)
        trigger = caught.value.trigger
        assert isinstance(trigger, TailerLastStatusTrigger)
        wanted = {"status": "SUCCESS", "started_on": "2020-12-09", **STORES}
        assert trigger.serialize()[1].items() >= wanted.items()
        account.end()
        hook = Hook(account, lambda _: None, tailer())
        value = hook.run(trigger.question(hook.api))
        event = {"ending": "finished", "value": value, "message": "", "permanent": False}
        assert status_sensor().execute_complete(CONTEXT, event) == value_of(status_sensor().poke(CONTEXT))


@pytest.mark.parametrize(
    ("sensor", "named"),
    [
        (run_sensor(run_id=""), "run_id"),
        (run_sensor(job_id=" "), "job_id"),
        (run_sensor(configuration_id=""), "configuration_id"),
        (run_sensor(configuration_type=""), "configuration_type"),
        (run_sensor(account=99), "account"),
        (run_sensor(environment="dev"), "environment"),
        (run_sensor(success_statuses=[]), "success_statuses"),
        (run_sensor(poke_interval=0), "poke_interval"),
        (status_sensor(status=""), "status"),
        (status_sensor(started_on="2020/12/09"), "started_on"),
        (status_sensor(tailer_conn_id=""), "tailer_conn_id"),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(sensor: Any, named: str, account: Account) -> None:
    with pytest.raises(PermanentError, match=named):
        sensor.execute(CONTEXT)
    assert account.requests == []
