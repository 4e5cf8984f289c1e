"""Endings that have two parts: a kill and then a retry, an index that moved, an Airflow without a store."""

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


class TestSigtermAndThenARetry:
    def kill(self, clock: Time, task: Any, attempt: Attempt) -> None:
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit):
            task.act(attempt.context())
        clock.on_sleep.clear()
        attempt.try_number = 2

    def test_starts_another_run_where_the_first_was_stopped(
        self, tenant: Tenant, quick: Any, clock: Time
    ) -> None:
        attempt = Attempt()
        self.kill(clock, load(deferrable=False), attempt)
        assert deferral(load(), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == ["POST /j-1:stop"]

    def test_waits_for_the_end_of_a_run_that_still_stops(
        self, tenant: Tenant, quick: Any, clock: Time
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

    def test_takes_up_the_run_where_it_cannot_be_stopped(self, pipeline: Pipeline, clock: Time) -> None:
        attempt = Attempt()
        self.kill(clock, execute(deferrable=False), attempt)
        assert deferral(execute(), attempt).trigger.run_id == "e-1"
        assert pipeline.sent.count("POST p-1") == 1


class TestAMappedIndexThatMoved:
    """Airflow keeps the record of index 0; a retry or a Clear finds another element there."""

    @pytest.mark.parametrize("cleared", [False, True])
    def test_takes_no_run_of_another_element(self, tenant: Tenant, cleared: bool) -> None:
        attempt = Attempt()
        deferral(load("of the first element"), attempt)
        attempt.max_tries += cleared
        assert deferral(load("of the second element"), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == ["POST /j-1:stop"]

    def test_takes_no_result_of_another_element(self, tenant: Tenant) -> None:
        attempt = Attempt()
        deferral(load("of the first element"), attempt)
        tenant.end()
        assert deferral(load("of the second element"), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == []


class TestAnAirflowWithoutATaskStateStore:
    """Before 3.3. What a deferral needs is in an XCom, which the next try does not see."""

    def test_starts_another_run_at_a_retry(self, tenant: Tenant) -> None:
        attempt = Attempt(store=None)
        deferral(load(), attempt)
        attempt.try_number, attempt.xcoms = 2, {}
        assert deferral(load(), attempt).trigger.run_id == "j-2"
        assert tenant.stops() == []

    def test_stops_its_run_at_a_kill(self, tenant: Tenant, quick: Any, clock: Time) -> None:
        task = load(deferrable=False)
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit):
            task.act(Attempt(store=None).context())
        assert tenant.stops() == ["POST /j-1:stop"]


def test_a_retry_of_a_task_that_does_not_wait_starts_nothing_while_its_run_is_active(tenant: Tenant) -> None:
    attempt = Attempt()
    first = load(wait_for_completion=False).act(attempt.context())
    attempt.try_number = 2
    assert load(wait_for_completion=False).act(attempt.context()) == first
    assert tenant.submissions() == 1


def test_an_intent_that_cannot_be_stored_sends_nothing(tenant: Tenant) -> None:
    store = StateStore()

    def away(*_: object) -> None:
        raise OSError("503")

    store.set = away  # type: ignore[method-assign]
    with pytest.raises(OSError, match="503"):
        load().act(Attempt(store=store).context())
    assert tenant.submissions() == 0


def test_without_a_list_from_before_nothing_is_sent(tenant: Tenant) -> None:
    def away(line: str) -> None:
        if line == "GET /":
            raise ServerError("HTTP 503", status=503)

    tenant.on_request = away
    attempt = Attempt()
    with pytest.raises(ServerError):
        load().act(attempt.context())
    assert tenant.submissions() == 0
    assert attempt.store is not None
    assert attempt.store.rows == {}
