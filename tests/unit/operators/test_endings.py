"""Two things at once: a kill and a retry, a moved mapped index, an Airflow without a state store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import RunCancelledError, ServerError
from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, StateStore, deferral, event

if TYPE_CHECKING:
    from tests.unit.operators.stage import Pipeline, Tenant, Time


def load(source_id: str = "s", **arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id=source_id, **{"deferrable": True, **arguments})


def execute(**arguments: Any) -> QuantemplateExecutePipelineOperator:
    return QuantemplateExecutePipelineOperator(
        task_id="t", pipeline_id="p-1", **{"deferrable": True, **arguments}
    )


class TestRetryAfterSigterm:
    def kill(self, clock: Time, task: Any, attempt: Attempt) -> None:
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit):
            task.act(attempt.context())
        clock.on_sleep.clear()
        attempt.try_number = 2

    def test_starts_a_new_run_if_the_first_was_stopped(
        self, tenant: Tenant, kill_driver: Any, clock: Time
    ) -> None:
        attempt = Attempt()
        self.kill(clock, load(deferrable=False), attempt)
        assert deferral(load(), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == ["POST /j-1:stop"]

    def test_waits_for_a_run_that_is_still_stopping(
        self, tenant: Tenant, kill_driver: Any, clock: Time
    ) -> None:
        attempt = Attempt()
        self.kill(clock, load(deferrable=False), attempt)
        tenant.jobs["j-1"]["status"] = {"state": "STOPPING"}
        assert deferral(load(), attempt).trigger.run_id == "j-1"
        tenant.end(reason="STOPPED_BY_USER")
        with pytest.raises(RunCancelledError):
            load().execute_complete(attempt.context(), event(tenant))
        attempt.try_number = 3
        assert deferral(load(), attempt).trigger.run_id == "j-2"

    def test_waits_for_a_run_that_cannot_be_stopped(self, pipeline: Pipeline, clock: Time) -> None:
        attempt = Attempt()
        self.kill(clock, execute(deferrable=False), attempt)
        assert deferral(execute(), attempt).trigger.run_id == "e-1"
        assert pipeline.sent.count("POST p-1") == 1


class TestMovedMappedIndex:
    """Airflow keeps the record of index 0, but a retry or a clear finds another element there."""

    @pytest.mark.parametrize("cleared", [False, True])
    def test_does_not_use_the_run_of_another_element(self, tenant: Tenant, cleared: bool) -> None:
        attempt = Attempt()
        deferral(load("of the first element"), attempt)
        attempt.max_tries += cleared
        assert deferral(load("of the second element"), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == ["POST /j-1:stop"]

    def test_does_not_use_the_result_of_another_element(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(load("of the first element"), attempt)
        tenant.end()
        assert deferral(load("of the second element"), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == []


class TestAirflowWithoutTaskStateStore:
    """Airflow before 3.3: a deferral keeps its data in an XCom, and the next try cannot read that XCom."""

    def test_a_retry_starts_a_new_run(self, tenant: Tenant) -> None:
        attempt = Attempt(store=None)
        deferral(load(), attempt)
        attempt.try_number, attempt.xcoms = 2, {}
        assert deferral(load(), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == []

    def test_a_kill_stops_the_run(self, tenant: Tenant, kill_driver: Any, clock: Time) -> None:
        task = load(deferrable=False)
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit):
            task.act(Attempt(store=None).context())
        assert tenant.stops() == ["POST /j-1:stop"]


def test_a_retry_of_a_task_that_does_not_wait_starts_no_second_run_while_the_first_is_active(
    tenant: Tenant,
) -> None:
    attempt = Attempt()
    first = load(wait_for_completion=False).act(attempt.context())
    attempt.try_number = 2
    assert load(wait_for_completion=False).act(attempt.context()) == first
    assert tenant.submissions() == 1


def test_nothing_is_submitted_if_the_intent_cannot_be_stored(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateStore()

    def unavailable(*_: object) -> None:
        raise OSError("503")

    monkeypatch.setattr(store, "set", unavailable)
    with pytest.raises(OSError, match="503"):
        load().act(Attempt(store=store).context())
    assert tenant.submissions() == 0


def test_nothing_is_submitted_if_the_runs_cannot_be_listed(tenant: Tenant) -> None:
    def unavailable(line: str) -> None:
        if line == "GET /":
            raise ServerError("HTTP 503", status=503)

    tenant.on_request = unavailable
    attempt = Attempt()
    with pytest.raises(ServerError):
        load().act(attempt.context())
    assert tenant.submissions() == 0
    assert attempt.store is not None
    assert attempt.store.rows == {}
