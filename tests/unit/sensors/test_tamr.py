"""The sensors of Tamr Cloud, in all their modes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import PokeReturnValue

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    PermissionDeniedError,
    RunFailedError,
    RunLostError,
    ServerError,
    UnroutedError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.sensors.quantemplate import QuantemplateExecutionSensor
from airflow_provider_dataops.sensors.tamr import (
    TamrJobSensor,
    TamrJobSucceededSensor,
    TamrResourceIdleSensor,
)
from airflow_provider_dataops.triggers.tamr import TamrJobTrigger, TamrResourceIdleTrigger
from tests.unit.operators.stage import PAST, Hook, Tenant
from tests.unit.platforms.apis import tamr
from tests.unit.sensors.jobs import CONTEXT, fail_with, job_sensor


class TestJob:
    def test_the_sensor_waits_for_the_end(self, tenant: Tenant) -> None:
        sensor = job_sensor()
        assert sensor.poke(CONTEXT) is False
        tenant.end()
        result = sensor.poke(CONTEXT)
        assert isinstance(result, PokeReturnValue)
        assert isinstance(result.xcom_value, dict)
        assert result.xcom_value["state"] == "succeeded"

    def test_a_failed_job_fails_the_sensor(self, tenant: Tenant) -> None:
        tenant.end(reason="X", message="no")
        with pytest.raises(RunFailedError, match="X: no"):
            job_sensor().poke(CONTEXT)

    def test_an_unknown_job_is_lost(self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress, "ABSENT_SECONDS", 0.0)
        sensor = job_sensor(job_id="typo")
        for _ in range(progress.ABSENT_POLLS - 1):
            assert sensor.poke(CONTEXT) is False
        with pytest.raises(RunLostError):
            sensor.poke(CONTEXT)

    def test_a_temporary_error_does_not_end_the_wait(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sensor = job_sensor(poke_interval=45)
        tenant.on_request = fail_with(ServerError("503", status=503, platform="Tamr", operation="get job"))
        assert sensor.poke(CONTEXT) is False
        log = capsys.readouterr().out
        assert (
            "Tamr: get job failed: 503; Tamr job j-1 is not affected, the next request is due in 45 s" in log
        )
        tenant.on_request = lambda _: None
        assert sensor.poke(CONTEXT) is False
        assert "Tamr answers again, after " in capsys.readouterr().out

    @pytest.mark.parametrize("error", [AuthenticationError, PermissionDeniedError])
    def test_one_rejection_is_tolerated_as_in_the_triggerer(
        self, tenant: Tenant, error: type[ApiError]
    ) -> None:
        tenant.on_request = fail_with(error("rejected"))
        sensor = job_sensor()
        assert sensor.poke(CONTEXT) is False
        with pytest.raises(error):
            sensor.poke(CONTEXT)

    def test_a_success_between_rejections_resets_their_count(self, tenant: Tenant) -> None:
        sensor = job_sensor()
        for _ in range(3):
            tenant.on_request = fail_with(AuthenticationError("401", status=401))
            assert sensor.poke(CONTEXT) is False
            tenant.on_request = lambda step: None
            assert sensor.poke(CONTEXT) is False

    def test_the_page_of_a_proxy_is_tolerated(self, tenant: Tenant) -> None:
        tenant.on_request = fail_with(UnroutedError("404: <html>", status=404))
        sensor = job_sensor()
        assert [sensor.poke(CONTEXT) for _ in range(10)] == [False] * 10

    def test_an_outage_is_tolerated_as_long_as_in_the_triggerer(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = tamr(options=Options(outage_budget=0.0))
        monkeypatch.setattr(TamrJobSensor, "make_hook", lambda _: Hook(tenant, lambda _: None, api))
        tenant.on_request = fail_with(ServerError("503", status=503))
        with pytest.raises(ServerError):
            job_sensor().poke(CONTEXT)

    def test_a_permanent_error_fails_the_sensor(self, tenant: Tenant) -> None:
        tenant.on_request = fail_with(BadRequestError("400", status=400))
        with pytest.raises(BadRequestError):
            job_sensor().poke(CONTEXT)

    def test_a_failed_first_request_does_not_prevent_the_deferral(self, tenant: Tenant) -> None:
        tenant.on_request = fail_with(AuthenticationError("401", status=401))
        with pytest.raises(TaskDeferred):
            job_sensor(deferrable=True).execute(CONTEXT)

    def test_the_trigger_waits_for_the_job(self, tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(TaskDeferred) as caught:
            job_sensor(deferrable=True, poke_interval=20).execute(CONTEXT)
        log = "Deferred: the triggerer waits for Tamr job j-1, up to the deadline "
        assert log in capsys.readouterr().out
        trigger = caught.value.trigger
        assert isinstance(trigger, TamrJobTrigger)
        assert (trigger.run_id, trigger.poll_interval, trigger.cancel_on_kill) == ("j-1", 20.0, False)

    def test_a_job_that_has_ended_needs_no_trigger(self, tenant: Tenant) -> None:
        tenant.end()
        assert job_sensor(deferrable=True).execute(CONTEXT)["run_id"] == "j-1"

    def test_a_resumed_sensor_returns_the_same_value(self, tenant: Tenant) -> None:
        tenant.end()
        hook = Hook(tenant, lambda _: None)
        snapshot = hook.run(hook.api.get_job("j-1")).snapshot()
        event = {
            "ending": "finished",
            "run_id": "j-1",
            "snapshot": snapshot.as_json(),
            "message": "",
            "permanent": False,
        }
        assert job_sensor().execute_complete(CONTEXT, event) == job_sensor().execute(CONTEXT)


class TestConditions:
    def test_the_sensor_waits_until_the_resource_is_idle(self, tenant: Tenant) -> None:
        sensor = TamrResourceIdleSensor(task_id="t", source_id="s")
        assert sensor.poke(CONTEXT) is False
        tenant.end()
        assert sensor.poke(CONTEXT)

    def test_the_trigger_waits_until_the_resource_is_idle(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(TaskDeferred) as caught:
            TamrResourceIdleSensor(task_id="t", source_id="s", deferrable=True).execute(CONTEXT)
        log = "Deferred: the triggerer waits for the condition at Tamr, up to the deadline "
        assert log in capsys.readouterr().out
        assert isinstance(caught.value.trigger, TamrResourceIdleTrigger)
        event = {"ending": "finished", "value": {}, "message": "", "permanent": False}
        assert TamrResourceIdleSensor(task_id="t", source_id="s").execute_complete(CONTEXT, event) is None

    @pytest.mark.parametrize("since", [PAST, datetime(2026, 11, 20, 10, tzinfo=UTC)])
    def test_the_sensor_waits_for_a_job_that_succeeded(self, tenant: Tenant, since: Any) -> None:
        sensor = TamrJobSucceededSensor(task_id="t", source_id="s", since=since)
        assert sensor.poke(CONTEXT) is False
        tenant.end()
        result = sensor.poke(CONTEXT)
        assert isinstance(result, PokeReturnValue)
        assert isinstance(result.xcom_value, dict)
        assert result.xcom_value["job_id"] == "j-1"


@pytest.mark.parametrize(
    "sensor",
    [
        TamrJobSensor(task_id="t", job_id=""),
        TamrJobSensor(task_id="t", job_id="j", poke_interval=0),
        TamrResourceIdleSensor(task_id="t"),
        TamrResourceIdleSensor(task_id="t", source_id="s", data_product_id="d"),
        TamrJobSucceededSensor(task_id="t", source_id="s", since="yesterday"),
        TamrJobSucceededSensor(task_id="t", source_id="s", since="2026-11-20T10:00:00"),
        TamrJobSucceededSensor(task_id="t", since=PAST),
        QuantemplateExecutionSensor(task_id="t", pipeline_id="p"),
        QuantemplateExecutionSensor(task_id="t", pipeline_id="p", execution_id="e", after_run_number=1),
        QuantemplateExecutionSensor(task_id="t", pipeline_id="p", after_run_number="last"),
        QuantemplateExecutionSensor(task_id="t", pipeline_id="p", after_run_number=-1),
        QuantemplateExecutionSensor(task_id="t", pipeline_id=" ", execution_id="e"),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(
    sensor: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PermanentError):
        sensor.execute(CONTEXT)
    assert tenant.sent == []


def test_silent_fail_does_not_hide_an_invalid_argument(tenant: Tenant) -> None:
    """With ``silent_fail``, Airflow only logs other errors and pokes until the timeout."""
    with pytest.raises(PermanentError):
        TamrResourceIdleSensor(task_id="t", silent_fail=True, poke_interval=0.01, timeout=1).execute(CONTEXT)
