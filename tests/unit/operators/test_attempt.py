"""What one try of a task does with runs of earlier tries, with events, and with failures."""

from __future__ import annotations

import re
from datetime import timedelta
from traceback import format_exception
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_dataops.errors import (
    BadRequestError,
    OutageError,
    RunCancelledError,
    RunError,
    RunFailedError,
    RunLostError,
    RunTimeoutError,
    ServerError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.airflow_names import TaskDeferralTimeout
from tests.unit.operators.stage import SLOTS_TAKEN, Attempt, Hook, StateStore, Tenant, Time, deferral, event
from tests.unit.operators.tamr_loads import operator

FAIL = "__fail__"


class TestFailures:
    def test_a_failed_run_fails_the_task_with_the_message_of_the_platform(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.end(reason="PLANNING_FAILED", message="column gone")
        with pytest.raises(
            RunFailedError, match=r"Tamr job j-1 ended DONE: PLANNING_FAILED: column gone \[https"
        ):
            operator().execute_complete(attempt.context(), event(tenant))

    def test_a_stopped_run_raises_run_cancelled_error(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.end(reason="STOPPED_BY_USER")
        with pytest.raises(RunCancelledError):
            operator().execute_complete(attempt.context(), event(tenant))

    @pytest.mark.parametrize("payload", [None, {}, {"status": "success"}, "success", {"ending": "finished"}])
    def test_an_unreadable_event_fails_the_task(self, tenant: Tenant, payload: Any) -> None:
        with pytest.raises(RunError, match="cannot read"):
            operator().execute_complete(Attempt().context(), payload)

    def test_a_permanent_error_is_not_retried_and_has_one_traceback(self, tenant: Tenant) -> None:
        tenant.submit_errors = [BadRequestError("unknown source", status=400)]
        with pytest.raises(PermanentError, match="unknown source") as caught:
            operator().execute(Attempt().context())
        assert isinstance(caught.value, AirflowFailException)
        assert isinstance(caught.value.error, BadRequestError)
        logged = "".join(format_exception(caught.value))
        assert logged.count("Traceback") == 1
        assert "in submit" in logged

    def test_a_failed_run_raises_run_failed_error(self, tenant: Tenant) -> None:
        tenant.status = {"state": "DONE", "error": {"reason": "X"}}
        with pytest.raises(RunFailedError):
            operator().act(Attempt().context())

    def test_a_timeout_stops_the_job(self, tenant: Tenant) -> None:
        with pytest.raises(RunTimeoutError):
            operator(deferrable=False, timeout=5).act(Attempt().context())
        assert tenant.stops() == ["POST /j-1:stop"]

    @pytest.mark.parametrize(
        ("limits", "named"),
        [
            ({"timeout": 5}, "timeout=5 s"),
            ({"timeout": 5, "execution_timeout": timedelta(seconds=9)}, "timeout=5 s"),
            ({"timeout": 9, "execution_timeout": timedelta(seconds=5)}, "execution_timeout=5 s"),
        ],
    )
    def test_a_timeout_message_contains_the_limit_the_deadline_and_the_last_state(
        self, tenant: Tenant, limits: dict[str, Any], named: str
    ) -> None:
        words = re.escape(f"job j-1 had not ended in the time allowed ({named}): the deadline ")
        with pytest.raises(
            RunTimeoutError,
            match=words + ".* UTC has passed; the last state was RUNNING; the state is now RUNNING ",
        ):
            operator(deferrable=False, **limits).act(Attempt().context())

    def test_a_timeout_event_without_a_state_contains_the_limit(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True, timeout=60), attempt)
        late = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}
        with pytest.raises(RunTimeoutError, match=r"\(timeout=60 s\): late; the state is now RUNNING"):
            operator(timeout=60).execute_complete(attempt.context(), late)

    def test_a_trigger_timeout_of_airflow_contains_the_limit(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True, timeout=60), attempt)
        words = (
            r"\(timeout=60 s\): the deadline .* UTC has passed; Airflow .*timeout; the state is now RUNNING"
        )
        with pytest.raises(RunTimeoutError, match=words):
            operator(timeout=60).resume_execution(FAIL, {"error": "Trigger timeout"}, attempt.context())

    def test_the_timeout_limits_the_search_after_a_lost_response(self, tenant: Tenant, clock: Time) -> None:
        attempt = Attempt()
        tenant.submit_errors = [ServerError("HTTP 503", status=503, retry_after=900.0)]
        with pytest.raises(RunTimeoutError, match="the next try continues the search"):
            operator(timeout=60).act(attempt.context())
        assert clock.slept <= 60.0
        clock.slept += 600.0
        assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-1"
        assert tenant.submissions() == 2

    def test_the_timeout_limits_each_request_of_a_submission(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A long ``Retry-After`` must not keep the worker busy after the task's deadline."""
        policies: list[Any] = []

        class WatchedHook(Hook):
            def run(self, exchange: Any, policy: object = None) -> Any:
                policies.append(policy)
                return super().run(exchange, policy)

        monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda self: WatchedHook(tenant, self.pause))
        deferred = deferral(operator(deferrable=True, timeout=60), Attempt())
        assert policies[0].deadline == deferred.trigger.deadline

    def test_a_timeout_leaves_the_job_running_without_cancel_on_kill(self, tenant: Tenant) -> None:
        with pytest.raises(RunTimeoutError):
            operator(deferrable=False, timeout=5, cancel_on_kill=False).act(Attempt().context())
        assert tenant.stops() == []

    def test_a_timeout_logs_the_job_if_the_stop_request_fails(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(line: str) -> None:
            if line.endswith(":stop"):
                raise ServerError("HTTP 503: busy", status=503)

        tenant.on_request = fail
        with pytest.raises(RunTimeoutError):
            operator(deferrable=False, timeout=5).act(Attempt().context())
        log = capsys.readouterr().out
        assert "HTTP 503: busy" in log
        assert "job j-1 was not stopped and may still be running: https://" in log

    def test_a_timeout_does_not_stop_the_job_of_a_newer_try(self, tenant: Tenant) -> None:
        attempt = Attempt()
        tenant.on_request = lambda line: setattr(attempt.store, "superseded", line == "GET /j-1")
        with pytest.raises(RunTimeoutError):
            operator(deferrable=False, timeout=5).act(attempt.context())
        assert tenant.stops() == []

    def test_a_trigger_timeout_does_not_stop_the_job_of_a_newer_try(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.on_request = lambda line: setattr(attempt.store, "superseded", line == "GET /j-1")
        with pytest.raises(RunTimeoutError):
            operator().resume_execution(FAIL, {"error": "Trigger timeout"}, attempt.context())
        assert tenant.stops() == []

    def test_a_run_that_ended_before_its_timeout_event_succeeds(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.end()
        late = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}
        assert operator().execute_complete(attempt.context(), late)["state"] == "succeeded"

    def test_reason_to_skip_skips_the_task(self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            TamrLoadSourceOperator, "reason_to_skip", lambda _, snapshot: f"nothing to do: {snapshot.run_id}"
        )
        tenant.status = {"state": "DONE", "error": {"reason": "EMPTY"}}
        with pytest.raises(AirflowSkipException, match="nothing to do: j-1"):
            operator(deferrable=True).execute(Attempt().context())


class TestTriggerFailures:
    @pytest.mark.parametrize("stored", [True, False], ids=["state store", "XCom alone"])
    def test_a_trigger_timeout_stops_the_job(self, tenant: Tenant, stored: bool) -> None:
        attempt = Attempt(store=StateStore() if stored else None)
        deferral(operator(deferrable=True), attempt)
        with pytest.raises(RunTimeoutError):
            operator().resume_execution(FAIL, {"error": "Trigger timeout"}, attempt.context())
        assert tenant.stops() == ["POST /j-1:stop"]

    @pytest.mark.parametrize("stored", [True, False], ids=["state store", "XCom alone"])
    def test_a_crashed_trigger_is_replaced_three_times(self, tenant: Tenant, stored: bool) -> None:
        attempt = Attempt(store=StateStore() if stored else None)
        first = deferral(operator(deferrable=True), attempt)
        crashed = {"error": "Trigger failure", "traceback": ["boom"]}
        for _ in range(3):
            with pytest.raises(TaskDeferred) as caught:
                operator(deferrable=True).resume_execution(FAIL, crashed, attempt.context())
            assert caught.value.trigger.run_id == "j-1"
            assert caught.value.trigger.deadline == first.trigger.deadline
        with pytest.raises(OutageError, match="crashed 4 times"):
            operator(deferrable=True).resume_execution(FAIL, crashed, attempt.context())
        assert tenant.submissions() == 1
        assert tenant.stops() == ["POST /j-1:stop"]

    def test_the_next_try_counts_crashes_from_zero(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        for attempt.try_number in (1, 1, 1, 2):
            with pytest.raises(TaskDeferred):
                operator().resume_execution(FAIL, {"error": "Trigger failure"}, attempt.context())

    def test_a_crash_during_an_outage_defers_the_task_again(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.status_errors = [ServerError("503", status=503)]
        with pytest.raises(TaskDeferred) as caught:
            operator().resume_execution(FAIL, {"error": "Trigger failure"}, attempt.context())
        assert caught.value.trigger.run_id == "j-1"

    def test_the_last_crash_does_not_hide_a_successful_run(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        for _ in range(3):
            with pytest.raises(TaskDeferred):
                operator().resume_execution(FAIL, {"error": "Trigger failure"}, attempt.context())
        tenant.end()
        result = operator().resume_execution(FAIL, {"error": "Trigger failure"}, attempt.context())
        assert result["state"] == "succeeded"
        assert tenant.stops() == []

    def test_a_trigger_timeout_ends_the_wait_for_a_slot(self, tenant: Tenant) -> None:
        tenant.submit_errors = [SLOTS_TAKEN]
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        with pytest.raises(TaskDeferralTimeout):
            operator().resume_execution(FAIL, {"error": "Trigger timeout"}, attempt.context())
        assert tenant.stops() == []

    def test_a_run_that_ended_before_the_crash_was_handled_succeeds(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.end()
        result = operator().resume_execution(FAIL, {"error": "Trigger failure"}, attempt.context())
        assert result["state"] == "succeeded"


class TestTries:
    def test_a_retry_waits_for_the_same_run(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        attempt.try_number = 2
        assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-1"
        assert tenant.submissions() == 1

    def test_a_retry_after_a_failed_run_starts_a_new_run(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.end(reason="X")
        assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"

    def test_a_retry_waits_for_an_unlisted_run_in_the_triggerer_or_on_the_worker(
        self, tenant: Tenant, clock: Time
    ) -> None:
        attempt = Attempt()
        first = deferral(operator(deferrable=True), attempt)
        assert first.trigger.known is True, "the worker has read its state"
        job = tenant.jobs.pop("j-1")
        slept = clock.slept
        again = deferral(operator(deferrable=True), attempt)
        assert (again.trigger.run_id, again.trigger.known) == ("j-1", True)
        assert clock.slept - slept < 1.0, "the trigger waits for half an hour, and the worker does not"

        # A task with deferrable=False waits on the worker.
        def list_it_again() -> None:
            if clock.slept - slept > 1_700.0:
                tenant.jobs["j-1"] = job
                tenant.end()

        clock.on_sleep.append(list_it_again)
        assert operator(deferrable=False).act(attempt.context())["run_id"] == "j-1"
        assert tenant.submissions() == 1

    def test_a_retry_on_a_worker_reports_a_lost_run_after_half_an_hour(
        self, tenant: Tenant, clock: Time
    ) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        tenant.jobs.clear()
        slept = clock.slept
        with pytest.raises(RunLostError, match="j-1"):
            operator(deferrable=False).act(attempt.context())
        assert clock.slept - slept >= 1_790.0
        tenant.jobs["j-0"] = {"jobId": "j-0", "configuration": {}, "status": {}}
        assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"

    def test_a_run_that_was_never_listed_is_not_known(self, tenant: Tenant) -> None:
        tenant.on_request = lambda line: tenant.jobs.clear() if line == "GET /j-1" else None
        assert deferral(operator(deferrable=True), Attempt()).trigger.known is False

    def test_a_clear_stops_the_old_run_and_starts_a_new_one(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True), attempt)
        attempt.max_tries, attempt.clear_number = 3, 1
        assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == ["POST /j-1:stop"]

    def test_each_try_has_its_own_deadline(self, tenant: Tenant, clock: Time) -> None:
        attempt = Attempt()
        first = deferral(operator(deferrable=True, timeout=100), attempt)
        clock.slept += 1_000.0
        second = deferral(operator(deferrable=True, timeout=100), attempt)
        assert second.trigger.deadline - first.trigger.deadline == pytest.approx(1_000, abs=5)

    def test_a_retry_without_durable_starts_a_new_run(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(operator(deferrable=True, durable=False), attempt)
        assert deferral(operator(deferrable=True, durable=False), attempt).trigger.run_id == "j-2"


def test_a_failed_resume_keeps_the_stored_link(tenant: Tenant) -> None:
    """Airflow asks for the link after each try and stores it. ``None`` keeps the stored link."""
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    resumed = operator(deferrable=True)
    with pytest.raises(RunError):
        resumed.execute_complete(attempt.context(), {"nonsense": 1})
    assert resumed.run_url is None


def test_an_event_about_another_run_fails_the_task(tenant: Tenant) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    lost = {"ending": "timeout", "run_id": "j-2", "snapshot": None, "message": "late", "permanent": False}
    with pytest.raises(RunError, match=r"an event about j-2; the task waits for j-1"):
        operator(deferrable=True).execute_complete(attempt.context(), lost)
    assert tenant.stops() == []


def test_a_run_with_an_unreadable_record_is_logged_and_not_stopped(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    assert attempt.store is not None
    attempt.store.rows = {key: {"version": 0} for key in attempt.store.rows}
    late = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}
    with pytest.raises(RunTimeoutError, match="j-1"):
        operator(deferrable=True).execute_complete(attempt.context(), late)
    assert tenant.stops() == []
    assert "job j-1 was not stopped and may still be running: https://" in capsys.readouterr().out
