"""Questions, answers and what a sensor makes of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import (
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    OutageError,
    PermissionDeniedError,
    RunError,
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
from tests.unit.operators.stage import PAST, Attempt, Hook, Tenant
from tests.unit.platforms.apis import tamr

CONTEXT = Attempt().context()


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """Put a tenant with one running job behind every Tamr sensor."""
    there = Tenant()
    configuration = {"load": {"sourceId": "s"}}
    past = [{"state": "PENDING", "stateStartTime": PAST}]
    running = {"state": "RUNNING", "stateStartTime": PAST}
    there.jobs["j-1"] = {
        "jobId": "j-1",
        "configuration": configuration,
        "status": running,
        "statusHistory": past,
    }
    monkeypatch.setattr(TamrJobSensor, "make_hook", lambda _: Hook(there, lambda _: None))
    monkeypatch.setattr(TamrResourceIdleSensor, "make_hook", lambda _: Hook(there, lambda _: None))
    monkeypatch.setattr(TamrJobSucceededSensor, "make_hook", lambda _: Hook(there, lambda _: None))
    return there


def job_sensor(**arguments: Any) -> TamrJobSensor:
    return TamrJobSensor(**{"task_id": "t", "job_id": "j-1", **arguments})


def fail_with(error: Exception) -> Any:
    def refuse(line: str) -> None:
        raise error

    return refuse


class TestJob:
    def test_is_waited_for(self, tenant: Tenant) -> None:
        sensor = job_sensor()
        assert sensor.poke(CONTEXT) is False
        tenant.end()
        told = sensor.poke(CONTEXT)
        assert isinstance(told, PokeReturnValue)
        assert told.xcom_value["state"] == "succeeded"

    def test_that_failed_fails_the_sensor(self, tenant: Tenant) -> None:
        tenant.end(reason="X", message="no")
        with pytest.raises(RunFailedError, match="X: no"):
            job_sensor().poke(CONTEXT)

    def test_that_nobody_knows_is_given_up(self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress, "ABSENT_SECONDS", 0.0)
        sensor = job_sensor(job_id="typo")
        for _ in range(progress.ABSENT_POLLS - 1):
            assert sensor.poke(CONTEXT) is False
        with pytest.raises(RunLostError):
            sensor.poke(CONTEXT)

    def test_what_passes_is_no_answer(self, tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
        sensor = job_sensor(poke_interval=45)
        tenant.on_request = fail_with(ServerError("503", status=503, platform="Tamr", operation="look"))
        assert sensor.poke(CONTEXT) is False
        said = capsys.readouterr().out
        assert "Tamr: look failed: 503; Tamr job j-1 is not affected, the next request is due in 45 s" in said
        tenant.on_request = lambda _: None
        assert sensor.poke(CONTEXT) is False
        assert "Tamr answers again, after " in capsys.readouterr().out

    @pytest.mark.parametrize("error", [AuthenticationError, PermissionDeniedError])
    def test_a_refusal_is_borne_once_as_in_the_triggerer(self, tenant: Tenant, error: type[ApiError]) -> None:
        tenant.on_request = fail_with(error("refused"))
        sensor = job_sensor()
        assert sensor.poke(CONTEXT) is False
        with pytest.raises(error):
            sensor.poke(CONTEXT)

    def test_answers_in_between_forgive_a_refusal(self, tenant: Tenant) -> None:
        sensor = job_sensor()
        for _ in range(3):
            tenant.on_request = fail_with(AuthenticationError("401", status=401))
            assert sensor.poke(CONTEXT) is False
            tenant.on_request = lambda step: None
            assert sensor.poke(CONTEXT) is False

    def test_a_page_of_a_proxy_is_borne(self, tenant: Tenant) -> None:
        tenant.on_request = fail_with(UnroutedError("404: <html>", status=404))
        sensor = job_sensor()
        assert [sensor.poke(CONTEXT) for _ in range(10)] == [False] * 10

    def test_an_outage_is_borne_as_long_as_in_the_triggerer(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "OUTAGE_BUDGET", 0.0)
        tenant.on_request = fail_with(ServerError("503", status=503))
        with pytest.raises(ServerError):
            job_sensor().poke(CONTEXT)

    def test_what_does_not_pass_is_told(self, tenant: Tenant) -> None:
        tenant.on_request = fail_with(BadRequestError("400", status=400))
        with pytest.raises(BadRequestError):
            job_sensor().poke(CONTEXT)

    def test_a_first_look_that_fails_is_left_to_the_trigger(self, tenant: Tenant) -> None:
        tenant.on_request = fail_with(AuthenticationError("401", status=401))
        with pytest.raises(TaskDeferred):
            job_sensor(deferrable=True).execute(CONTEXT)

    def test_is_waited_for_in_the_triggerer(self, tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(TaskDeferred) as caught:
            job_sensor(deferrable=True, poke_interval=20).execute(CONTEXT)
        said = "Deferred: the triggerer waits for Tamr job j-1, up to the deadline "
        assert said in capsys.readouterr().out
        trigger = caught.value.trigger
        assert isinstance(trigger, TamrJobTrigger)
        assert (trigger.run_id, trigger.poll_interval, trigger.cancel_on_kill) == ("j-1", 20.0, False)

    def test_that_has_ended_needs_no_trigger(self, tenant: Tenant) -> None:
        tenant.end()
        assert job_sensor(deferrable=True).execute(CONTEXT)["run_id"] == "j-1"

    def test_resumes_with_the_same_value(self, tenant: Tenant) -> None:
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


def locking_refusal() -> ApiError:
    refusal = AuthenticationError("401", status=401)
    refusal.locks_out = refusal.permanent = True
    return refusal


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses that a sensor makes; they take no time."""
    taken: list[float] = []
    monkeypatch.setattr("airflow_provider_dataops.sensors.waits.time.sleep", taken.append)
    return taken


