"""How a sensor waits: in each mode, and how it ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_dataops.errors import AuthenticationError, OutageError, RunError
from airflow_provider_dataops.sensors.tamr import TamrResourceIdleSensor
from tests.airflow_names import AirflowRescheduleException
from tests.unit.operators.stage import Attempt
from tests.unit.sensors.jobs import CONTEXT, TIMEOUT, fail_with, job_sensor, locking_rejection

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant


class TestModes:
    """How Airflow's own sensor loop uses the results of ``poke``."""

    def reschedule(self, began: datetime) -> Any:
        context = Attempt().context()
        context["ti"].get_first_reschedule_date = lambda _: began
        return context

    def test_poke_requests_the_state_until_the_job_has_ended(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, links: list[str]
    ) -> None:
        slept: list[float] = []

        def sleep(duration: float) -> None:
            slept.append(duration)
            if len(slept) == 2:
                tenant.end()

        monkeypatch.setattr("airflow.sdk.bases.sensor.time.sleep", sleep)
        assert job_sensor(poke_interval=7).execute(CONTEXT)["state"] == "succeeded"
        assert slept == [7, 7]
        # The sensor stores the link at its start. Airflow would store it only at the end.
        assert links == ["https://my-tenant.tamr.cloud/"]

    def test_reschedule_frees_the_worker_slot(self, tenant: Tenant) -> None:
        sensor = job_sensor(mode="reschedule", poke_interval=60)
        began = datetime.now(tz=UTC)
        with pytest.raises(AirflowRescheduleException) as caught:
            sensor.execute(self.reschedule(began))
        assert 50 <= (caught.value.reschedule_date - began).total_seconds() <= 70
        tenant.end()
        assert sensor.execute(self.reschedule(began))["state"] == "succeeded"

    @pytest.mark.parametrize("soft_fail", [False, True])
    def test_reschedule_ends_at_the_timeout(self, tenant: Tenant, soft_fail: bool) -> None:
        sensor = job_sensor(mode="reschedule", timeout=60, soft_fail=soft_fail)
        long_ago = datetime.now(tz=UTC) - timedelta(hours=1)
        with pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout):
            sensor.execute(self.reschedule(long_ago))

    def test_the_trigger_gets_the_shorter_timeout(self, tenant: Tenant) -> None:
        sensor = job_sensor(
            deferrable=True, timeout=3600, execution_timeout=timedelta(seconds=300), poke_interval=45
        )
        with pytest.raises(TaskDeferred) as caught:
            sensor.execute(CONTEXT)
        assert caught.value.trigger.deadline == pytest.approx(time.time() + 300, abs=5)
        assert caught.value.timeout == pytest.approx(timedelta(seconds=300 + 90), abs=timedelta(seconds=5))


UNREACHABLE = {
    "ending": "unreachable",
    "run_id": "j-1",
    "snapshot": None,
    "message": "503",
    "permanent": False,
}


class TestEndings:
    def test_a_timeout_raises_airflows_error_with_the_last_state(self, tenant: Tenant) -> None:
        words = r"j-1 had not ended in the time allowed \(timeout=60 s\): late .*; the state is now RUNNING"
        with pytest.raises(AirflowSensorTimeout, match=words):
            job_sensor(timeout=60).execute_complete(CONTEXT, TIMEOUT)

    def test_a_timeout_of_a_condition_raises_airflows_error(self, tenant: Tenant) -> None:
        event = {"ending": "timeout", "value": None, "message": "late", "permanent": False}
        words = r"Tamr: the condition was not met in the time allowed \(execution_timeout=9 s\): late"
        task: dict[str, Any] = {"source_id": "s", "timeout": 60, "execution_timeout": timedelta(seconds=9)}
        with pytest.raises(AirflowSensorTimeout, match=words):
            TamrResourceIdleSensor(task_id="t", **task).execute_complete(CONTEXT, event)

    def test_a_run_that_ended_before_its_timeout_event_succeeds(self, tenant: Tenant) -> None:
        tenant.end()
        assert job_sensor().execute_complete(CONTEXT, TIMEOUT)["state"] == "succeeded"

    def test_an_unreachable_platform_raises_an_outage_error(self, tenant: Tenant) -> None:
        with pytest.raises(OutageError):
            job_sensor().execute_complete(CONTEXT, UNREACHABLE)

    @pytest.mark.parametrize("event", [None, {"ending": "met"}, {"ending": "finished", "value": 1}])
    def test_an_unreadable_event_fails_the_sensor(self, tenant: Tenant, event: Any) -> None:
        with pytest.raises(RunError, match="cannot read"):
            job_sensor().execute_complete(CONTEXT, event)

    @pytest.mark.parametrize("option", ["soft_fail", "never_fail"])
    def test_a_failed_sensor_is_skipped_if_the_user_asks_for_it(self, tenant: Tenant, option: str) -> None:
        tenant.end(reason="X")
        with pytest.raises(AirflowSkipException):
            job_sensor(**{option: True}).execute(CONTEXT)
        with pytest.raises(AirflowSkipException):
            job_sensor(**{option: True, "job_id": "typo"}).execute_complete(CONTEXT, TIMEOUT)

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_soft_fail_does_not_hide_an_outage(self, tenant: Tenant, deferrable: bool) -> None:
        sensor = job_sensor(soft_fail=True, deferrable=deferrable)
        with pytest.raises(OutageError):
            sensor.execute_complete(CONTEXT, UNREACHABLE)
        with pytest.raises(AirflowSkipException):
            job_sensor(never_fail=True).execute_complete(CONTEXT, UNREACHABLE)

    def test_a_trigger_timeout_is_a_sensor_timeout(self, tenant: Tenant) -> None:
        failure = {"error": "Trigger timeout"}
        with pytest.raises(AirflowSensorTimeout):
            job_sensor().resume_execution("__fail__", failure, CONTEXT)
        with pytest.raises(AirflowSkipException):
            job_sensor(soft_fail=True).resume_execution("__fail__", failure, CONTEXT)

    @pytest.mark.parametrize("value", [[], 0, "", {}])
    def test_an_unreachable_event_with_a_value_fails_the_sensor(self, tenant: Tenant, value: Any) -> None:
        sensor = TamrResourceIdleSensor(task_id="t", source_id="s")
        with pytest.raises(RunError, match="cannot read"):
            sensor.execute_complete(
                CONTEXT, {"ending": "unreachable", "value": value, "message": "", "permanent": False}
            )

    def test_soft_fail_does_not_hide_rejected_credentials(self, tenant: Tenant, naps: list[float]) -> None:
        rejection = locking_rejection()
        rejection.permanent = False
        tenant.on_request = fail_with(rejection)
        with pytest.raises(AuthenticationError):
            job_sensor(soft_fail=True).execute(CONTEXT)
        with pytest.raises(AirflowSkipException):
            job_sensor(never_fail=True).execute(CONTEXT)
