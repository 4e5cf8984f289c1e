"""A task that waits for a slot of the platform."""

from __future__ import annotations

import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.errors import RunError, RunTimeoutError
from airflow_provider_dataops.triggers.base import PauseTrigger
from tests.unit.operators.stage import SLOTS_TAKEN, Attempt, Tenant, Time, deferral
from tests.unit.operators.tamr_loads import operator


class TestSlots:
    def test_a_deferrable_task_waits_in_the_triggerer(self, tenant: Tenant) -> None:
        tenant.submit_errors = [SLOTS_TAKEN]
        attempt = Attempt()
        task = operator(deferrable=True, timeout=3600)
        deferred = deferral(task, attempt)
        assert isinstance(deferred.trigger, PauseTrigger)
        assert 15 <= deferred.trigger.until - time.time() <= 31
        with pytest.raises(TaskDeferred) as caught:
            task.resume_submit(attempt.context(), deferred.trigger.payload)
        assert caught.value.trigger.run_id == "j-1"
        assert caught.value.trigger.deadline == deferred.trigger.payload["deadline"]
        assert tenant.submissions() == 2

    def test_the_wait_follows_the_retry_after_header(self, tenant: Tenant) -> None:
        tenant.submit_errors = [type(SLOTS_TAKEN)("busy", status=429, retry_after=500.0)]
        deferred = deferral(operator(deferrable=True), Attempt())
        assert deferred.trigger.until - time.time() == pytest.approx(500, abs=3)

    def test_a_task_that_is_not_deferrable_waits_on_the_worker(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tenant.submit_errors = [SLOTS_TAKEN]
        task = operator(deferrable=False, wait_for_completion=False)
        monkeypatch.setattr(task, "pause", lambda _: None)
        assert task.act(Attempt().context())["run_id"] == "j-1"

    def test_a_deferrable_task_does_not_wait_beyond_the_deadline(self, tenant: Tenant) -> None:
        tenant.submit_errors = [SLOTS_TAKEN]
        with pytest.raises(RunTimeoutError, match="no slot"):
            operator(deferrable=True, timeout=5).act(Attempt().context())

    def test_a_task_on_a_worker_does_not_wait_beyond_the_deadline(self, tenant: Tenant, clock: Time) -> None:
        tenant.submit_errors = [SLOTS_TAKEN] * 99
        with pytest.raises(RunTimeoutError, match="no slot"):
            operator(deferrable=False, timeout=600).act(Attempt().context())
        assert clock.slept <= 600
        assert 2 < tenant.submissions() < 15

    @pytest.mark.parametrize("payload", [None, {}, "go", {"deadline": "later", "slot_waits": 1}])
    def test_an_unreadable_event_submits_nothing(self, tenant: Tenant, payload: Any) -> None:
        with pytest.raises(RunError, match="cannot read"):
            operator(deferrable=True).resume_submit(Attempt().context(), payload)
        assert tenant.sent == []

    def test_a_429_to_another_request_fails_the_task(self, tenant: Tenant) -> None:
        def fail(line: str) -> None:
            if line == "GET /":
                raise type(SLOTS_TAKEN)("slow down", status=429)

        tenant.on_request = fail
        with pytest.raises(type(SLOTS_TAKEN), match="slow down"):
            operator(deferrable=True).act(Attempt().context())