class TestRefusedCredentialsThatMayLockTheAccount:
    """They are sent once more, after a pause, in whichever mode."""

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_accepted_then_they_change_nothing(
        self, tenant: Tenant, naps: list[float], deferrable: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tenant.on_request = lambda _: fail_with(locking_refusal())("") if not naps else None
        sensor = job_sensor(deferrable=deferrable)
        if deferrable:
            with pytest.raises(TaskDeferred):
                sensor.execute(CONTEXT)
        else:
            assert sensor.poke(CONTEXT) is False
        (nap,) = naps
        assert REFUSAL_PAUSE <= nap <= REFUSAL_PAUSE + 60.0
        assert len(tenant.sent) == 2
        assert (
            "401; Tamr job j-1 is not affected, the task reads the connection again"
            in capsys.readouterr().out
        )

    @pytest.mark.parametrize("mode", ["poke", "reschedule"])
    def test_refused_again_they_fail_the_sensor(self, tenant: Tenant, naps: list[float], mode: str) -> None:
        tenant.on_request = fail_with(locking_refusal())
        with pytest.raises(AuthenticationError):
            job_sensor(mode=mode).poke(CONTEXT)
        assert (len(naps), len(tenant.sent)) == (1, 2)

    def test_they_are_not_sent_again_beyond_the_time_of_the_sensor(
        self, tenant: Tenant, naps: list[float]
    ) -> None:
        tenant.on_request = fail_with(locking_refusal())
        with pytest.raises(AuthenticationError):
            job_sensor(timeout=60).poke(CONTEXT)
        assert (len(naps), len(tenant.sent)) == (0, 1)

    def test_nor_by_the_last_look_after_the_deadline(self, tenant: Tenant, naps: list[float]) -> None:
        tenant.on_request = fail_with(locking_refusal())
        with pytest.raises(PermanentError, match="401"):
            job_sensor().execute_complete(CONTEXT, TIMEOUT)
        assert (len(naps), len(tenant.sent)) == (0, 1)

    def test_changed_ones_are_sent_at_once(
        self, tenant: Tenant, naps: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = iter(["old", "new"])
        monkeypatch.setattr(
            TamrJobSensor, "make_hook", lambda _: Hook(tenant, lambda _: None, tamr(password=next(keys)))
        )
        refusals = [locking_refusal()]
        tenant.on_request = lambda _: fail_with(refusals.pop())("") if refusals else None
        assert job_sensor().poke(CONTEXT) is False
        assert naps == []

    def test_a_missing_right_is_asked_for_once(self, tenant: Tenant, naps: list[float]) -> None:
        refusal = PermissionDeniedError("403", status=403)
        refusal.locks_out = True
        tenant.on_request = fail_with(refusal)
        with pytest.raises(PermissionDeniedError):
            job_sensor().poke(CONTEXT)
        assert len(tenant.sent) == 1


class TestModes:
    """What Airflow's own loop makes of the answers."""

    def reschedule(self, began: datetime) -> Any:
        return {"ti": SimpleNamespace(get_first_reschedule_date=lambda context: began)}

    def test_poke_asks_until_it_holds(
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
        # Airflow would store the link only at the end.
        assert links == ["https://my-tenant.tamr.cloud/"]

    def test_reschedule_gives_the_slot_back(self, tenant: Tenant) -> None:
        sensor = job_sensor(mode="reschedule", poke_interval=60)
        began = datetime.now(tz=UTC)
        with pytest.raises(AirflowRescheduleException) as caught:
            sensor.execute(self.reschedule(began))
        assert 50 <= (caught.value.reschedule_date - began).total_seconds() <= 70
        tenant.end()
        assert sensor.execute(self.reschedule(began))["state"] == "succeeded"

    @pytest.mark.parametrize("soft_fail", [False, True])
    def test_reschedule_ends_with_the_time(self, tenant: Tenant, soft_fail: bool) -> None:
        sensor = job_sensor(mode="reschedule", timeout=60, soft_fail=soft_fail)
        long_ago = datetime.now(tz=UTC) - timedelta(hours=1)
        with pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout):
            sensor.execute(self.reschedule(long_ago))

    def test_the_triggerer_is_given_the_lesser_time(self, tenant: Tenant) -> None:
        sensor = job_sensor(
            deferrable=True, timeout=3600, execution_timeout=timedelta(seconds=300), poke_interval=45
        )
        with pytest.raises(TaskDeferred) as caught:
            sensor.execute(CONTEXT)
        assert caught.value.trigger.deadline == pytest.approx(time.time() + 300, abs=5)
        assert caught.value.timeout == pytest.approx(timedelta(seconds=300 + 90), abs=timedelta(seconds=5))


TIMEOUT = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}
AWAY = {"ending": "unreachable", "run_id": "j-1", "snapshot": None, "message": "503", "permanent": False}


class TestEndings:
    def test_out_of_time_is_airflows_own_and_says_what_is_known(self, tenant: Tenant) -> None:
        words = r"j-1 had not ended in the time allowed \(timeout=60 s\): late .*; now it is RUNNING"
        with pytest.raises(AirflowSensorTimeout, match=words):
            job_sensor(timeout=60).execute_complete(CONTEXT, TIMEOUT)

    def test_so_it_is_for_a_condition(self, tenant: Tenant) -> None:
        event = {"ending": "timeout", "value": None, "message": "late", "permanent": False}
        words = r"Tamr: the condition was not met in the time allowed \(execution_timeout=9 s\): late"
        task = {"source_id": "s", "timeout": 60, "execution_timeout": timedelta(seconds=9)}
        with pytest.raises(AirflowSensorTimeout, match=words):
            TamrResourceIdleSensor(task_id="t", **task).execute_complete(CONTEXT, event)

    def test_unless_it_holds_by_now(self, tenant: Tenant) -> None:
        tenant.end()
        assert job_sensor().execute_complete(CONTEXT, TIMEOUT)["state"] == "succeeded"

    def test_unreachable(self, tenant: Tenant) -> None:
        with pytest.raises(OutageError):
            job_sensor().execute_complete(CONTEXT, AWAY)

    @pytest.mark.parametrize("event", [None, {"ending": "met"}, {"ending": "finished", "value": 1}])
    def test_an_event_of_another_kind_is_no_success(self, tenant: Tenant, event: Any) -> None:
        with pytest.raises(RunError, match="cannot read"):
            job_sensor().execute_complete(CONTEXT, event)

    @pytest.mark.parametrize("option", ["soft_fail", "never_fail"])
    def test_a_skip_where_the_user_asked_for_it(self, tenant: Tenant, option: str) -> None:
        tenant.end(reason="X")
        with pytest.raises(AirflowSkipException):
            job_sensor(**{option: True}).execute(CONTEXT)
        with pytest.raises(AirflowSkipException):
            job_sensor(**{option: True, "job_id": "typo"}).execute_complete(CONTEXT, TIMEOUT)

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_soft_fail_does_not_hide_an_outage(self, tenant: Tenant, deferrable: bool) -> None:
        sensor = job_sensor(soft_fail=True, deferrable=deferrable)
        with pytest.raises(OutageError):
            sensor.execute_complete(CONTEXT, AWAY)
        with pytest.raises(AirflowSkipException):
            job_sensor(never_fail=True).execute_complete(CONTEXT, AWAY)

    def test_a_trigger_that_airflow_timed_out_is_a_sensor_out_of_time(self, tenant: Tenant) -> None:
        told = {"error": "Trigger timeout"}
        with pytest.raises(AirflowSensorTimeout):
            job_sensor().resume_execution("__fail__", told, CONTEXT)
        with pytest.raises(AirflowSkipException):
            job_sensor(soft_fail=True).resume_execution("__fail__", told, CONTEXT)

    @pytest.mark.parametrize("value", [[], 0, "", {}])
    def test_of_a_condition_that_could_not_be_asked_are_no_success(self, tenant: Tenant, value: Any) -> None:
        sensor = TamrResourceIdleSensor(task_id="t", source_id="s")
        with pytest.raises(RunError, match="cannot read"):
            sensor.execute_complete(
                CONTEXT, {"ending": "unreachable", "value": value, "message": "", "permanent": False}
            )

    def test_soft_fail_does_not_hide_refused_credentials(self, tenant: Tenant, naps: list[float]) -> None:
        refusal = locking_refusal()
        refusal.permanent = False
        tenant.on_request = fail_with(refusal)
        with pytest.raises(AuthenticationError):
            job_sensor(soft_fail=True).execute(CONTEXT)
        with pytest.raises(AirflowSkipException):
            job_sensor(never_fail=True).execute(CONTEXT)


class TestConditions:
    def test_idle(self, tenant: Tenant) -> None:
        sensor = TamrResourceIdleSensor(task_id="t", source_id="s")
        assert sensor.poke(CONTEXT) is False
        tenant.end()
        assert sensor.poke(CONTEXT)

    def test_idle_is_waited_for_in_the_triggerer(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(TaskDeferred) as caught:
            TamrResourceIdleSensor(task_id="t", source_id="s", deferrable=True).execute(CONTEXT)
        said = "Deferred: the triggerer waits for the condition at Tamr, up to the deadline "
        assert said in capsys.readouterr().out
        assert isinstance(caught.value.trigger, TamrResourceIdleTrigger)
        event = {"ending": "finished", "value": {}, "message": "", "permanent": False}
        assert TamrResourceIdleSensor(task_id="t", source_id="s").execute_complete(CONTEXT, event) is None

    @pytest.mark.parametrize("since", [PAST, datetime(2026, 11, 20, 10, tzinfo=UTC)])
    def test_succeeded_since(self, tenant: Tenant, since: Any) -> None:
        sensor = TamrJobSucceededSensor(task_id="t", source_id="s", since=since)
        assert sensor.poke(CONTEXT) is False
        tenant.end()
        told = sensor.poke(CONTEXT)
        assert isinstance(told, PokeReturnValue)
        assert told.xcom_value["job_id"] == "j-1"


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
def test_wrong_arguments_fail_before_anything_is_sent(
    sensor: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PermanentError):
        sensor.execute(CONTEXT)
    assert tenant.sent == []


def test_silent_fail_hides_no_wrong_argument(tenant: Tenant) -> None:
    """Airflow's loop would poke on until the timeout, with the error in the log alone."""
    with pytest.raises(PermanentError):
        TamrResourceIdleSensor(task_id="t", silent_fail=True, poke_interval=0.01, timeout=1).execute(CONTEXT)
