"""An operator that starts a run: its ways of waiting, and its arguments."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators.tamr import (
    TamrCreateJobOperator,
    TamrLoadSourceOperator,
    TamrPublishOperator,
)
from airflow_provider_dataops.triggers.tamr import TamrJobTrigger
from tests.unit.operators.stage import Attempt, Tenant, deferral, event
from tests.unit.operators.tamr_loads import operator

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from airflow_provider_dataops.operators import base


class TestModes:
    def test_all_modes_return_the_same_result(self, tenant: Tenant) -> None:
        tenant.on_request = lambda line: tenant.end() if line == "GET /j-1" else None
        on_worker = operator(deferrable=False).act(Attempt().context())

        attempt = Attempt()
        tenant.jobs.clear()
        tenant.on_request = None
        deferral(operator(deferrable=True), attempt)
        tenant.end()
        resumed = operator(deferrable=True).execute_complete(attempt.context(), event(tenant))
        found_again = operator(deferrable=True).act(attempt.context())

        assert on_worker == resumed == found_again
        assert on_worker["state"] == "succeeded"
        assert on_worker["run_id"] == on_worker["job_id"] == "j-1"

    def test_a_deferred_task_passes_its_run_to_the_trigger(self, tenant: Tenant) -> None:
        deferred = deferral(operator(deferrable=True, poll_interval=45, timeout=3600), Attempt())
        trigger = deferred.trigger
        assert isinstance(trigger, TamrJobTrigger)
        assert (trigger.conn_id, trigger.run_id, trigger.poll_interval) == ("tamr_default", "j-1", 45.0)
        assert trigger.cancel_on_kill is True
        assert trigger.deadline == pytest.approx(time.time() + 3600, abs=5)
        assert deferred.method_name == "execute_complete"
        assert deferred.timeout == pytest.approx(timedelta(seconds=3600 + 90), abs=timedelta(seconds=5))

    def test_a_shorter_execution_timeout_sets_the_deadline(self, tenant: Tenant) -> None:
        task = operator(deferrable=True, timeout=3600, execution_timeout=timedelta(seconds=100))
        assert deferral(task, Attempt()).trigger.deadline == pytest.approx(time.time() + 100, abs=5)

    def test_a_task_that_does_not_wait_returns_at_once(self, tenant: Tenant) -> None:
        result = operator(wait_for_completion=False, deferrable=True).act(Attempt().context())
        assert (result["run_id"], result["state"]) == ("j-1", "running")

    def test_a_run_that_has_already_ended_needs_no_trigger(self, tenant: Tenant) -> None:
        tenant.status = {"state": "DONE"}
        assert operator(deferrable=True).act(Attempt().context())["state"] == "succeeded"

    def test_the_link_is_stored_while_the_run_is_active(self, tenant: Tenant, links: list[str]) -> None:
        deferral(operator(deferrable=True), Attempt())
        assert links == ["https://my-tenant.tamr.cloud/"]

    def test_a_link_that_cannot_be_stored_does_not_end_the_wait(
        self, tenant: Tenant, mocker: MockerFixture
    ) -> None:
        mocker.patch("airflow.sdk.execution_time.xcom.XCom._set_xcom_in_db", side_effect=OSError("503"))
        assert isinstance(deferral(operator(deferrable=True), Attempt()).trigger, TamrJobTrigger)


class TestArguments:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"poll_interval": 0},
            {"poll_interval": -1},
            {"timeout": timedelta(0)},
            {"timeout": float("inf")},
            {"timeout": float("nan")},
            {"timeout": 1e12},
            {"timeout": "1h"},
            {"deferrable": "yes"},
            {"wait_for_completion": None},
            {"durable": 1},
            {"cancel_on_kill": "no"},
        ],
    )
    def test_are_checked_when_the_dag_file_is_parsed(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
            operator(**wrong)

    @pytest.mark.parametrize(
        "task",
        [
            TamrLoadSourceOperator(task_id="t", source_id=" "),
            TamrLoadSourceOperator(task_id="t", source_id="s", tamr_conn_id=""),
            TamrPublishOperator(task_id="t", destination_id=""),
            TamrCreateJobOperator(
                task_id="t", configuration={"update": {"dataProductId": "a", "workflowId": "b"}}
            ),
        ],
    )
    def test_are_checked_again_before_a_request_is_sent(
        self, task: base.RunOperator, mocker: MockerFixture
    ) -> None:
        hook = mocker.patch.object(type(task), "make_hook")
        with pytest.raises(PermanentError):
            task.execute(Attempt().context())
        hook.assert_not_called()
